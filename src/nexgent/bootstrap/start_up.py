"""Fill an engine from storage: agents, wallet states, trails. The start is the recovery from a crash; there is no other."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import structlog

from nexgent.bootstrap.engine import Engine
from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.events import AgentSaved
from nexgent.domain.agents.models import Agent
from nexgent.domain.agents.ports import AgentRepository
from nexgent.domain.ledger.events import WalletsTouched
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.ledger.state import WalletState
from nexgent.domain.positions.models import Position, PositionTrail
from nexgent.domain.trading.book.position_book import HeldPosition
from nexgent.domain.trading.ports import TrailStore
from nexgent.infrastructure.database.journal.journal import PostgresJournal
from nexgent.shared.shards import is_in
from nexgent.shared.types import AgentId, WalletAddress

log = structlog.get_logger(__name__)

WALLETS_AT_ONCE = 200
READ_ATTEMPTS = 5
"""So often all agents are read for want of a moment in which none is changed; after that what was heard of them has to do."""


class _Listed(NamedTuple):
    """All agents of storage; `is_current` unless one was saved or deleted while they were read."""

    present: Sequence[Agent]
    deleted: Sequence[Agent]
    is_current: bool


async def load_engine(
    engine: Engine, *, agents: AgentRepository, journal: PostgresJournal, trails: TrailStore
) -> None:
    """Make memory equal to storage: everything recorded, whether projected or not."""
    directory, ledger = engine.directory, engine.ledger
    listed = await _list_agents(directory, agents)
    directory.load(listed.present, listed.deleted)
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
    _fill_book(engine, list(engine.book.all()), positions, stored)
    log.info(
        "engine.loaded",
        agents=len(engine.directory),
        wallets=len(states),
        positions=len(engine.book),
        open_intents=sum(len(state.intents) for state in states),
    )


async def load_agents(engine: Engine, *, agents: AgentRepository, journal: PostgresJournal) -> None:
    """Make memory know all agents, and nothing of what they hold: of several engines, each reads that when it has a shard."""
    listed = await _list_agents(engine.directory, agents)
    engine.directory.load(listed.present, listed.deleted)
    engine.ledger.load([], await journal.head_position())
    _fill_book(engine, list(engine.book.all()), (), ())
    log.info("engine.agents_loaded", agents=len(engine.directory))


async def read_shards(
    engine: Engine, shards: int, *, agents: AgentRepository, trails: TrailStore
) -> list[WalletAddress]:
    """Make memory equal to storage for the agents of these shards, while others are traded for; return their wallets.

    Raises `UnavailableError`.
    """
    directory = engine.directory
    listed = await _list_agents(directory, agents)
    # What is told all the time is newer than what was read.
    if listed.is_current:
        changed = [agent for agent in listed.present if directory.find(agent.id) != agent]
        directory.load(listed.present, listed.deleted)
        for agent in changed:
            engine.keeper.on_agent_saved(AgentSaved(agent))
    return await read_agents(
        engine, [agent.id for agent in directory.all() if is_in(shards, agent.id)], trails=trails
    )


async def read_agents(
    engine: Engine, agent_ids: Collection[AgentId], *, trails: TrailStore
) -> list[WalletAddress]:
    """Make memory equal to storage for these agents, whoever trades for them; return their wallets. Raises `UnavailableError`.

    Whatever of them is heard meanwhile, and from then on, is newer.
    """
    ledger = engine.ledger
    concerned = frozenset(agent_ids)
    agents = [agent for agent_id in concerned if (agent := engine.directory.find(agent_id)) is not None]
    wallets = [wallet.address for agent in agents for wallet in agent.wallets]
    ledger.on_touched(WalletsTouched(wallets))
    while True:
        # What is traded meanwhile is written between two of these reads.
        for start in range(0, len(wallets), WALLETS_AT_ONCE):
            await ledger.refresh(wallets[start : start + WALLETS_AT_ONCE])
        stored = await trails.load([position.id for position in _known_positions(ledger, wallets)])
        # Nothing is waited for between the last look and the book: what is heard of a position from here on is newer, and what
        # was heard before has been read.
        if all(ledger.is_current(wallet) for wallet in wallets if ledger.knows(wallet)):
            break
    positions = _known_positions(ledger, wallets)
    before = [held for agent_id in concerned for held in engine.book.of_agent(agent_id)]
    _fill_book(engine, before, positions, stored)
    return wallets


async def _list_agents(directory: AgentDirectory, agents: AgentRepository) -> _Listed:
    """Read all agents, again where one was saved or deleted meanwhile: what was read may be from before that."""
    for _ in range(READ_ATTEMPTS):
        changes = directory.changes
        listed = _Listed(await agents.list_all(), await agents.list_deleted(), directory.changes == changes)
        if listed.is_current:
            break
    return listed


def _known_positions(ledger: Ledger, wallets: Iterable[WalletAddress]) -> list[Position]:
    return _open_positions([ledger.head(wallet) for wallet in wallets if ledger.knows(wallet)])


def _open_positions(states: Iterable[WalletState]) -> list[Position]:
    return [position for state in states for position in state.positions.values()]


def _fill_book(
    engine: Engine,
    before: Iterable[HeldPosition],
    positions: Sequence[Position],
    trails: Sequence[PositionTrail],
) -> None:
    """Have the book hold these positions in the place of those that were there `before`."""
    stored = {trail.position_id: trail for trail in trails}
    open_now = {position.id for position in positions}
    for held in before:
        if held.position.id not in open_now:
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
