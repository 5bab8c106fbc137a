"""The audit log loses nothing while the database is away, and knows every endpoint that matters."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from fastapi import APIRouter
from starlette.responses import Response

from nexgent.api.app import ENDPOINTS
from nexgent.api.audit import audited_endpoints
from nexgent.api.http.access import SessionCaller
from nexgent.api.http.declared import NOT_AUDITED, audited
from nexgent.api.http.route import ApiRoute
from nexgent.domain.audit.models import MAX_TEXT_LENGTH, AuditEntry, Outcome
from nexgent.domain.audit.trail import MAX_WAITING, AuditTrail
from nexgent.shared.errors import UnavailableError
from tests.fakes.audit import FakeAuditLog
from tests.patience import PATIENCE_SECONDS, until


def entry(action: str = "auth.login") -> AuditEntry:
    return AuditEntry(at=datetime.now(UTC), action=action, outcome=Outcome.OK, actor="a@b.co")


async def test_what_cannot_be_written_waits_and_is_written_in_order() -> None:
    store = FakeAuditLog()
    trail = AuditTrail(store=store)
    store.failure = UnavailableError("away")
    await trail.record(entry("first"))
    await trail.record(entry("second"))
    assert store.rows == []

    store.failure = None
    await trail.record(entry("third"))

    assert [row.entry.action for row in store.rows] == ["first", "second", "third"]
    await trail.flush()
    assert len(store.rows) == 3


async def test_memory_is_bounded_while_the_database_is_away() -> None:
    store = FakeAuditLog()
    trail = AuditTrail(store=store)
    for number in range(MAX_WAITING + 5):
        trail.note(entry(str(number)))

    await trail.flush()

    assert [row.entry.action for row in store.rows][:1] == ["5"]
    assert len(store.rows) == MAX_WAITING


async def test_it_raises_where_nobody_waits_for_an_answer() -> None:
    store = FakeAuditLog()
    store.failure = UnavailableError("away")
    trail = AuditTrail(store=store)
    trail.note(entry())
    with pytest.raises(UnavailableError):
        await trail.flush()


def test_what_clients_choose_is_cut_and_cleaned() -> None:
    made = AuditEntry(
        at=datetime.now(UTC),
        action="x",
        outcome=Outcome.FAILED,
        actor="a\0\n" * 500,
        details={"k\x1b": "v\r" * 999},
    )
    assert made.actor == "a" * MAX_TEXT_LENGTH
    assert made.details == {"k": "v" * MAX_TEXT_LENGTH}


def test_everything_that_writes_is_in_it_but_what_says_otherwise() -> None:
    found = audited_endpoints(ENDPOINTS)
    there = {f"{name.split()[0]} /{'/'.join(one.template)}" for name, some in found.items() for one in some}
    writing = {f"{one.method} {one.path}" for one in ENDPOINTS if one.method != "GET"}
    # In the journal, or no business of safety.
    of_no_concern = {
        "trades", "agent-transactions", "agent-historical-swaps", "agent-balances", "agent-positions", "trading-signals",
        "webhooks", "ws",
    }  # fmt: skip

    assert writing - there == {
        "POST /auth/refresh",
        "POST /web/refresh",
        "POST /wallets/{walletAddress}/check-deposits",
        "POST /signal-webhooks/{id}/in",
        "POST /signal-webhooks/{id}/test",
        "POST /notifications/targets/{id}/test",
        "POST /agents/{id}/positions/{positionId}/close",
        "POST /agents/{id}/positions/{positionId}/sell-part",
        "POST /agents/{id}/positions/{positionId}/preview-sale",
        *(name for name in writing if name.split("/")[1] in of_no_concern),
    }
    named = {one.action for some in found.values() for one in some}
    assert {
        "auth.login",
        "api_key.create",
        "wallet.assign",
        "agent.update",
        "agent.configure",
        "kill_switch.set",
    } <= named
    assert named >= {one.action.name for one in ENDPOINTS if one.action is not None} - {""}


def test_a_new_router_is_in_it_without_saying_so() -> None:
    router = APIRouter(prefix="/novelties", tags=["novelties"], route_class=ApiRoute)
    left_out = APIRouter(prefix="/others", tags=["others"], route_class=ApiRoute, dependencies=[NOT_AUDITED])

    @router.delete("/{id}")
    async def remove(caller: SessionCaller) -> Response:
        return Response(status_code=204)

    left_out.delete("/{id}")(remove)
    left_out.put("/{id}", dependencies=[audited("other.changed")])(remove)

    made = [one for one in (*router.routes, *left_out.routes) if isinstance(one, ApiRoute)]
    assert {name: [one.action for one in some] for name, some in audited_endpoints(made).items()} == {
        "DELETE novelties": ["novelties.delete"],
        "PUT others": ["other.changed"],
    }


class HangingLog(FakeAuditLog):
    """A database that hangs, where interrupting a statement hangs as well."""

    def __init__(self) -> None:
        super().__init__()
        self.back = asyncio.Event()

    async def append(self, entries: Sequence[AuditEntry]) -> None:
        while not self.back.is_set():
            with suppress(asyncio.CancelledError):
                await self.back.wait()
        await super().append(entries)


async def test_a_database_that_hangs_is_waited_for_a_moment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nexgent.domain.audit.trail.PATIENCE_SECONDS", 0.01)
    store = HangingLog()
    trail = AuditTrail(store=store)

    async with asyncio.timeout(PATIENCE_SECONDS):
        await trail.record(entry("first"))
        await trail.record(entry("second"))
    assert store.rows == []
    store.back.set()

    await until(lambda: len(store.rows) == 2)
