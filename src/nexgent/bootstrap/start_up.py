"""Fill an engine from storage: agents, wallet states, marks. The start is the recovery from a crash; there is no other."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from nexgent.bootstrap.engine import Engine
from nexgent.domain.agents.ports import AgentRepository
from nexgent.domain.ledger.state import WalletState
from nexgent.domain.positions.models import Position, PositionMark
from nexgent.domain.trading.ports import MarkStore
from nexgent.infrastructure.database.journal.journal import PostgresJournal
from nexgent.shared.types import PositionId

log = structlog.get_logger(__name__)


async def load_engine(
    engine: Engine, *, agents: AgentRepository, journal: PostgresJournal, marks: MarkStore
) -> None:
    """Make memory equal to storage: everything recorded, whether projected or not."""
    engine.directory.load(await agents.list_all(), await agents.list_deleted())
    position = await journal.head_position()
    states = await journal.load(None)
    engine.ledger.load(states, position)
    _fill_book(engine, states, {mark.position_id: mark for mark in await marks.load()})
    log.info(
        "engine.loaded",
        agents=len(engine.directory),
        wallets=len(states),
        positions=len(engine.book),
        open_intents=sum(len(state.intents) for state in states),
    )


def _fill_book(engine: Engine, states: Sequence[WalletState], stored: dict[PositionId, PositionMark]) -> None:
    open_positions = {position.id: position for state in states for position in state.positions.values()}
    for held in list(engine.book.all()):
        if held.position.id not in open_positions:
            engine.book.remove(held.position.id)
    engine.gate.keep_only(position.token_address for position in open_positions.values())
    engine.board.keep_only(position.token_address for position in open_positions.values())
    for position in open_positions.values():
        engine.watcher.watch(position, _newest_mark(position, stored.get(position.id)))
        engine.gate.seed(position.token_address, position.entry_price_sol)


def _newest_mark(position: Position, stored: PositionMark | None) -> PositionMark:
    """Return the stored mark, unless a trade has re-based the position since it was stored."""
    base = position.base_mark
    if stored is None or stored.position_version < base.position_version:
        return base
    return stored
