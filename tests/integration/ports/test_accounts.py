"""API keys, sessions, tickets, repeatable requests and the audit log."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from nexgent.domain.audit.models import AuditEntry, AuditFilter, Outcome
from nexgent.domain.idempotency.models import First, StoredAnswer
from nexgent.domain.users.api_keys import ApiKeyRecord
from nexgent.domain.users.models import Scope
from nexgent.domain.users.origin import Origin
from nexgent.domain.users.ports import SessionStore
from nexgent.domain.users.session_records import SessionRecord
from nexgent.domain.users.socket_tickets import TicketHolder, TicketStore
from nexgent.domain.users.web_links import LinkHolder, LinkStore
from nexgent.shared.ids import new_id
from nexgent.shared.paging import PageCursor
from nexgent.shared.types import UserId
from tests.builders import T0
from tests.integration.ports.conftest import Stores

PRINT, OTHER = b"a" * 32, b"b" * 32
ANSWER = StoredAnswer(201, ((b"content-type", b"application/json"),), b'{"id":1}')
MINUTE = timedelta(minutes=1)


def a_key(user_id: UserId, minutes: int = 0) -> ApiKeyRecord:
    return ApiKeyRecord(
        id=new_id(),
        user_id=user_id,
        name="Key",
        prefix="nex_1234",
        scopes=(Scope.SIGNALS,),
        created_at=T0 + minutes * MINUTE,
    )


def a_session(user_id: UserId, name: str, minutes: int = 0) -> SessionRecord:
    at = T0 + minutes * MINUTE
    return SessionRecord(
        id=name,
        user_id=user_id,
        created_at=at,
        last_used_at=at,
        expires_at=at + timedelta(days=7),
        address="192.0.2.1",
        user_agent="a browser",
        token_id=f"{name}-1",
    )


async def test_a_key_is_known_by_its_hash_until_it_is_deleted(stores: Stores) -> None:
    user, stranger = await stores.user(), await stores.user()
    newer, older = a_key(user, 1), a_key(user)
    assert await stores.keys.add(newer, "1" * 64, most=2)
    assert await stores.keys.add(older, "2" * 64, most=2)
    assert not await stores.keys.add(a_key(user, 2), "3" * 64, most=2)

    assert list(await stores.keys.of_user(user)) == [newer, older]
    assert list(await stores.keys.of_user(stranger)) == []
    assert await stores.keys.get(older.id, user) == older
    assert await stores.keys.get(older.id, stranger) is None
    found = await stores.known_keys.find("2" * 64)
    assert found is not None
    assert (found.id, found.user_id, found.scopes) == (older.id, user, frozenset({"signals"}))
    assert await stores.known_keys.find("3" * 64) is None

    assert not await stores.keys.delete(older.id, stranger)
    assert await stores.keys.delete(older.id, user)
    assert not await stores.keys.delete(older.id, user)
    assert await stores.known_keys.find("2" * 64) is None


async def test_a_session_is_used_and_ends_once(stores: Stores) -> None:
    sessions, user, stranger = stores.sessions, await stores.user(), await stores.user()
    first, second = a_session(user, "first"), a_session(user, "second", 1)
    for session in (first, second):
        await sessions.add(session)
    await sessions.add(replace(first, address="198.51.100.1"))

    assert await sessions.get("first", user) == first
    assert await sessions.get("first", stranger) is None
    assert [session.id for session in await sessions.of_user(user, T0)] == ["second", "first"]
    await sessions.use("first", Origin("192.0.2.9", "another"), T0 + 2 * MINUTE)
    # What arrives late does not make it older.
    await sessions.use("first", Origin("192.0.2.9", "another"), T0 + MINUTE)
    used = replace(first, last_used_at=T0 + 2 * MINUTE, address="192.0.2.9", user_agent="another")
    assert [*await sessions.of_user(user, T0)] == [used, second]
    await sessions.use("gone", Origin("192.0.2.9", "another"), T0)

    assert await sessions.end(stranger, T0 + 3 * MINUTE, only="first") == []
    ended = await sessions.end(user, T0 + 3 * MINUTE, only="first")
    assert [session.id for session in ended] == ["first"]
    assert await sessions.end(user, T0 + 4 * MINUTE, only="first") == []
    kept = await sessions.get("first", user)
    assert kept is not None
    assert kept.ended_at == T0 + 3 * MINUTE
    assert [session.id for session in await sessions.of_user(user, T0)] == ["second"]
    assert await sessions.ended(T0 + 4 * MINUTE) == {"first": int(first.expires_at.timestamp())}
    assert await sessions.ended(first.expires_at + MINUTE) == {}
    assert await sessions.end(user, T0, but="second") == []
    assert [session.id for session in await sessions.of_user(user, second.expires_at + MINUTE)] == []


async def test_a_refresh_token_is_replaced_once(stores: Stores) -> None:
    sessions, user = stores.sessions, await stores.user()
    await sessions.add(a_session(user, "s"))

    assert await sessions.rotate("s", "s-1", "s-2", T0 + MINUTE)
    assert not await sessions.rotate("s", "s-1", "s-3", T0 + MINUTE)
    assert not await sessions.rotate("gone", "s-1", "s-2", T0)
    record = await sessions.get("s", user)
    assert record is not None
    assert (record.token_id, record.previous_token_id, record.rotated_at) == ("s-2", "s-1", T0 + MINUTE)
    await sessions.end(user, T0 + MINUTE)
    assert not await sessions.rotate("s", "s-2", "s-3", T0 + MINUTE)


async def test_a_link_is_taken_once_and_is_no_other(links: LinkStore) -> None:
    holder = LinkHolder(UserId(new_id()), 1_800_000_000, 1_800_000_600.5)
    await links.put("hash", holder, timedelta(minutes=10))

    assert await links.take("other") is None
    assert await links.take("hash") == holder
    assert await links.take("hash") is None


async def test_a_ticket_is_taken_once(tickets: TicketStore) -> None:
    holder = TicketHolder(UserId(new_id()), "token", 1_900_000_000, 1_800_000_000.5, "session", 5)
    await tickets.put("hash", holder, timedelta(seconds=30))

    assert await tickets.take("other") is None
    assert await tickets.take("hash") == holder
    assert await tickets.take("hash") is None


async def test_refresh_tokens_are_valid_until_they_are_removed(tokens: SessionStore) -> None:
    user = UserId(new_id())
    await tokens.add_refresh("a", user, timedelta(hours=1))

    assert await tokens.refresh_owner("a") == user
    assert await tokens.refresh_owner("b") is None
    await tokens.remove_refresh("a")
    await tokens.remove_refresh("a")
    assert await tokens.refresh_owner("a") is None


async def test_a_void_token_is_remembered_until_it_would_have_ended(tokens: SessionStore) -> None:
    now = int(T0.timestamp())
    await tokens.revoke_access("a", now + 600, T0)
    await tokens.revoke_access("over", now - 1, T0)

    (name, until), *others = (await tokens.revoked_access(T0)).items()
    assert others == []
    assert name == "a"
    # What remains is counted from when it is asked.
    assert now < until <= now + 600


async def test_a_key_of_a_request_from_its_first_use_to_its_end(stores: Stores) -> None:
    answers, user, stranger = stores.answers, await stores.user(), await stores.user()

    assert await answers.begin(user, "k", PRINT) is First.NONE
    assert await answers.begin(user, "k", PRINT) is First.RUNNING
    assert await answers.begin(user, "k", OTHER) is First.OTHER_REQUEST
    await answers.finish(user, "k", ANSWER)
    assert await answers.begin(user, "k", PRINT) == ANSWER
    assert await answers.begin(user, "k", OTHER) is First.OTHER_REQUEST
    # The same text is another key for somebody else.
    assert await answers.begin(stranger, "k", PRINT) is First.NONE
    await answers.release(stranger, "k")
    assert await answers.begin(stranger, "k", OTHER) is First.NONE


async def test_what_was_abandoned_is_unknown_and_what_was_answered_stays(stores: Stores) -> None:
    answers, user = stores.answers, await stores.user()
    await answers.begin(user, "k", PRINT)
    answers.abandon(user, "k")
    assert await answers.begin(user, "k", PRINT) is First.UNKNOWN

    await answers.begin(user, "done", PRINT)
    await answers.finish(user, "done", ANSWER)
    answers.abandon(user, "done")
    await answers.release(user, "done")
    assert await answers.begin(user, "done", PRINT) == ANSWER


async def test_the_audit_log_is_listed_newest_first_by_filter(stores: Stores) -> None:
    user = await stores.user()
    own = AuditEntry(
        at=T0, action="auth.login", outcome=Outcome.OK, actor="a@b.co", user_id=user, address="192.0.2.1"
    )
    failed = replace(own, at=T0 + MINUTE, outcome=Outcome.FAILED, user_id=None)
    system = AuditEntry(
        at=T0 + 2 * MINUTE, action="kill_switch", outcome=Outcome.OK, actor="system", target="all"
    )
    stranger = replace(failed, at=T0 + 3 * MINUTE, actor="x@y.co", details={"why": "password"})
    await stores.audit.append([own, failed])
    await stores.audit.append([system, stranger])

    async def found(wanted: AuditFilter) -> list[AuditEntry]:
        return [row.entry for row in await stores.audit.list(wanted, limit=10)]

    assert await found(AuditFilter()) == [stranger, system, failed, own]
    assert await found(AuditFilter(user_id=user)) == [own]
    assert await found(AuditFilter(user_id=user, own_email="a@b.co")) == [failed, own]
    assert await found(AuditFilter(action="kill_switch")) == [system]
    assert await found(AuditFilter(outcome=Outcome.FAILED)) == [stranger, failed]
    assert await found(AuditFilter(target="all")) == [system]
    assert await found(AuditFilter(address="192.0.2.1")) == [stranger, failed, own]
    assert await found(AuditFilter(start=T0 + MINUTE, end=T0 + 2 * MINUTE)) == [system, failed]
    first, second, *_ = await stores.audit.list(AuditFilter(), limit=2)
    after = PageCursor(second.entry.at, second.id)
    assert first.id > second.id
    page = await stores.audit.list(AuditFilter(), limit=1, after=after)
    assert [row.entry for row in page] == [failed]
    assert [row.entry for row in await stores.audit.list(AuditFilter(), limit=1, offset=3)] == [own]
