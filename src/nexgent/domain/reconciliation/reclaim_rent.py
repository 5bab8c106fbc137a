"""Deposits of token accounts that can be had back: shown, and taken back by a transaction of our own."""

from __future__ import annotations

from dataclasses import dataclass

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.ledger.share import RequireEngine, here
from nexgent.domain.reconciliation.errors import NothingToReclaimError
from nexgent.domain.reconciliation.live_wallet import agent_of_live_wallet
from nexgent.domain.reconciliation.reconcile_wallet import WalletReport
from nexgent.domain.reconciliation.rent_report import RentAccount, RentReport, RentReports
from nexgent.domain.reconciliation.rent_transactions import FEE_LAMPORTS, RentTransactions
from nexgent.domain.trading.ports import WalletKeys
from nexgent.domain.trading.settlement import transaction_id_for
from nexgent.shared.loops import TaskSet
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import TransactionId, UserId, WalletAddress

MOST_ACCOUNTS = 15
"""So many accounts fit into one transaction with room to spare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reclaimed:
    """What was taken back, before the fee of the transaction that did it."""

    transaction_id: TransactionId
    signature: str
    accounts: tuple[RentAccount, ...]
    lamports: int
    fee_lamports: int
    left: int
    """How many accounts are left for another transaction."""


class ReclaimRent:
    """For live wallets that can sign."""

    def __init__(
        self,
        *,
        directory: AgentDirectory,
        keys: WalletKeys,
        reports: RentReports,
        transactions: RentTransactions,
        after_exits: bool,
        require_engine: RequireEngine = here,
    ) -> None:
        """With `after_exits`, empty accounts are closed by themselves once a wallet is found to agree with the chain."""
        self._directory = directory
        self._require_engine = require_engine
        self._keys = keys
        self._reports = reports
        self._transactions = transactions
        self._after_exits = after_exits
        self._running = TaskSet("rent")

    async def show(self, address: WalletAddress, user_id: UserId) -> RentReport:
        """Return what is locked in a wallet's token accounts.

        Raises as `agent_of_live_wallet` does, `UpstreamError`, `UnavailableError`.
        """
        agent_of_live_wallet(self._directory, address, user_id)
        return await self._reports.of(address)

    async def reclaim(self, address: WalletAddress, user_id: UserId) -> Reclaimed:
        """Take back what can be had; return what was booked.

        What has begun goes on to its end, whether or not whoever asked is still there. Raises as `show` does,
        `NothingToReclaimError`, `WalletMovingError` while trades move the wallet, `WalletNotLoadedError`, `RentInDoubtError`
        (sent, outcome not known yet; it is booked as soon as it is), `RentFailedError`, and `EngineElsewhereError` before
        anything has begun.
        """
        self._require_engine(agent_of_live_wallet(self._directory, address, user_id).id)
        return await self._running.finish(self._reclaim(address), name=f"rent:{address}")

    async def after(self, report: WalletReport) -> None:
        """Close the empty accounts of a wallet that agrees with the chain, where the settings say so."""
        address = report.wallet_address
        if not self._after_exits or not self._keys.is_loaded(address):
            return
        if await self._reports.has_empty(report.snapshot):
            await self._running.finish(self._reclaim(address), name=f"rent:{address}")

    async def drain(self, timeout_seconds: float) -> int:
        """Wait for transactions under way, at most so long; return how many were left, for recovery to end."""
        return await self._running.drain(timeout_seconds)

    async def _reclaim(self, address: WalletAddress) -> Reclaimed:
        if not self._keys.is_loaded(address):
            raise self._keys.refusal(address)
        report = await self._reports.of(address)
        found = [one for one in report.accounts if one.reclaimable_lamports]
        chosen = tuple(found[:MOST_ACCOUNTS])
        if sum(one.reclaimable_lamports for one in chosen) <= FEE_LAMPORTS:
            raise NothingToReclaimError
        intent, movement = await self._transactions.send(address, chosen)
        return Reclaimed(
            transaction_id=transaction_id_for(intent),
            signature=movement.signature,
            accounts=chosen,
            lamports=movement.change(SOL_MINT) + movement.network_fee_lamports,
            fee_lamports=movement.network_fee_lamports,
            left=len(found) - len(chosen),
        )
