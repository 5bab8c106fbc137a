"""Let a wallet start again from nothing. The journal keeps what was; balances, positions and records go."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.models import Agent, Wallet
from nexgent.domain.ledger.errors import UnknownWalletError
from nexgent.domain.ledger.lanes import Alone, LaneBusyError
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.ledger.models import WalletReset
from nexgent.domain.ledger.ports import Projections
from nexgent.domain.ledger.share import RequireEngine, here
from nexgent.domain.ledger.state import WalletState, emptying
from nexgent.domain.wallets.errors import ResetFailedError, UnknownWalletAddressError
from nexgent.domain.wallets.ports import WalletRepository, WalletRows
from nexgent.shared.clock import Clock
from nexgent.shared.types import UserId, WalletAddress

log = structlog.get_logger(__name__)

BUSY = "A trade of this wallet is in progress; try again when it has finished"


@dataclass(frozen=True, slots=True)
class ResetResult:
    """What was deleted, and how long it took."""

    deleted: WalletRows
    milliseconds: int


class ResetWallet:
    """One entry brings every balance to zero and drops the positions; the read tables follow it.

    The engine of the agent does it: it alone knows which trades are under way, and lets nothing begin meanwhile.
    """

    def __init__(
        self,
        *,
        directory: AgentDirectory,
        ledger: Ledger,
        wallets: WalletRepository,
        projections: Projections,
        clock: Clock,
        require_engine: RequireEngine = here,
    ) -> None:
        self._require_engine = require_engine
        self._directory = directory
        self._ledger = ledger
        self._wallets = wallets
        self._projections = projections
        self._clock = clock

    async def execute(
        self,
        address: WalletAddress,
        user_id: UserId,
        *,
        reason: str = "reset",
        emptied: Callable[[], Awaitable[None]] | None = None,
    ) -> ResetResult:
        """Return what was deleted. `emptied` is called when it is empty and nothing can begin in it yet.

        Trades under way are waited for, for a few seconds. Raises `UnknownWalletAddressError`, `ResetFailedError` while one
        does not end, `UnavailableError`, and `EngineElsewhereError` before anything has begun.
        """
        agent, _ = owned_wallet(self._directory, address, user_id)
        self._require_engine(agent.id)
        started = self._clock.monotonic()
        await self._projections.caught_up()
        rows = await self._wallets.count(address)
        try:
            async with self._ledger.lanes.alone([address]) as alone:
                # Its shard may have moved while trades were waited for. From here on it stays.
                self._require_engine(agent.id)
                before = await self._reset(address, reason, alone)
                if emptied is not None:
                    await self._projections.caught_up()
                    await emptied()
        except LaneBusyError:
            raise ResetFailedError(BUSY) from None
        await self._projections.caught_up()
        elapsed_ms = round((self._clock.monotonic() - started) * 1000)
        log.info("wallet.reset", wallet_address=address, positions=len(before.positions))
        # What the ledger had is what it was, even where the tables were behind; empty balances only they have.
        deleted = WalletRows(
            positions=len(before.positions),
            historical_swaps=rows.historical_swaps,
            balances=max(rows.balances, len(before.balances)),
            transactions=rows.transactions,
            balance_snapshots=rows.balance_snapshots,
        )
        return ResetResult(deleted, elapsed_ms)

    async def _reset(self, address: WalletAddress, reason: str, alone: Alone) -> WalletState:
        async def step() -> WalletState:
            await self._ledger.written()
            try:
                state = await self._ledger.fresh(address)
            except UnknownWalletError:
                raise UnknownWalletAddressError from None
            if state.intents:
                raise ResetFailedError(BUSY)
            entry = self._ledger.stage(
                address, WalletReset(reason), emptying(state.balances.values()), by=alone
            )
            await self._ledger.commit(entry)
            return state

        return await self._ledger.decide(step)


def owned_wallet(directory: AgentDirectory, address: WalletAddress, user_id: UserId) -> tuple[Agent, Wallet]:
    """Return a wallet of one of the user's agents; a foreign one looks like a missing one."""
    wallet = directory.wallet(address)
    agent = directory.find(wallet.agent_id) if wallet is not None else None
    if wallet is None or agent is None or agent.user_id != user_id:
        raise UnknownWalletAddressError
    return agent, wallet
