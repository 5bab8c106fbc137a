"""Compare what the chain says a live wallet holds with the ledger, and book what came in.

The difference is taken from the ledger's newest state in the same instant the deposit is put in line, so two checks of the same
deposit book it once. A balance that was read while a trade was on its way says nothing: such a check is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.models import TradingMode, Wallet
from nexgent.domain.agents.ownership import visible_agent
from nexgent.domain.ledger.errors import StaleWalletError, UnknownWalletError
from nexgent.domain.ledger.ledger import DECISION_ATTEMPTS, Ledger
from nexgent.domain.ledger.models import Posting, Recorded
from nexgent.domain.ledger.state import WalletState
from nexgent.domain.prices.ports import SolPriceFeed, newest_sol_usd
from nexgent.domain.reconciliation.compare import DUST_LAMPORTS as TOLERANCE_LAMPORTS
from nexgent.domain.reconciliation.compare import SETTLING
from nexgent.domain.reconciliation.entries import Prices, sol_line
from nexgent.domain.wallets.errors import UnknownWalletAddressError, WalletBusyError
from nexgent.domain.wallets.ports import ChainBalances
from nexgent.domain.wallets.unassign_wallet import require_live_address
from nexgent.shared.clock import Clock
from nexgent.shared.errors import InvalidInputError, UnavailableError
from nexgent.shared.money import SOL_MINT, plain, sol
from nexgent.shared.types import AgentId, TransactionId, UserId, WalletAddress

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositCheck:
    """What was found. `difference_lamports` is chain minus ledger; a deposit was booked when there is a transaction."""

    previous_lamports: int
    on_chain_lamports: int
    transaction_id: TransactionId | None

    @property
    def difference_lamports(self) -> int:
        """Return what the chain has more than the ledger had; negative for a withdrawal."""
        return self.on_chain_lamports - self.previous_lamports

    @property
    def message(self) -> str:
        """Say what was found."""
        difference = plain(sol(abs(self.difference_lamports)))
        if self.transaction_id is not None:
            return f"Deposit of {difference} SOL detected and recorded"
        if self.difference_lamports < -TOLERANCE_LAMPORTS:
            return (
                f"No deposit detected: the chain holds {difference} SOL less than the ledger. "
                "A withdrawal is booked by the reconciliation, once it has been seen twice."
            )
        return "No new deposits detected"


class CheckDeposits:
    """For live wallets; only SOL."""

    def __init__(
        self,
        *,
        directory: AgentDirectory,
        ledger: Ledger,
        chain: ChainBalances,
        sol_price: SolPriceFeed,
        clock: Clock,
    ) -> None:
        self._directory = directory
        self._ledger = ledger
        self._chain = chain
        self._sol_price = sol_price
        self._clock = clock

    async def execute(self, address: WalletAddress, agent_id: AgentId, user_id: UserId) -> DepositCheck:
        """Return what was found; a deposit is booked when it returns.

        Raises `InvalidInputError` for a paper wallet, `UnknownWalletAddressError`, `ForbiddenError` for a foreign one,
        `WalletBusyError` while a trade is under way or has just ended, `UpstreamError`, `UnavailableError`.
        """
        require_live_address(address)
        self._require(address, agent_id, user_id)
        for attempt in range(DECISION_ATTEMPTS):
            before = await self._idle_state(address)
            on_chain = await self._chain.balance_lamports(address)
            # From here to the staged entry nothing waits, so no other decision of this process comes between.
            state = self._ledger.head(address) if self._ledger.knows(address) else before
            if state.intents or state.seq != before.seq:
                continue
            previous = state.balance_raw(SOL_MINT)
            if on_chain - previous <= TOLERANCE_LAMPORTS:
                return DepositCheck(
                    previous_lamports=previous, on_chain_lamports=on_chain, transaction_id=None
                )
            self._require_settled(state)
            body, postings = self._deposit(state, on_chain - previous)
            try:
                await self._ledger.commit(self._ledger.stage(address, body, postings))
            except StaleWalletError:
                if attempt == DECISION_ATTEMPTS - 1:
                    raise
                continue
            log.info("wallet.deposit_booked", wallet_address=address, lamports=on_chain - previous)
            return DepositCheck(
                previous_lamports=previous, on_chain_lamports=on_chain, transaction_id=body.transaction.id
            )
        raise WalletBusyError(address)

    def _require(self, address: WalletAddress, agent_id: AgentId, user_id: UserId) -> Wallet:
        wallet = self._directory.wallet(address)
        if wallet is None or wallet.agent_id != agent_id:
            raise UnknownWalletAddressError
        visible_agent(self._directory, agent_id, user_id)
        if wallet.mode is not TradingMode.LIVE:
            raise InvalidInputError("Invalid wallet: deposits can only be checked for live wallets")
        return wallet

    async def _idle_state(self, address: WalletAddress) -> WalletState:
        try:
            state = await self._ledger.fresh(address)
        except UnknownWalletError:
            raise UnknownWalletAddressError from None
        if state.intents:
            raise WalletBusyError(address)
        return state

    def _require_settled(self, state: WalletState) -> None:
        held = state.balances.get(SOL_MINT)
        if held is not None and self._clock.now() - held.updated_at < SETTLING:
            raise WalletBusyError(state.wallet_address)

    def _deposit(self, state: WalletState, amount: int) -> tuple[Recorded, tuple[Posting, ...]]:
        now = self._clock.now()
        sol_usd = newest_sol_usd(self._sol_price, now)
        if sol_usd is None:
            raise UnavailableError(
                "The price of SOL is not known at present; the deposit was not recorded, try again"
            )
        # One place in the stream, one deposit: whoever repeats it cannot make a second one.
        name = ("deposit", state.wallet_address, state.seq + 1)
        return sol_line(state, amount, name, Prices(now=now, sol_usd=sol_usd))
