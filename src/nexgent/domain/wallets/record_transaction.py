"""Record a transaction somebody entered: a deposit, a swap or a burn. Balances move with it, or nothing does."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.errors import AgentNotFoundError, WalletNotFoundError
from nexgent.domain.agents.models import Agent, Wallet
from nexgent.domain.ledger.errors import InsufficientBalanceError, StaleWalletError, UnknownWalletError
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.ledger.models import Account, Posting, Recorded
from nexgent.domain.ledger.state import WalletState
from nexgent.domain.trading.ports import TokenDecimals
from nexgent.domain.transactions.models import TransactionRecord, TransactionType
from nexgent.shared.errors import ForbiddenError, InvalidInputError, RejectedError
from nexgent.shared.money import MAX_RAW, SOL_DECIMALS, SOL_MINT, from_raw, to_raw
from nexgent.shared.types import AgentId, TokenAddress, UserId, WalletAddress

ATTEMPTS = 4
TOLERANCE = Decimal("1e-8")
"""An amount this little above the balance takes the whole balance: clients send amounts that went through a float."""


class BalanceNotFoundError(RejectedError):
    """The wallet never held the token."""

    code = "BALANCE_NOT_FOUND"

    def __init__(self, mint: TokenAddress, symbol: str) -> None:
        super().__init__("Balance not found for token", tokenAddress=mint, tokenSymbol=symbol)


@dataclass(frozen=True, slots=True)
class Leg:
    """One side of a transaction, in tokens."""

    mint: TokenAddress
    symbol: str
    amount: Decimal


class RecordTransaction:
    """Check what is moved, post it and make it durable as one entry."""

    def __init__(self, *, ledger: Ledger, decimals: TokenDecimals) -> None:
        self._ledger = ledger
        self._decimals = decimals

    async def execute(self, record: TransactionRecord) -> TransactionRecord:
        """Return the record as it was booked.

        Amounts are in tokens; what is finer than the token's smallest unit is cut off. Raises `InvalidInputError`,
        `BalanceNotFoundError`, `InsufficientBalanceError`, `InvalidTokenError`, `UnavailableError`.
        """
        given, taken = _legs(record)
        places = {leg.mint: await self._places(record.wallet_address, leg) for leg in (given, taken) if leg}
        for attempt in range(ATTEMPTS):
            state = await self._ledger.fresh(record.wallet_address)
            postings = _postings(record.type, given, taken, places, state)
            entry = self._ledger.stage(record.wallet_address, Recorded(record), postings)
            try:
                await self._ledger.commit(entry)
            except StaleWalletError:
                if attempt == ATTEMPTS - 1:
                    raise
            else:
                return record
        raise AssertionError("unreachable")

    async def _places(self, wallet: WalletAddress, leg: Leg) -> int:
        if leg.mint == SOL_MINT:
            return SOL_DECIMALS
        try:
            held = (await self._ledger.fresh(wallet)).balances.get(leg.mint)
        except UnknownWalletError:
            raise WalletNotFoundError(wallet) from None
        return held.decimals if held is not None else await self._decimals.decimals(leg.mint)


def visible_agent(directory: AgentDirectory, agent_id: AgentId, user_id: UserId) -> Agent:
    """Return an agent where the contract tells a foreign one (403) from a missing one (404)."""
    agent = directory.find(agent_id)
    if agent is None:
        raise AgentNotFoundError(agent_id)
    if agent.user_id != user_id:
        raise ForbiddenError("Forbidden: the agent belongs to another user")
    return agent


def wallet_of(agent: Agent, address: WalletAddress | None) -> Wallet:
    """Return the wallet named, or that of the agent's mode. Raises `WalletNotFoundError`, `InvalidInputError`."""
    if address is None:
        wallet = agent.wallet_for(agent.trading_mode)
        if wallet is None:
            raise WalletNotFoundError
        return wallet
    wallet = agent.wallet(address)
    if wallet is None:
        raise InvalidInputError("Invalid walletAddress: the wallet does not belong to the agent")
    return wallet


def _legs(record: TransactionRecord) -> tuple[Leg, Leg | None]:
    given = _leg("input", record.input_mint, record.input_symbol, record.input_amount)
    if record.type is not TransactionType.SWAP:
        return given, None
    taken = _leg("output", record.output_mint, record.output_symbol, record.output_amount)
    if taken.mint == given.mint:
        raise InvalidInputError("Invalid outputMint: it must differ from inputMint")
    return given, taken


def _leg(side: str, mint: TokenAddress | None, symbol: str | None, amount: Decimal | None) -> Leg:
    if not mint or not symbol or amount is None:
        raise InvalidInputError(f"{side}Mint, {side}Symbol and {side}Amount are required")
    if amount <= 0:
        raise InvalidInputError(f"Invalid {side}Amount: it must be greater than 0")
    return Leg(mint, symbol, amount)


def _postings(
    kind: TransactionType,
    given: Leg,
    taken: Leg | None,
    places: dict[TokenAddress, int],
    state: WalletState,
) -> list[Posting]:
    if kind is TransactionType.DEPOSIT:
        amount_raw = _raw(given, places[given.mint], "inputAmount")
        _check_room(state, given, amount_raw, "inputAmount")
        return _pair(given, places[given.mint], amount_raw, Account.EXTERNAL)
    spent_raw = _spendable(state, given, places[given.mint])
    counterpart = Account.EXTERNAL if kind is TransactionType.BURN else Account.MARKET
    postings = _pair(given, places[given.mint], -spent_raw, counterpart)
    if taken is not None:
        bought_raw = _raw(taken, places[taken.mint], "outputAmount")
        _check_room(state, taken, bought_raw, "outputAmount")
        postings += _pair(taken, places[taken.mint], bought_raw, counterpart)
    return postings


def _spendable(state: WalletState, leg: Leg, decimals: int) -> int:
    if leg.mint not in state.balances:
        raise BalanceNotFoundError(leg.mint, leg.symbol)
    available_raw = state.available_raw(leg.mint)
    available = from_raw(available_raw, decimals)
    if leg.amount > available:
        if leg.amount - available <= TOLERANCE and available_raw > 0:
            return available_raw
        raise InsufficientBalanceError(leg.mint, leg.symbol, available, leg.amount)
    return _raw(leg, decimals, "inputAmount")


def _raw(leg: Leg, decimals: int, name: str) -> int:
    if leg.amount > from_raw(MAX_RAW, decimals):
        raise InvalidInputError(f"Invalid {name}: it is larger than any amount of this token can be")
    amount_raw = to_raw(leg.amount, decimals)
    if amount_raw <= 0:
        raise InvalidInputError(f"Invalid {name}: it is smaller than the smallest unit ({decimals} decimals)")
    return amount_raw


def _check_room(state: WalletState, leg: Leg, amount_raw: int, name: str) -> None:
    if state.balance_raw(leg.mint) + amount_raw > MAX_RAW:
        raise InvalidInputError(f"Invalid {name}: the balance would become larger than any amount can be")


def _pair(leg: Leg, decimals: int, amount_raw: int, counterpart: Account) -> list[Posting]:
    return [
        Posting(Account.WALLET, leg.mint, amount_raw, leg.symbol, decimals),
        Posting(counterpart, leg.mint, -amount_raw, leg.symbol, decimals),
    ]
