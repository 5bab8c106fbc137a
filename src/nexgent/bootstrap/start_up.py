"""Fill an engine from storage: agents, wallet states, trails. The start is the recovery from a crash; there is no other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import structlog

from nexgent.bootstrap.engine import Engine
from nexgent.domain.agents.events import AgentSaved
from nexgent.domain.agents.ports import AgentRepository
from nexgent.domain.ledger.events import WalletsTouched
from nexgent.domain.ledger.state import WalletState
from nexgent.domain.positions.models import Position, PositionTrail
from nexgent.domain.trading.ports import TrailStore
from nexgent.infrastructure.database.journal.journal import PostgresJournal
from nexgent.shared.shards import ALL_SHARDS, is_in
from nexgent.shared.types import WalletAddress

log = structlog.get_logger(__name__)

WALLETS_AT_ONCE = 200
READ_ATTEMPTS = 5
"""So often all agents are read for want of a moment in which none is changed; after that what was heard of them has to do."""


async def load_engine(
    engine: Engine, *, agents: AgentRepository, journal: PostgresJournal, trails: TrailStore
) -> None:
    """Make memory equal to storage: everything recorded, whether projected or not."""
    directory, ledger = engine.directory, engine.ledger
    for _ in range(READ_ATTEMPTS):
        changes = directory.changes
        listed, deleted = await agents.list_all(), await agents.list_deleted()
        if directory.changes == changes:
            break
    directory.load(listed, deleted)
    stored, asked = await trails.load(), set[WalletAddress]()
    position = await journal.head_position()
    with ledger.heard() as heard:
        states = await journal.load(None)
        ledger.load(states, position)
        ledger.on_touched(WalletsTouched(list(heard)))
        # What a replica hears of meanwhile is newer than what it has read, and is in its book already: it is read as well, and
        # nothing is waited for between the last read and the book.
        while left := [
            wallet
            for wallet in heard
            if not ledger.is_current(wallet) and (ledger.knows(wallet) or wallet not in asked)
        ]:
            asked.update(left)
            await ledger.refresh(left)
    positions = _open_positions(ledger.states())
    engine.validator.keep_only(position.token_address for position in positions)
    engine.latest_prices.keep_only(position.token_address for position in positions)
    _fill_book(engine, positions, stored)
    log.info(
        "engine.loaded",
        agents=len(engine.directory),
        wallets=len(states),
        positions=len(engine.book),
        open_intents=sum(len(state.intents) for state in states),
    )


async def read_shards(
    engine: Engine, shards: int, *, agents: AgentRepository, trails: TrailStore
) -> list[WalletAddress]:
    """Make memory equal to storage for the agents of these shards, while others are traded for; return their wallets.

    Raises `UnavailableError`.
    """
    directory, ledger = engine.directory, engine.ledger
    for _ in range(READ_ATTEMPTS):
        changes = directory.changes
        listed, deleted = await agents.list_all(), await agents.list_deleted()
        if directory.changes == changes:
            changed = [agent for agent in listed if directory.find(agent.id) != agent]
            directory.load(listed, deleted)
            for agent in changed:
                engine.keeper.on_agent_saved(AgentSaved(agent))
            break
    wallets = [
        wallet.address for agent in directory.all() if is_in(shards, agent.id) for wallet in agent.wallets
    ]
    stored = await trails.load()
    # What is traded meanwhile is written between two of these reads.
    for start in range(0, len(wallets), WALLETS_AT_ONCE):
        chunk = wallets[start : start + WALLETS_AT_ONCE]
        ledger.on_touched(WalletsTouched(chunk))
        await ledger.refresh(chunk)
    # Nothing is waited for between the last read and the book: what is heard of a position from here on is newer, and what was
    # heard before has been read.
    while any(ledger.knows(wallet) and not ledger.is_current(wallet) for wallet in wallets):
        await ledger.refresh(wallets)
    states = [ledger.head(wallet) for wallet in wallets if ledger.knows(wallet)]
    _fill_book(engine, _open_positions(states), stored, shards)
    return wallets


def _open_positions(states: Iterable[WalletState]) -> list[Position]:
    return [position for state in states for position in state.positions.values()]


def _fill_book(
    engine: Engine, positions: Sequence[Position], trails: Sequence[PositionTrail], shards: int = ALL_SHARDS
) -> None:
    """Have the book hold these positions of the shards' agents, and no others of theirs."""
    stored = {trail.position_id: trail for trail in trails}
    open_now = {position.id for position in positions}
    for held in list(engine.book.all()):
        if is_in(shards, held.position.agent_id) and held.position.id not in open_now:
            engine.book.remove(held.position.id)
    for position in positions:
        engine.keeper.watch(position, _newest_trail(position, stored.get(position.id)))
        engine.validator.seed(position.token_address, position.entry_price_sol, position.opened_at)


def _newest_trail(position: Position, stored: PositionTrail | None) -> PositionTrail:
    """Return the stored trail, unless a trade has re-based the position since it was stored."""
    base = position.base_trail
    if stored is None or stored.position_version < base.position_version:
        return base
    return stored
