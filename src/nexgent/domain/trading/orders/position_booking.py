"""Book what a swap on an open position brought, on the newest state of its wallet."""

from __future__ import annotations

from dataclasses import dataclass

from nexgent.domain.agents.config import DEFAULT_CONFIG, TradingConfig
from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.ledger.errors import LedgerInvariantError
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.ledger.models import Intent, TradeSettled
from nexgent.domain.positions.errors import PositionNotFoundError
from nexgent.domain.positions.models import Position
from nexgent.domain.prices.ports import SolPriceFeed, newest_sol_usd
from nexgent.domain.trading.book.position_book import PositionBook
from nexgent.domain.trading.models import Fill
from nexgent.domain.trading.orders.order_settlement import check_affordable, settle_position_order
from nexgent.domain.trading.settlement import Settlement, SettlementContext, settle_write_off
from nexgent.shared.clock import Clock
from nexgent.shared.types import PositionId


@dataclass(frozen=True, slots=True)
class PositionOrderDone:
    """An operation that is booked: the position before it, what was recorded, the fill."""

    position: Position
    settled: TradeSettled
    fill: Fill


class PositionBooking:
    """Knows what a settlement needs beside the fill: the trail as prices have left it, the agent's rules, the price of SOL."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        directory: AgentDirectory,
        sol_price: SolPriceFeed,
        clock: Clock,
        book: PositionBook,
    ) -> None:
        self._ledger = ledger
        self._directory = directory
        self._sol_price = sol_price
        self._clock = clock
        self._book = book

    async def book(self, intent: Intent, fill: Fill) -> PositionOrderDone:
        """Book a swap that landed. Whoever wrote to the wallet meanwhile, the fill is booked on what is now.

        Raises `PositionNotFoundError` when the position is gone (it was booked elsewhere), `JournalUnavailableError`.
        """
        position_id = _position_of(intent)

        async def step() -> PositionOrderDone:
            state = await self._ledger.fresh(intent.wallet_address)
            position = state.positions.get(position_id)
            if position is None or intent.id not in state.intents:
                raise PositionNotFoundError(position_id)
            check_affordable(intent, fill, state)
            trail = self._book.trail_of(position)
            settlement = settle_position_order(
                intent, fill, self._context(position), position, trail, self._config(position)
            )
            entry = self._ledger.stage(intent.wallet_address, settlement.body, settlement.postings)
            await self._ledger.commit(entry)
            return PositionOrderDone(position, settlement.body, fill)

        return await self._ledger.decide(step)

    def written_off(self, intent: Intent, position: Position) -> Settlement:
        """Return what to write for a position that is lost."""
        return settle_write_off(intent, self._context(position), position)

    def _context(self, position: Position) -> SettlementContext:
        now = self._clock.now()
        return SettlementContext(
            now=now,
            sol_usd=newest_sol_usd(self._sol_price, now),
            token_symbol=position.token_symbol,
            token_decimals=position.decimals,
        )

    def _config(self, position: Position) -> TradingConfig:
        agent = self._directory.find(position.agent_id)
        return agent.config if agent is not None else DEFAULT_CONFIG


def _position_of(intent: Intent) -> PositionId:
    if intent.position_id is None:
        raise LedgerInvariantError(f"intent {intent.id} concerns no position")
    return intent.position_id
