"""Signal webhooks in the real PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from pydantic import SecretStr

from nexgent.domain.signals.webhooks.models import NewSecret
from nexgent.infrastructure.database.stores.webhooks import (
    ALERTS_KEPT_FOR,
    PostgresWebhooks,
    forget_old_alerts,
)
from nexgent.infrastructure.security.sealing import Sealer
from nexgent.shared.types import UserId
from tests.builders import T0, a_webhook
from tests.integration.repositories.conftest import Pool, add_user


def on(pool: Pool, secret: str = "a secret of tests, 32 characters long") -> PostgresWebhooks:
    return PostgresWebhooks(pool, Sealer(SecretStr(secret), "signal-webhook"))


async def test_a_webhook_is_stored_changed_and_deleted(pool: Pool, user_id: UserId) -> None:
    webhooks, webhook, stranger = on(pool), a_webhook(user_id), await add_user(pool)
    await webhooks.add(NewSecret(webhook, "whs_canary"))
    newer = replace(a_webhook(user_id), created_at=T0 + timedelta(hours=1))
    await webhooks.add(NewSecret(newer, "whs_other"))

    assert await webhooks.find(webhook.id) == webhook
    assert list(await webhooks.of_user(user_id)) == [newer, webhook]
    assert list(await webhooks.of_user(stranger)) == []
    assert await webhooks.secret_of(webhook.id) == "whs_canary"
    assert await on(pool, "another secret, long enough for this").secret_of(webhook.id) is None
    stored = await pool.fetchval("SELECT secret FROM signal_webhooks WHERE id = $1", webhook.id)
    assert b"canary" not in stored

    changed = replace(webhook, name="Other", template={}, maps={}, max_age_seconds=5, enabled=False)
    assert await webhooks.save(changed)
    assert await webhooks.set_secret(NewSecret(changed, "whs_new"))
    await webhooks.count(webhook.id, T0, accepted=True)
    await webhooks.count(webhook.id, T0 - timedelta(hours=1), accepted=False)
    counted = replace(changed, last_received_at=T0, accepted_count=1, refused_count=1)
    assert await webhooks.find(webhook.id) == counted
    assert await webhooks.secret_of(webhook.id) == "whs_new"

    assert not await webhooks.remove(webhook.id, stranger)
    assert await webhooks.remove(webhook.id, user_id)
    assert await webhooks.find(webhook.id) is None
    assert await webhooks.secret_of(webhook.id) is None
    assert not await webhooks.save(changed)
    assert not await webhooks.set_secret(NewSecret(changed, "x"))


async def test_ids_of_alerts_count_once_until_they_are_forgotten(pool: Pool, user_id: UserId) -> None:
    webhooks, one, two = on(pool), a_webhook(user_id), a_webhook(user_id)
    for webhook in (one, two):
        await webhooks.add(NewSecret(webhook, "whs_x"))

    assert await webhooks.remember_alert(one.id, "a", T0)
    assert not await webhooks.remember_alert(one.id, "a", T0)
    assert await webhooks.remember_alert(two.id, "a", T0)
    await webhooks.forget_alert(one.id, "a")
    assert await webhooks.remember_alert(one.id, "a", T0 + timedelta(hours=1))

    assert await forget_old_alerts(pool, T0 + ALERTS_KEPT_FOR + timedelta(minutes=1)) == 1
    assert not await webhooks.remember_alert(one.id, "a", T0)
