"""Whoever may block new entries is asked about every purchase, and what it says is what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import pytest

from nexgent.domain.agents.models import Agent
from nexgent.domain.ledger.state import WalletState
from nexgent.domain.signals.models import Gate
from nexgent.shared.types import TokenAddress
from tests.builders import TOKEN, a_config, an_agent
from tests.fakes.engine import FakeEngine

LOOKED_AT = (Gate("maxDailyLoss", "1", "0.5", True),)


@dataclass(frozen=True)
class Verdict:
    gates: tuple[Gate, ...]
    code: str | None
    reason: str | None


class Guard:
    """Says what the test wants, and remembers what it was asked."""

    def __init__(self, code: str | None, reason: str | None) -> None:
        self._verdict = Verdict(LOOKED_AT, code, reason)
        self.asked: list[tuple[int, TokenAddress | None]] = []

    def check(
        self,
        agent: Agent,
        state: WalletState,
        now: datetime,
        *,
        size_lamports: int = 0,
        new_position_in: TokenAddress | None = None,
    ) -> Verdict:
        self.asked.append((size_lamports, new_position_in))
        return self._verdict


@pytest.mark.parametrize(
    ("code", "reason", "told"),
    [
        (None, None, None),
        ("KILL_SWITCH", "entries are switched off", "entries are switched off"),
        ("COOLDOWN", None, "a protection blocks new entries"),
    ],
)
async def test_a_purchase_is_what_the_guard_makes_of_it(
    code: str | None, reason: str | None, told: str | None
) -> None:
    guard = Guard(code, reason)
    engine = FakeEngine(guard=guard)
    agent = await engine.add_agent(an_agent(a_config()))

    (result,) = await engine.buy([agent], size_sol=Decimal(1))

    assert guard.asked == [(1_000_000_000, TOKEN)]
    assert (result.code, result.reason, result.gates) == (code, told, LOOKED_AT)
    assert len(engine.positions(agent)) == (1 if code is None else 0)
    assert len(engine.swaps.requests) == (1 if code is None else 0)
