"""Signal webhooks, their secrets and the alerts that came in."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from nexgent.domain.signals.webhooks.errors import WebhookNotFoundError
from nexgent.domain.signals.webhooks.models import NewSecret
from tests.builders import T0, a_webhook
from tests.integration.ports.conftest import Stores


async def test_a_webhook_is_stored_changed_and_deleted(stores: Stores) -> None:
    webhooks, user, stranger = stores.webhooks, await stores.user(), await stores.user()
    webhook = a_webhook(user)
    newer = replace(a_webhook(user), created_at=T0 + timedelta(hours=1))
    await webhooks.add(NewSecret(newer, "whs_other"))
    await webhooks.add(NewSecret(webhook, "whs_first"))

    assert await webhooks.find(webhook.id) == webhook
    assert list(await webhooks.of_user(user)) == [newer, webhook]
    assert list(await webhooks.of_user(stranger)) == []
    assert await webhooks.secret_of(webhook.id) == "whs_first"

    changed = replace(webhook, name="Other", template={}, maps={}, max_age_seconds=5, enabled=False)
    assert await webhooks.save(changed)
    assert await webhooks.set_secret(NewSecret(changed, "whs_new"))
    assert await webhooks.find(webhook.id) == changed
    assert await webhooks.secret_of(webhook.id) == "whs_new"

    assert not await webhooks.remove(webhook.id, stranger)
    assert await webhooks.remove(webhook.id, user)
    assert not await webhooks.remove(webhook.id, user)
    assert await webhooks.find(webhook.id) is None
    assert await webhooks.secret_of(webhook.id) is None
    assert not await webhooks.save(changed)
    assert not await webhooks.set_secret(NewSecret(changed, "x"))


async def test_saving_leaves_what_is_counted_alone(stores: Stores) -> None:
    webhooks, webhook = stores.webhooks, a_webhook(await stores.user())
    await webhooks.add(NewSecret(webhook, "whs_x"))

    await webhooks.count(webhook.id, T0, accepted=True)
    await webhooks.count(webhook.id, T0 - timedelta(hours=1), accepted=False)
    await webhooks.save(replace(webhook, name="Other"))

    counted = replace(webhook, name="Other", last_received_at=T0, accepted_count=1, refused_count=1)
    assert await webhooks.find(webhook.id) == counted


async def test_an_alert_counts_once_until_it_is_forgotten(stores: Stores) -> None:
    webhooks, user = stores.webhooks, await stores.user()
    one, two = a_webhook(user), a_webhook(user)
    for webhook in (one, two):
        await webhooks.add(NewSecret(webhook, "whs_x"))

    assert await webhooks.remember_alert(one.id, "a", T0)
    assert not await webhooks.remember_alert(one.id, "a", T0)
    assert await webhooks.remember_alert(two.id, "a", T0)
    await webhooks.forget_alert(one.id, "a")
    assert await webhooks.remember_alert(one.id, "a", T0 + timedelta(hours=1))


async def test_an_alert_for_a_webhook_that_is_gone_is_told(stores: Stores) -> None:
    webhook = a_webhook(await stores.user())
    with pytest.raises(WebhookNotFoundError):
        await stores.webhooks.remember_alert(webhook.id, "a", T0)
    await stores.webhooks.count(webhook.id, T0, accepted=True)
    assert await stores.webhooks.find(webhook.id) is None
