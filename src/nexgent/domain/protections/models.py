"""What protections look at, and what they say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from nexgent.domain.ledger.models import Entry
from nexgent.domain.signals.models import Gate
from nexgent.shared.types import AgentId, IntentId, TokenAddress, UserId, WalletAddress

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class KillSwitch:
    """A switch that stops all entries: of one user's agents, or of everybody's when `user_id` is None."""

    user_id: UserId | None
    engaged: bool
    reason: str | None
    changed_at: datetime
    changed_by: UserId | None = None
    flatten: bool = False
    """Whether everything is to be exited as well, for as long as the switch is engaged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectionFacts:
    """What one wallet has done and is about to do. Amounts are SOL; times are aware.

    Losses and profits are those of closed trades since the last reset. `equity_sol` is the wallet's worth at cost: its SOL
    plus what its open positions have cost. `exposure_sol` counts the entry in question and those under way.
    """

    system_switch: KillSwitch | None = None
    user_switch: KillSwitch | None = None
    profit_today_sol: Decimal = _ZERO
    below_peak_sol: Decimal = _ZERO
    """How far the sum of all results is below the highest it ever was."""
    loss_streak: int = 0
    last_loss_at: datetime | None = None
    token_closed_at: datetime | None = None
    """When the wallet last left the token, nothing for an entry into a position that is still open."""
    entries_last_hour: int = 0
    equity_sol: Decimal = _ZERO
    exposure_sol: Decimal = _ZERO


class Finding(NamedTuple):
    """What one protection says. The texts are made when somebody reads them: a decision only needs `passed`."""

    name: str
    value: Callable[[], str | None]
    limit: Callable[[], str | None]
    passed: bool


@dataclass(frozen=True, slots=True)
class ProtectionVerdict:
    """Every protection that is on as a finding; the first that does not pass gives code and reason."""

    findings: tuple[Finding, ...] = ()
    code: str | None = None
    reason: str | None = None

    @property
    def blocked(self) -> bool:
        """Tell whether the entry must not happen."""
        return self.code is not None

    @property
    def gates(self) -> tuple[Gate, ...]:
        """Return the findings for the decision record."""
        return tuple(Gate(one.name, one.value(), one.limit(), one.passed) for one in self.findings)


NOTHING_IN_THE_WAY = ProtectionVerdict()


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletRecord:
    """What one wallet has done since its agent's last reset, up to and with the entry `seq` of its stream."""

    wallet_address: WalletAddress
    agent_id: AgentId
    seq: int = 0
    profit_sol: Decimal = _ZERO
    peak_profit_sol: Decimal = _ZERO
    """The highest sum of results there was, at least zero."""
    profit_today_sol: Decimal = _ZERO
    """Results since midnight UTC of the moment it was read."""
    loss_streak: int = 0
    last_loss_at: datetime | None = None
    closed_at: Mapping[TokenAddress, datetime] = field(default_factory=dict)
    entries: Mapping[IntentId, datetime] = field(default_factory=dict)
    """Purchases and DCA buys of the last hour."""
    results_known: bool = True
    """Whether the closed trades were read: `profit_sol` to `last_loss_at` say nothing otherwise."""


@dataclass(frozen=True, slots=True)
class ProtectionControls:
    """What people have decided: switches, and from when on an agent's record counts."""

    switches: Sequence[KillSwitch] = ()
    resets: Mapping[AgentId, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProtectionHistory:
    """Everything the state needs at start: one snapshot of the store, and the entries its tables do not contain yet."""

    controls: ProtectionControls
    records: Sequence[WalletRecord]
    unprojected: Sequence[Entry] = ()
