"""Open positions. What trades change lives in `Position`; what prices change lives in `PositionTrail`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Self

from nexgent.shared.money import from_raw, sol
from nexgent.shared.structs import as_struct, replace
from nexgent.shared.types import AgentId, PositionId, SignalId, TokenAddress, TransactionId, WalletAddress


class CloseReason(StrEnum):
    """Why a position was left."""

    MANUAL = "manual"
    STOP_LOSS = "stop_loss"
    TAKE_PROFIT = "take_profit"
    STALE_TRADE = "stale_trade"
    WRITE_OFF = "write_off"
    PANIC = "panic"
    EXTERNAL = "external"
    """Its tokens were sold or moved by somebody else than this service."""
    SIGNAL = "signal"
    """A signal asked for it."""


@as_struct
@dataclass(frozen=True, slots=True)
class PositionTrail:
    """What prices have done to a position: its peak, its stop, its low. A stop only ever tightens until a trade re-bases it."""

    position_id: PositionId
    position_version: int
    """The version of the position this trail was based on; a DCA re-bases peak and stop."""
    peak_price_sol: Decimal
    lowest_price_sol: Decimal
    stop_loss_pct: Decimal | None
    """Percent from the entry price; negative is a loss, positive a locked gain; nothing when stop loss is off."""
    stop_updated_at: datetime | None


@as_struct
@dataclass(frozen=True, slots=True)
class PendingExit:
    """An exit that was triggered and has to be tried until the position is flat."""

    reason: CloseReason
    attempts: int
    since: datetime
    signal_id: SignalId | None = None
    """The signal that asked for it, of an exit for that reason."""


@as_struct
@dataclass(frozen=True, slots=True)
class PendingTakeProfit:
    """What a take-profit sale under way will have done when it is booked: the decision is part of the durable intent."""

    levels: int
    """How many levels the sale takes."""
    moon_bag_raw: int | None
    """The moon bag that is set aside with it, nothing when none is activated now."""


@as_struct
@dataclass(frozen=True, slots=True)
class Position:
    """A holding of one token in one wallet. Amounts are base units; `version` grows with every entry about it."""

    id: PositionId
    agent_id: AgentId
    wallet_address: WalletAddress
    token_address: TokenAddress
    token_symbol: str
    decimals: int
    version: int
    purchase_transaction_id: TransactionId
    signal_id: SignalId | None
    entry_price_sol: Decimal
    """Average SOL per token: the swap amount alone after the first buy, all SOL spent over all tokens after a DCA."""
    purchased_raw: int
    """All tokens ever bought; partial sales do not reduce it."""
    quantity_raw: int
    """What is still held."""
    invested_lamports: int
    """All SOL debited for it, fees included."""
    cost_basis_lamports: int
    """The part of `invested_lamports` that belongs to what is still held."""
    received_lamports: int
    """Net SOL credited by partial sales so far."""
    realized_lamports: int
    """Profit of partial sales so far: net proceeds minus the cost basis they sold."""
    dca_count: int
    dca_transaction_ids: tuple[TransactionId, ...]
    last_dca_at: datetime | None
    partially_sold: bool
    take_profit_levels_hit: int
    take_profit_transaction_ids: tuple[TransactionId, ...]
    last_take_profit_at: datetime | None
    moon_bag_activated: bool
    moon_bag_raw: int | None
    take_profit_batch_start: int
    take_profit_levels_total: int | None
    opened_at: datetime
    updated_at: datetime
    base_trail: PositionTrail
    """The trail after the last trade that (re-)based it: the first buy or a DCA. Prices move on from here."""
    operations: int = 0
    """How many operations were intended on it: the generation of the next one."""
    pending_exit: PendingExit | None = None
    purchase_hash: str | None = None
    """The chain's name of the opening transaction; None on paper."""
    pending_take_profit: PendingTakeProfit | None = None

    @classmethod
    def opened(
        cls,
        *,
        trail: PositionTrail,
        agent_id: AgentId,
        wallet_address: WalletAddress,
        token_address: TokenAddress,
        token_symbol: str,
        decimals: int,
        transaction_id: TransactionId,
        signal_id: SignalId | None,
        entry_price_sol: Decimal,
        quantity_raw: int,
        cost_lamports: int,
        at: datetime,
        purchase_hash: str | None = None,
    ) -> Self:
        """Return a position as its purchase leaves it: so many base units for so many lamports, fees included.

        `trail` is its first one, and names it.
        """
        return cls(
            id=trail.position_id,
            agent_id=agent_id,
            wallet_address=wallet_address,
            token_address=token_address,
            token_symbol=token_symbol,
            decimals=decimals,
            version=trail.position_version,
            purchase_transaction_id=transaction_id,
            signal_id=signal_id,
            entry_price_sol=entry_price_sol,
            purchased_raw=quantity_raw,
            quantity_raw=quantity_raw,
            invested_lamports=cost_lamports,
            cost_basis_lamports=cost_lamports,
            received_lamports=0,
            realized_lamports=0,
            dca_count=0,
            dca_transaction_ids=(),
            last_dca_at=None,
            partially_sold=False,
            take_profit_levels_hit=0,
            take_profit_transaction_ids=(),
            last_take_profit_at=None,
            moon_bag_activated=False,
            moon_bag_raw=None,
            take_profit_batch_start=0,
            take_profit_levels_total=None,
            opened_at=at,
            updated_at=at,
            base_trail=trail,
            purchase_hash=purchase_hash,
        )

    def of_another(
        self,
        position_id: PositionId,
        agent_id: AgentId,
        wallet_address: WalletAddress,
        transaction_id: TransactionId,
    ) -> Position:
        """Return the position of somebody who bought alike: it differs in nothing but whose it is."""
        return replace(
            self,
            id=position_id,
            agent_id=agent_id,
            wallet_address=wallet_address,
            purchase_transaction_id=transaction_id,
            base_trail=replace(self.base_trail, position_id=position_id),
        )

    @property
    def purchased(self) -> Decimal:
        """All tokens ever bought, in tokens."""
        return from_raw(self.purchased_raw, self.decimals)

    @property
    def quantity(self) -> Decimal:
        """What is still held, in tokens."""
        return from_raw(self.quantity_raw, self.decimals)

    @property
    def remaining(self) -> Decimal | None:
        """What is still held after partial sales, or nothing when none happened (the contract's `remainingAmount`)."""
        return self.quantity if self.partially_sold else None

    @property
    def invested_sol(self) -> Decimal:
        """All SOL debited for it, fees included."""
        return sol(self.invested_lamports)
