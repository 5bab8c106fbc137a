"""Users, and how often a password may be tried."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from nexgent.domain.signals.webhooks.models import NewSecret
from nexgent.domain.users.api_keys import ApiKeyRecord
from nexgent.domain.users.login_guard import (
    FORGET_AFTER,
    LONGEST_LOCK,
    MAX_FAILED_BY_STRANGERS,
    OF_NETWORK,
    OF_STRANGERS,
    Attempt,
    LoginAttempts,
    account_key,
)
from nexgent.domain.users.models import Scope, User
from nexgent.shared.ids import new_id
from nexgent.shared.paging import PageCursor
from nexgent.shared.types import UserId
from tests.builders import T0, a_webhook
from tests.integration.ports.conftest import Stores

ACCOUNT = account_key("a@example.com")
SECOND = timedelta(seconds=1)


def a_user(email: str = "a@example.com", *, seeded: bool = False) -> User:
    return User(id=UserId(new_id()), email=email, password_hash="one", created_at=T0, seeded=seeded)


async def claimed(
    attempts: LoginAttempts, network: str, now: datetime, user: UserId | None = None
) -> Attempt:
    attempt = await attempts.claim(ACCOUNT, network, user, now)
    assert isinstance(attempt, Attempt)
    return attempt


async def test_an_address_is_somebodys(stores: Stores) -> None:
    users, first = stores.users, a_user()
    assert not await users.any()
    assert await users.only_one() is None
    assert await users.add(first)
    assert not await users.add(a_user())

    assert await users.any()
    assert await users.get(first.id) == first
    assert await users.find_by_email("a@example.com") == first
    assert await users.find_by_email("b@example.com") is None
    assert await users.only_one() == first.id
    other = a_user("b@example.com")
    assert await users.add(other)
    assert await users.only_one() is None
    stranger = UserId(new_id())
    assert set(await users.gone([first.id, other.id, stranger])) == {stranger}
    assert set(await users.gone([])) == set()


async def test_a_new_password_ends_what_was_before(stores: Stores) -> None:
    users, registered, seeded = stores.users, a_user(), a_user("s@example.com", seeded=True)
    await users.add(registered)
    await users.add(seeded)
    for user in (registered, seeded):
        await users.change_password(user.id, "two", T0)
        await users.change_password(user.id, "three", T0 + SECOND)

    changed, own = await users.get(registered.id), await users.get(seeded.id)
    assert changed is not None
    assert own is not None
    assert (changed.password_hash, changed.sessions_from, changed.seeded_password_hash) == (
        "three",
        T0 + SECOND,
        None,
    )
    # The password of the settings is remembered: it does not come back by itself.
    assert (own.password_hash, own.seeded_password_hash) == ("three", "one")
    assert await users.sessions_from() == {registered.id: T0 + SECOND, seeded.id: T0 + SECOND}

    await users.set_password(seeded.id, "four", T0 + 2 * SECOND)
    own = await users.get(seeded.id)
    assert own is not None
    assert (own.password_hash, own.seeded_password_hash, own.sessions_from) == ("four", None, T0 + 2 * SECOND)

    await users.adopt(registered.id, T0)
    adopted = await users.get(registered.id)
    assert adopted is not None
    assert adopted.seeded


async def test_a_closed_account_lets_nobody_in_and_keeps_what_it_owns(stores: Stores) -> None:
    users, agent = stores.users, await stores.agent()
    closed, other = await users.get(agent.user_id), a_user("other@example.com", seeded=True)
    if closed is None:
        # The fake has agents without users.
        closed = replace(a_user(), id=agent.user_id)
        await users.add(closed)
    await users.add(other)
    for owner in (closed, other):
        record = ApiKeyRecord(
            id=new_id(), user_id=owner.id, name="bot", prefix="nex_", scopes=(Scope.SIGNALS,), created_at=T0
        )
        assert await stores.keys.add(record, f"hash of {owner.id}", most=5)
        await stores.webhooks.add(NewSecret(a_webhook(owner.id), "whs_x"))

    await users.close(closed.id, T0 + SECOND)

    after, untouched = await users.get(closed.id), await users.get(other.id)
    assert after is not None
    assert (after.password_hash, after.sessions_from) == (None, T0 + SECOND)
    assert untouched == other
    assert list(await stores.keys.of_user(closed.id)) == []
    assert len(await stores.keys.of_user(other.id)) == 1
    assert list(await stores.webhooks.of_user(closed.id)) == []
    assert len(await stores.webhooks.of_user(other.id)) == 1
    assert await stores.agents.get(agent.id) is not None
    shown = {row.id: row for row in await users.list(limit=10)}
    assert (shown[closed.id].active, shown[closed.id].api_keys) == (False, 0)
    assert (shown[other.id].active, shown[other.id].api_keys, shown[other.id].agents) == (True, 1, 0)
    # The password of the settings does not come back by itself.
    await users.close(other.id, T0)
    own = await users.get(other.id)
    assert own is not None
    assert (own.password_hash, own.seeded_password_hash) == (None, "one")


async def test_users_are_listed_from_the_newest_in_pages(stores: Stores) -> None:
    users = [replace(a_user(f"{n}@example.com"), created_at=T0 + (n // 2) * SECOND) for n in range(5)]
    for user in users:
        assert await stores.users.add(user)
    in_order = sorted(users, key=lambda user: (user.created_at, user.id), reverse=True)

    first = await stores.users.list(limit=2)
    rest = await stores.users.list(limit=9, after=PageCursor(first[-1].created_at, first[-1].id))

    assert [row.id for row in (*first, *rest)] == [user.id for user in in_order]
    assert [row.id for row in await stores.users.list(limit=1, offset=1)] == [in_order[1].id]


async def test_five_from_one_network_close_it_for_a_while(stores: Stores) -> None:
    attempts = stores.attempts
    for number in range(OF_NETWORK.limit):
        await claimed(attempts, "192.0.2.0/24", T0 + number * SECOND)

    until = T0 + (OF_NETWORK.limit - 1) * SECOND + OF_NETWORK.lock
    assert await attempts.claim(ACCOUNT, "192.0.2.0/24", None, until - SECOND) == until
    # Others are not concerned, nor is another account, and afterwards counting starts again.
    await claimed(attempts, "198.51.100.0/24", T0)
    assert isinstance(await attempts.claim(account_key("b@example.com"), "192.0.2.0/24", None, T0), Attempt)
    for number in range(OF_NETWORK.limit - 1):
        await claimed(attempts, "192.0.2.0/24", until + number * SECOND)
    assert not await attempts.unlock(ACCOUNT, until + 5 * SECOND)


async def test_strangers_share_a_lock_that_grows(stores: Stores) -> None:
    attempts, user = stores.attempts, await stores.user()
    known = await claimed(attempts, "203.0.113.0/24", T0, user)
    await attempts.succeeded(known, user, T0)
    for number in range(MAX_FAILED_BY_STRANGERS):
        await claimed(attempts, f"2001:db8:{number}::/64", T0, user)

    until = T0 + OF_STRANGERS.lock
    assert await attempts.claim(ACCOUNT, "2001:db8:ffff::/64", user, T0) == until
    # Whoever was logged in from there before is no stranger.
    assert (await claimed(attempts, "203.0.113.0/24", T0, user)).known
    for number in range(MAX_FAILED_BY_STRANGERS):
        await claimed(attempts, f"2001:db8:1:{number}::/64", until, user)
    assert await attempts.claim(ACCOUNT, "2001:db8:ffff::/64", user, until) == until + 2 * OF_STRANGERS.lock
    assert await attempts.unlock(ACCOUNT, until)
    assert not await attempts.unlock(ACCOUNT, until)
    await claimed(attempts, "2001:db8:ffff::/64", until, user)
    assert OF_STRANGERS.lock < LONGEST_LOCK


async def test_what_was_not_looked_at_or_fitted_is_not_counted(stores: Stores) -> None:
    attempts, user = stores.attempts, await stores.user()
    for _ in range(3 * OF_NETWORK.limit):
        await attempts.withdraw(await claimed(attempts, "192.0.2.0/24", T0, user))
    for _ in range(OF_NETWORK.limit):
        last = await claimed(attempts, "192.0.2.0/24", T0, user)
    await attempts.withdraw(last)
    last = await claimed(attempts, "192.0.2.0/24", T0, user)

    await attempts.succeeded(last, user, T0)

    for _ in range(OF_NETWORK.limit):
        assert (await claimed(attempts, "192.0.2.0/24", T0, user)).known


async def test_a_day_later_counting_starts_again(stores: Stores) -> None:
    attempts = stores.attempts
    for _ in range(OF_NETWORK.limit - 1):
        await claimed(attempts, "192.0.2.0/24", T0)
    later = T0 + FORGET_AFTER + SECOND

    for _ in range(OF_NETWORK.limit - 1):
        await claimed(attempts, "192.0.2.0/24", later)
