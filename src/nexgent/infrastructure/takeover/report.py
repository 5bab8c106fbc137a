"""What is taken over, what is not, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

MOST_NAMED = 5
"""So many of those that share a reason are named."""


class Thing(StrEnum):
    """What there is to take over."""

    USERS = "users"
    API_KEYS = "API keys"
    SIGNALS = "signals"
    AGENTS = "agents"
    WALLETS = "wallets"
    BALANCES = "balances"
    POSITIONS = "open positions"
    TRANSACTIONS = "transactions"
    CLOSED_TRADES = "closed trades"
    EXECUTIONS = "signal executions"
    SNAPSHOTS = "balance snapshots"


class Effect(StrEnum):
    """What becomes of something that is not taken over as it is."""

    CHANGED = "changed"
    LEFT_OUT = "left out"


@dataclass(slots=True)
class Tally:
    """How many there are, and what becomes of them. `here` were taken over, or were there, before."""

    there: int = 0
    taken: int = 0
    here: int = 0
    left_out: int = 0


@dataclass(slots=True)
class Finding:
    """Something that is changed or left out, and why; `named` are the first of `count`."""

    effect: Effect
    thing: Thing
    why: str
    count: int = 0
    named: list[str] = field(default_factory=list)


class Report:
    """Grows while things are taken over."""

    def __init__(self) -> None:
        self._tallies = {thing: Tally() for thing in Thing}
        self._findings: dict[tuple[Effect, Thing, str], Finding] = {}
        self.notes: list[str] = []
        """What else whoever moves in should know."""

    @property
    def tallies(self) -> Mapping[Thing, Tally]:
        """Return the figures, in the order in which things are taken over."""
        return self._tallies

    @property
    def findings(self) -> Sequence[Finding]:
        """Return what is not taken over as it is: what is left out first."""
        return sorted(self._findings.values(), key=lambda one: one.effect is not Effect.LEFT_OUT)

    @property
    def is_complete(self) -> bool:
        """Tell whether nothing is left out."""
        return not any(tally.left_out for tally in self._tallies.values())

    @property
    def is_empty(self) -> bool:
        """Tell whether there is nothing to write."""
        return not any(tally.taken for tally in self._tallies.values())

    def there(self, thing: Thing, count: int) -> None:
        """Note how many there are."""
        self._tallies[thing].there = count

    def taken(self, thing: Thing, count: int = 1) -> None:
        """Count what is taken over."""
        self._tallies[thing].taken += count

    def here(self, thing: Thing, count: int = 1) -> None:
        """Count what is here already."""
        self._tallies[thing].here += count

    def left_out(self, thing: Thing, which: str, why: str, count: int = 1) -> None:
        """Count what is not taken over, with the reason."""
        if count:
            self._tallies[thing].left_out += count
            self._note(Effect.LEFT_OUT, thing, which, why, count)

    def changed(self, thing: Thing, which: str, why: str) -> None:
        """Note that something is taken over differently from what it is."""
        self._note(Effect.CHANGED, thing, which, why, 1)

    def _note(self, effect: Effect, thing: Thing, which: str, why: str, count: int) -> None:
        key = (effect, thing, why)
        finding = self._findings.setdefault(key, Finding(effect, thing, why))
        finding.count += count
        if len(finding.named) < MOST_NAMED and which not in finding.named:
            finding.named.append(which)
