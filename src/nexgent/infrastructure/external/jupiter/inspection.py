"""Is a transaction the swap that was ordered, and nothing else? Pure: the decoded transaction and the order in, a verdict out.

Whoever builds the transaction is not trusted. Every instruction must have a purpose the swap of these two mints by this wallet
needs; the first that has none is the reason of the refusal, under a code of its own. The rules:

    FOREIGN_PAYER        the fee is paid by the wallet, by Jupiter's sponsor in a gasless order, or by the market maker of a fill
    UNKNOWN_SIGNER       nobody signs but that payer and the wallet
    UNKNOWN_PROGRAM      compute budget, system, token, token-2022, associated token, memo, and the programs of the order's router
    FOREIGN_TRANSFER     SOL moves only into the wallet's own wrapped SOL, within the order, and as a capped tip; tokens never
    DELEGATE             nobody gets an allowance
    AUTHORITY_CHANGE     no account changes hands
    ACCOUNT_CLOSED       only the wallet's wrapped SOL is closed, to the wallet
    ACCOUNT_CREATED      only the wallet's own associated accounts of the route's mints are created
    UNEXPECTED_INSTRUCTION   anything else, and a swap that cannot be read
    NO_SWAP, WRONG_MINT, FOREIGN_ACCOUNT   one swap, of these mints, between the wallet's own accounts
    AMOUNT_TOO_HIGH, NO_MINIMUM_OUT, MINIMUM_OUT_TOO_LOW, SLIPPAGE_TOO_HIGH, FEE_TOO_HIGH   within what was ordered, and the caps
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from solders.pubkey import Pubkey
from solders.token.associated import get_associated_token_address

from nexgent.domain.trading.errors import UnsafeSwapError
from nexgent.infrastructure.external.jupiter.decoded import COMPUTE_BUDGET_PROGRAM, DecodedTransaction, Step
from nexgent.infrastructure.external.jupiter.routes import AGGREGATOR, ORDER_ENGINE, Route, read_route
from nexgent.infrastructure.external.solana.rpc import TOKEN_PROGRAM, TOKEN_PROGRAMS
from nexgent.shared.money import SOL_MINT

SPONSOR = "gasTzr94Pmp4Gf8vknQnqxeYxdgwFjbgdJa4msYRpnB"
"""Jupiter's account that pays the network fee of small wallets."""
RFQ_ROUTER = "jupiterz"
SYSTEM_PROGRAM = "11111111111111111111111111111111"
ASSOCIATED_TOKEN_PROGRAM = "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL"  # noqa: S105 -- the address of a program
_MEMO_PROGRAMS = (
    "MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr",
    "Memo1UhkJRfHyvLMcVucJwxXeuD728EqVDDwQDxFMNo",
)
_ROUTER_PROGRAMS = {
    RFQ_ROUTER: (ORDER_ENGINE,),
    "dflow": ("DF1ow4tspfHX9JwWJsAb9epbkA8hmpSEAtxXy1V27QBH",),
    "okx": (
        "proVF4pMXVaYqmy4NjniPh4pqKNfMmsihgd4wdkCX3u",
        "6m2CDdhRgxpH4WjvdzxAYbGxwdGUz5MziiL5jek2kBma",
    ),
}
JITO_TIP_ACCOUNTS = frozenset(
    {
        "96gYZGLnJYVFmbjzopPSU6QiEV5fGqZNyN9nmNhvrZU5",
        "HFqU5x63VTqvQss8hp11i4wVV8bD44PvwucfZ2bU7gRe",
        "Cw8CFyM9FkoMi7K7Crf6HNQqf4uEMzpKw6QNghXLvLkY",
        "ADaUMid9yfUytqMBgopwjb2DTLSokTSzL1zt6iGPaS49",
        "DfXygSm4jCyNCybVYYK6DwvWqjKee8pbDmJGcLWNDXjh",
        "ADuUkR4vqLUMWXxW9gh6D6L8pMSawimctcNZ5pGwDcEt",
        "DttWaMuVvTiduZRnguLF7jNxTgiMBZ1hyAumKUiL2KRL",
        "3AVi9Tg9Uo68tJfuvoKvqKNWKkC5wPdSSdeBnizKZ6jT",
    }
)
_MOST_PLATFORM_FEE_BPS = 255
_MOST_INTERMEDIATE_MINTS = 4
_BPS = 10_000


