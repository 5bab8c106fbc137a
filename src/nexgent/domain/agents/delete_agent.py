"""Delete an agent: it trades no more and holds nothing; what it did stays on record for its owner.

The wallets are had alone while it happens, by the engine of the agent. Trades under way are waited for, for a few seconds;
nothing new begins; and the journal gets a last entry per wallet that empties it, so that of two processes only one can be right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.errors import OpenPositionsAtStakeError, TradeUnderWayError
from nexgent.domain.agents.events import AgentDeleted
from nexgent.domain.agents.models import Agent, TradingMode
from nexgent.domain.agents.ports import AgentRepository
from nexgent.domain.ledger.errors import StaleWalletError, UnknownWalletError
from nexgent.domain.ledger.lanes import PATIENCE_SECONDS, Alone, LaneBusyError
from nexgent.domain.ledger.ledger import DECISION_ATTEMPTS, Ledger
from nexgent.domain.ledger.models import WalletReset
from nexgent.domain.ledger.ports import Projections
from nexgent.domain.ledger.share import RequireEngine, here
from nexgent.domain.ledger.state import WalletState, emptying
from nexgent.shared.types import AgentId, UserId, WalletAddress

__all__ = ["DELETED", "DeleteAgent", "TradeUnderWayError"]

DELETED = "agent deleted"
"""The reason of the last entry in the stream of a deleted agent's wallet."""


class DeleteAgent:
    """Refuse while a trade is under way; afterwards nobody holds, watches or prices its positions any more."""

    def __init__(
        self,
        *,
        agents: AgentRepository,
        directory: AgentDirectory,
        ledger: Ledger,
        projections: Projections,
        publish: Callable[[object], None],
        patience_seconds: float = PATIENCE_SECONDS,
        require_engine: RequireEngine = here,
    ) -> None:
        self._require_engine = require_engine
        self._patience_seconds = patience_seconds
        self._agents = agents
        self._directory = directory
        self._ledger = ledger
        self._projections = projections
        self._publish = publish

    async def execute(self, agent_id: AgentId, user_id: UserId, *, confirmed: bool | None = None) -> int:
        """Delete; return how many open positions went with the agent.

        `confirmed` True takes every open position with it. Left out, paper positions go and live ones are asked about: their
        tokens stay in the wallet on the chain, and nobody watches them any more. False asks about either.

        Raises `AgentNotFoundError`, `OpenPositionsAtStakeError`, `TradeUnderWayError`, `UnavailableError`, and
        `EngineElsewhereError` before anything has begun.
        """
        agent = self._directory.owned(agent_id, user_id)
        self._require_engine(agent_id)
        addresses = [wallet.address for wallet in agent.wallets]
        try:
            async with self._ledger.lanes.alone(addresses, patience_seconds=self._patience_seconds) as alone:
                # Its shard may have moved while trades were waited for. From here on it stays.
                self._require_engine(agent_id)
                states = await self._emptied(agent, alone, confirmed)
                # The records have to be in the tables before the wallets they name are gone.
                await self._projections.caught_up()
                await self._agents.delete(agent_id)
                for address in addresses:
                    self._ledger.forget(address)
                self._publish(AgentDeleted(agent_id))
        except LaneBusyError:
            raise TradeUnderWayError from None
        return sum(len(state.positions) for state in states)

    async def _emptied(self, agent: Agent, alone: Alone, confirmed: bool | None) -> list[WalletState]:
        """Write the last entry of every wallet; return what they were before."""
        emptied: dict[WalletAddress, WalletState] = {}
        for attempt in range(DECISION_ATTEMPTS):
            await self._ledger.written()
            states = [one for one in await self._states(agent) if one.wallet_address not in emptied]
            if any(state.intents for state in states):
                raise TradeUnderWayError
            self._ask(agent, states, confirmed)
            entries = [
                self._ledger.stage(
                    state.wallet_address,
                    WalletReset(DELETED, keep_history=True),
                    emptying(state.balances.values()),
                    by=alone,
                )
                for state in states
            ]
            failures = await self._ledger.commit_each(entries)
            done = [state for state, entry in zip(states, entries, strict=True) if entry.id not in failures]
            emptied.update((state.wallet_address, state) for state in done)
            for failure in failures.values():
                if not isinstance(failure, StaleWalletError) or attempt == DECISION_ATTEMPTS - 1:
                    raise failure
            if not failures:
                break
        return list(emptied.values())

    async def _states(self, agent: Agent) -> list[WalletState]:
        states: list[WalletState] = []
        for wallet in agent.wallets:
            try:
                states.append(await self._ledger.fresh(wallet.address))
            except UnknownWalletError:
                continue
        return states

    @staticmethod
    def _ask(agent: Agent, states: Sequence[WalletState], confirmed: bool | None) -> None:
        if confirmed:
            return
        live = {wallet.address for wallet in agent.wallets if wallet.mode is TradingMode.LIVE}
        at_stake: dict[WalletAddress, int] = {
            state.wallet_address: len(state.positions)
            for state in states
            if state.positions and (confirmed is False or state.wallet_address in live)
        }
        if at_stake:
            invested = sum(
                position.invested_lamports
                for state in states
                if state.wallet_address in at_stake
                for position in state.positions.values()
            )
            raise OpenPositionsAtStakeError(
                sum(at_stake.values()), invested, live=bool(live & at_stake.keys())
            )
