"""What a panic wants, and how it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nexgent.domain.positions.models import CloseReason, Position
from nexgent.domain.protections.models import KillSwitch
from nexgent.domain.trading.watch.exits import ExitProgress


@dataclass(frozen=True, slots=True, kw_only=True)
class Remaining:
    """A position that is still open. Without an exit of its own in this process, what the position itself remembers."""

    agent_name: str
    live: bool
    position: Position
    progress: ExitProgress | None

    @property
    def exit_reason(self) -> CloseReason | None:
        """Return why it is being left, nothing when it is not."""
        if self.progress is not None:
            return self.progress.reason
        return self.position.pending_exit.reason if self.position.pending_exit is not None else None

    @property
    def attempts(self) -> int:
        """Return how often it was tried to sell it."""
        if self.progress is not None:
            return self.progress.attempts
        return self.position.pending_exit.attempts if self.position.pending_exit is not None else 0

    @property
    def code(self) -> str | None:
        """Return why the newest attempt failed, as far as this process knows."""
        return self.progress.code if self.progress is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class PanicReport:
    """How things stand: the switch, what is still open, and the entries that were under way when it was engaged."""

    system_wide: bool
    switch: KillSwitch | None
    """Nothing when it was never used."""
    recorded: bool
    """Whether the switch is in the database; until then it is known to this process alone."""
    here: bool
    """Whether this process is the engine, which sells; a replica leaves it to the engine."""
    remaining: Sequence[Remaining]
    entries_under_way: int

    @property
    def engaged(self) -> bool:
        """Tell whether entries are stopped."""
        return self.switch is not None and self.switch.engaged

    @property
    def flattens(self) -> bool:
        """Tell whether everything is being exited."""
        return self.switch is not None and self.switch.engaged and self.switch.flatten

    @property
    def flat(self) -> bool:
        """Tell whether nothing is held, and nothing can still be bought by what was under way."""
        return not self.remaining and not self.entries_under_way