@dataclass(frozen=True, slots=True)
class InspectionLimits:
    """What an order may cost beside its price, and which programs and tip accounts are known beside the built-in ones."""

    most_network_fee_lamports: int = 5_000_000
    most_tip_lamports: int = 5_000_000
    most_slippage_bps: int = 3_000
    programs: frozenset[str] = frozenset()
    tip_accounts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """What was ordered, in the words of the order's answer where that is all there is to go by."""

    wallet: str
    input_mint: str
    output_mint: str
    most_in_raw: int
    out_raw: int
    slippage_bps: int
    router: str | None = None
    gasless: bool = False
    fee_payer: str | None = None
    """Who the answer says pays the signature, where it says so."""
    intermediate_mints: Sequence[str] = ()

    @property
    def is_exit(self) -> bool:
        """Tell whether this gets the wallet out of a token."""
        return self.output_mint == SOL_MINT

    @property
    def minimum_out_raw(self) -> int:
        """Return the least that may come out; one unit less, since others round otherwise."""
        return max(self.out_raw * (_BPS - self.slippage_bps) // _BPS - 1, 1)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A transaction that passed. `route` None: the router's instruction cannot be read, so only a simulation can tell."""

    route: Route | None
    accounts: frozenset[str]
    """The wallet's own token accounts that the swap may touch."""
    tip_lamports: int

    @property
    def fully_read(self) -> bool:
        """Tell whether amounts and accounts of everything in it are known without a simulation."""
        return self.route is not None


@dataclass(slots=True)
class _Seen:
    route: Route | None = None
    swaps: int = 0
    wrapped_lamports: int = 0
    tip_lamports: int = 0
    others: set[str] = field(default_factory=set)


def own_account(wallet: str, mint: str, program: str = TOKEN_PROGRAM) -> str:
    """Return the wallet's associated token account of a mint."""
    keys = (Pubkey.from_string(wallet), Pubkey.from_string(mint), Pubkey.from_string(program))
    return str(get_associated_token_address(*keys))


def inspect(transaction: DecodedTransaction, order: Ordered, limits: InspectionLimits) -> Accepted:
    """Return what was accepted. Raises `UnsafeSwapError` with the code of the rule that refuses."""
    return _Inspection(transaction, order, limits).run()


class _Inspection:
    """One transaction held against one order."""

    def __init__(self, transaction: DecodedTransaction, order: Ordered, limits: InspectionLimits) -> None:
        self._transaction = transaction
        self._order = order
        self._limits = limits
        self._wrapped = own_account(order.wallet, SOL_MINT)
        self._tips = JITO_TIP_ACCOUNTS | limits.tip_accounts
        of_router = _ROUTER_PROGRAMS.get(order.router or "", ())
        self._swap_programs = (AGGREGATOR, *of_router, *limits.programs)
        mints = [order.input_mint, order.output_mint, *order.intermediate_mints[:_MOST_INTERMEDIATE_MINTS]]
        self._accounts = {
            own_account(order.wallet, mint, program): mint for mint in mints for program in TOKEN_PROGRAMS
        }
        self._seen = _Seen()

    def run(self) -> Accepted:
        self._fees()
        for step in self._transaction.steps:
            self._step(step)
        seen = self._seen
        if seen.swaps != 1:
            raise UnsafeSwapError("NO_SWAP", f"The transaction holds {seen.swaps} swaps instead of one")
        self._parties()
        if seen.route is not None:
            self._route(seen.route)
        most_wrapped = self._order.most_in_raw if self._order.input_mint == SOL_MINT else 0
        if seen.wrapped_lamports > most_wrapped:
            raise UnsafeSwapError("AMOUNT_TOO_HIGH", "The transaction wraps more SOL than was ordered")
        if seen.tip_lamports > self._limits.most_tip_lamports:
            raise UnsafeSwapError(
                "FEE_TOO_HIGH", f"The tip of {seen.tip_lamports} lamports is above the limit"
            )
        return Accepted(seen.route, frozenset(self._accounts), seen.tip_lamports)

    def _fees(self) -> None:
        order, fee = self._order, self._transaction.fee_lamports
        if self._transaction.payer == order.wallet and fee > self._limits.most_network_fee_lamports:
            raise UnsafeSwapError("FEE_TOO_HIGH", f"The network fee of {fee} lamports is above the limit")
        if order.slippage_bps >= _BPS:
            raise UnsafeSwapError("NO_MINIMUM_OUT", "The order would accept any amount, however small")
        if order.slippage_bps > self._limits.most_slippage_bps:
            raise UnsafeSwapError(
                "SLIPPAGE_TOO_HIGH", f"The order's slippage of {order.slippage_bps} bps is above the limit"
            )

    def _parties(self) -> None:
        """Judge who pays and who signs. A foreign payer needs the rule of its kind; a claim alone opens nothing."""
        transaction, order, route = self._transaction, self._order, self._seen.route
        payer = transaction.payer
        sponsored = order.gasless and payer == SPONSOR
        # A maker pays for its own fills: then the swap has to be a fill, and the maker in it the one who pays.
        makes = route is not None and order.router == RFQ_ROUTER and route.maker == payer
        announced = order.fee_payer in (None, payer)
        if payer != order.wallet and not (sponsored or (makes and announced)):
            raise UnsafeSwapError(
                "FOREIGN_PAYER", "The fee is paid by neither this wallet nor a party of the order"
            )
        known = {order.wallet, payer} | ({route.maker} if route is not None and route.maker else set())
        if order.wallet not in transaction.signers:
            raise UnsafeSwapError("UNKNOWN_SIGNER", "The transaction is not to be signed by this wallet")
        if not known.issuperset(transaction.signers):
            raise UnsafeSwapError("UNKNOWN_SIGNER", "Somebody signs who is no party of the order")

    def _step(self, step: Step) -> None:
        if step.program == COMPUTE_BUDGET_PROGRAM or step.program in _MEMO_PROGRAMS:
            return
        if step.program == SYSTEM_PROGRAM:
            self._system(step)
        elif step.program in TOKEN_PROGRAMS:
            self._token(step)
        elif step.program == ASSOCIATED_TOKEN_PROGRAM:
            self._associated(step)
        elif step.program in self._swap_programs:
            self._seen.swaps += 1
            self._seen.route = read_route(step)
            if self._seen.route is None and step.program in (AGGREGATOR, ORDER_ENGINE):
                raise UnsafeSwapError("UNEXPECTED_INSTRUCTION", "The swap's instruction cannot be read")
        else:
            raise UnsafeSwapError(
                "UNKNOWN_PROGRAM", f"The transaction calls an unknown program: {step.program}"
            )

    def _system(self, step: Step) -> None:
        kind = int.from_bytes(step.data[:4], "little") if len(step.data) >= 4 else -1
        if kind in (0, 3):
            raise UnsafeSwapError(
                "ACCOUNT_CREATED", "The transaction creates an account the swap does not need"
            )
        if kind in (1, 8, 9, 10):
            raise UnsafeSwapError("AUTHORITY_CHANGE", "The transaction gives an account to a program")
        if kind == 11:
            raise UnsafeSwapError("FOREIGN_TRANSFER", "The transaction transfers SOL with a derived address")
        if kind != 2 or len(step.data) != 12 or len(step.accounts) < 2:
            raise UnsafeSwapError(
                "UNEXPECTED_INSTRUCTION", "The transaction has a system instruction of no use"
            )
        source, destination = step.accounts[:2]
        lamports = int.from_bytes(step.data[4:12], "little")
        if source != self._order.wallet:
            # Somebody else's money, and with their signature: a sponsor's deposit, for example.
            return
        if destination == self._wrapped:
            self._seen.wrapped_lamports += lamports
        elif destination in self._tips:
            self._seen.tip_lamports += lamports
        elif destination != self._order.wallet:
            raise UnsafeSwapError(
                "FOREIGN_TRANSFER", f"The transaction sends SOL to a stranger: {destination}"
            )

    def _token(self, step: Step) -> None:
        kind = step.data[0] if step.data else -1
        match kind:
            case 17 if step.accounts[:1] == (self._wrapped,):
                return
            case 9:
                # Account, destination, owner.
                if step.accounts[:3] != (self._wrapped, self._order.wallet, self._order.wallet):
                    raise UnsafeSwapError("ACCOUNT_CLOSED", "The transaction closes an account of no concern")
            case 3 | 8 | 12 | 15:
                raise UnsafeSwapError(
                    "FOREIGN_TRANSFER", "The transaction moves or burns tokens beside the swap"
                )
            case 4 | 13:
                raise UnsafeSwapError("DELEGATE", "The transaction lets somebody spend the wallet's tokens")
            case 6:
                raise UnsafeSwapError("AUTHORITY_CHANGE", "The transaction gives a token account away")
            case _:
                raise UnsafeSwapError(
                    "UNEXPECTED_INSTRUCTION", "The transaction has a token instruction of no use"
                )

    def _associated(self, step: Step) -> None:
        # Empty data and 0 create an account, 1 does unless it is there. 2 moves nested accounts.
        if step.data not in (b"", b"\x00", b"\x01") or len(step.accounts) < 6:
            raise UnsafeSwapError("UNEXPECTED_INSTRUCTION", "The transaction moves associated accounts")
        _, account, owner, mint = step.accounts[:4]
        if owner != self._order.wallet or self._accounts.get(account) != mint:
            raise UnsafeSwapError(
                "ACCOUNT_CREATED", "The transaction creates an account the swap does not need"
            )

    def _route(self, route: Route) -> None:
        order = self._order
        if route.output_mint != order.output_mint or route.input_mint not in (None, order.input_mint):
            raise UnsafeSwapError("WRONG_MINT", "The swap is one of other tokens than ordered")
        if route.authority != order.wallet:
            raise UnsafeSwapError("FOREIGN_ACCOUNT", "The swap is not this wallet's")
        for account, mint in ((route.source, order.input_mint), (route.destination, order.output_mint)):
            # Only a fill can do without an account, and only for SOL: it takes and gives it natively.
            native = account is None and mint == SOL_MINT
            if not native and (account is None or self._accounts.get(account) != mint):
                raise UnsafeSwapError(
                    "FOREIGN_ACCOUNT",
                    "The swap takes from or gives to an account that is not the wallet's own",
                )
        if route.in_amount > order.most_in_raw:
            raise UnsafeSwapError("AMOUNT_TOO_HIGH", "The swap takes more than was ordered")
        if route.minimum_out <= 0:
            raise UnsafeSwapError("NO_MINIMUM_OUT", "The swap would accept any amount, however small")
        if route.minimum_out < order.minimum_out_raw:
            raise UnsafeSwapError(
                "MINIMUM_OUT_TOO_LOW", "The swap would accept less than the quote less its slippage"
            )
        if route.platform_fee_bps > _MOST_PLATFORM_FEE_BPS:
            raise UnsafeSwapError(
                "FEE_TOO_HIGH", f"The swap's fee of {route.platform_fee_bps} bps is too high"
            )
