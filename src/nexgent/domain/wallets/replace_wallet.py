"""Put another wallet in the place of one.

A history belongs to the address where it happened and is never renamed. A wallet is replaced only when it is flat; its
transactions and closed trades stay with the agent, its paper money moves over, and what a live wallet holds is on the chain
anyway.
"""

from __future__ import annotations

from nexgent.domain.agents.models import TradingMode, Wallet
from nexgent.domain.ledger.lanes import Alone, LaneBusyError
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.ledger.models import Account, Adjusted, Entry
from nexgent.domain.ledger.ports import Projections
from nexgent.domain.ledger.share import RequireEngine, here
from nexgent.domain.ledger.state import Balance, WalletState
from nexgent.domain.wallets.errors import OpenPositionsError, WalletBusyError
from nexgent.domain.wallets.ports import WalletRepository
from nexgent.shared.types import WalletAddress


class WalletReplacement:
    """Empties the old one, exchanges them in the tables, and moves paper money over."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        wallets: WalletRepository,
        projections: Projections,
        require_engine: RequireEngine = here,
    ) -> None:
        self.require_engine = require_engine
        self._ledger = ledger
        self._wallets = wallets
        self._projections = projections

    async def replace(self, present: Wallet, wallet: Wallet) -> None:
        """Put `wallet` in the place of `present`.

        Raises `OpenPositionsError`, `WalletBusyError`, `UnavailableError`, and `EngineElsewhereError` before anything has begun.
        """
        # Nobody trades in it meanwhile.
        try:
            async with self._ledger.lanes.alone([present.address]) as alone:
                self.require_engine(present.agent_id)
                await self._ledger.written()
                before = await self._empty(present, f"replaced by {wallet.address}", alone)
                await self._projections.caught_up()
                await self._wallets.replace_wallet(present.address, wallet)
                self._ledger.forget(present.address)
        except LaneBusyError:
            raise WalletBusyError(present.address) from None
        if wallet.mode is TradingMode.SIMULATION:
            await self._move_money(before, wallet)

    async def _empty(self, wallet: Wallet, reason: str, alone: Alone) -> WalletState:
        async def step() -> WalletState:
            state = await self._ledger.fresh(wallet.address)
            if state.intents:
                raise WalletBusyError(wallet.address)
            if state.positions:
                raise OpenPositionsError(wallet.address, len(state.positions))
            entries = [
                self._adjust(wallet.address, balance, -balance.amount_raw, reason, by=alone)
                for balance in state.balances.values()
                if balance.amount_raw
            ]
            await self._ledger.commit(*entries)
            return state

        return await self._ledger.decide(step)

    async def _move_money(self, before: WalletState, wallet: Wallet) -> None:
        await self._ledger.fresh(wallet.address)
        entries = [
            self._adjust(wallet.address, balance, balance.amount_raw, f"moved from {before.wallet_address}")
            for balance in before.balances.values()
            if balance.amount_raw
        ]
        await self._ledger.commit(*entries)

    def _adjust(
        self,
        wallet: WalletAddress,
        balance: Balance,
        amount_raw: int,
        reason: str,
        *,
        by: Alone | None = None,
    ) -> Entry:
        postings = balance.token.moved(amount_raw, Account.ADJUSTMENT)
        return self._ledger.stage(wallet, Adjusted(balance.mint, reason), postings, by=by)
