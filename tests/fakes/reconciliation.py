"""A chain in memory that live wallets are held against, and what is durable about it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache

from nexgent.bootstrap.reconciliation import ReconciliationPorts, Reconciling, build_reconciliation
from nexgent.config.sections import TradingSettings
from nexgent.domain.agents.models import Agent, TradingMode, Wallet
from nexgent.domain.ledger.models import (
    FIRST_VENUE,
    Entry,
    Recorded,
    Submission,
    TradeExpired,
    TradeFailed,
    TradeIntended,
    TradeSettled,
    TradeSubmitted,
)
from nexgent.domain.reconciliation.models import (
    ChainSnapshot,
    ExpiredSwap,
    Movement,
    Reconciled,
    TokenAccount,
)
from nexgent.domain.reconciliation.reconcile_wallet import WalletReport
from nexgent.domain.trading.models import Fill, Landed, QuoteRequest, StillUnknown, SwapOutcome
from nexgent.domain.trading.venues import SwapVenues, Venue
from nexgent.shared.clock import Clock
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import AgentId, IntentId, TokenAddress, WalletAddress
from tests.builders import T0, an_agent
from tests.fakes.engine import FakeEngine
from tests.fakes.journal import FakeJournal
from tests.fakes.market import FakeSwaps

WALLET = WalletAddress("7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU")
TOKEN_DECIMALS = 6


class FakeWalletChain:
    """What a wallet holds, by mint. `failure` is raised by every question; `denied` is what single accounts do not confirm."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.stuck_at: datetime | None = None
        """When the newest block was made, None for just now."""
        self.genesis = "genesis"
        self.slot = 1_000
        self.held: dict[TokenAddress, int] = {SOL_MINT: 0}
        self.happened: list[Movement] = []
        self.hidden: set[str] = set()
        self.failure: Exception | None = None
        self.denied = False
        self.next_held: list[dict[TokenAddress, int]] = []
        """What the next snapshots show instead."""

    async def snapshot(self, wallet: WalletAddress, *, min_slot: int = 0) -> ChainSnapshot:
        if self.failure is not None:
            raise self.failure
        held = self.next_held.pop(0) if self.next_held else self.held
        return ChainSnapshot(
            wallet_address=wallet,
            genesis=self.genesis,
            slot=self.slot,
            lamports=held.get(SOL_MINT, 0),
            accounts=tuple(
                TokenAccount(
                    address=f"account-{mint}",
                    program="program",
                    mint=mint,
                    amount_raw=amount,
                    decimals=TOKEN_DECIMALS,
                    lamports=2_039_280,
                    size_bytes=165,
                )
                for mint, amount in held.items()
                if mint != SOL_MINT
            ),
        )

    async def confirms(self, snapshot: ChainSnapshot, mints: Collection[TokenAddress]) -> bool:
        if self.failure is not None:
            raise self.failure
        return not self.denied

    async def block_time(self, slot: int) -> datetime:
        if self.failure is not None:
            raise self.failure
        return self.stuck_at if self.stuck_at is not None else self._clock.now()

    async def movements(self, wallet: WalletAddress, *, after_slot: int) -> Sequence[Movement]:
        return [one for one in self.happened if one.slot > after_slot and one.signature not in self.hidden]

    async def movement(self, wallet: WalletAddress, signature: str) -> Movement | None:
        found = [one for one in self.happened if signature in one.signatures]
        return found[0] if found and signature not in self.hidden else None

    def happen(
        self,
        signature: str,
        changes: dict[TokenAddress, int],
        *,
        fee: int = 5_000,
        rent: int = 0,
        failed: bool = False,
    ) -> Movement:
        """Let a transaction land in the next slot."""
        self.slot += 1
        for mint, change in changes.items():
            self.held[mint] = self.held.get(mint, 0) + change
        movement = Movement(
            signature=signature,
            signatures=(signature,),
            slot=self.slot,
            at=None,
            failed=failed,
            changes=changes,
            network_fee_lamports=fee,
            rent_lamports=rent,
        )
        self.happened.append(movement)
        return movement


class FakeReconciliationStore:
    """Rows in memory; what is booked is read from the journal, as the real one reads the tables."""

    def __init__(self, journal: FakeJournal) -> None:
        self.rows: dict[WalletAddress, Reconciled] = {}
        self._journal = journal

    async def find(self, wallet: WalletAddress) -> Reconciled | None:
        return self.rows.get(wallet)

    async def save(self, reconciled: Reconciled) -> None:
        known = self.rows.get(reconciled.wallet_address)
        if known is not None and known.agent_id == reconciled.agent_id:
            if known.slot > reconciled.slot:
                return
            reconciled = replace(reconciled, ignored=known.ignored)
        self.rows[reconciled.wallet_address] = reconciled

    async def ignore(self, wallet: WalletAddress, mint: TokenAddress, *, ignored: bool) -> bool:
        row = self.rows.get(wallet)
        if row is None:
            return False
        mints = row.ignored | {mint} if ignored else row.ignored - {mint}
        left = tuple(f for f in row.findings if not (ignored and f.mint == mint and not f.to_book))
        self.rows[wallet] = replace(row, ignored=frozenset(mints), findings=left)
        return True

    async def known(
        self, wallet: WalletAddress, agent_id: AgentId, signatures: Collection[str]
    ) -> frozenset[str]:
        found: set[str] = set()
        submitted: dict[IntentId, str] = {}
        for entry in self._of(wallet):
            match entry.body:
                case Recorded(transaction) | TradeSettled(transaction=transaction):
                    found.add(transaction.transaction_hash or "")
                case TradeSubmitted(intent_id, submission):
                    submitted[intent_id] = submission.signature
                case TradeExpired(intent_id) | TradeFailed(intent_id, "SWAP_EXPIRED"):
                    submitted.pop(intent_id, None)
                case _:
                    pass
        return frozenset((found | set(submitted.values())) & set(signatures))

    async def expired(
        self, wallet: WalletAddress, agent_id: AgentId, since: datetime
    ) -> Sequence[ExpiredSwap]:
        entries = self._of(wallet)
        intents = {e.body.intent.id: e.body.intent for e in entries if isinstance(e.body, TradeIntended)}
        sent = {e.body.intent_id: e.body.submission for e in entries if isinstance(e.body, TradeSubmitted)}
        ended = [(intent_id, e.at) for e in entries if (intent_id := _expiry(e)) is not None]
        return [
            ExpiredSwap(intent=intents[intent_id], submission=sent[intent_id], expired_at=at)
            for intent_id, at in ended
            if at >= since and not await self.known(wallet, agent_id, [sent[intent_id].signature])
        ]

    def _of(self, wallet: WalletAddress) -> list[Entry]:
        return [entry for entry in self._journal.entries if entry.wallet_address == wallet]


def _expiry(entry: Entry) -> IntentId | None:
    """Return the intent an entry says has expired."""
    match entry.body:
        case TradeExpired(intent_id) | TradeFailed(intent_id, "SWAP_EXPIRED"):
            return intent_id
        case _:
            return None


class FakeRentChain:
    """Closes accounts of the chain in memory. `answers` are given first; `unsent` keeps transactions from landing."""

    def __init__(self, chain: FakeWalletChain) -> None:
        self._chain = chain
        self._deposits: dict[str, dict[TokenAddress, int]] = {}
        self.answers: list[Movement | SwapOutcome | Exception] = []
        self.failure: Exception | None = None
        self.sent = 0
        self.excess = 0

    async def excess_lamports(self, account: TokenAccount) -> int:
        return self.excess

    async def prepare(
        self, wallet: WalletAddress, close: Sequence[TokenAccount], trim: Sequence[TokenAccount]
    ) -> Submission:
        signature = f"rent-{self._chain.slot}"
        lamports = sum(account.lamports for account in close) + self.excess * len(trim)
        self._deposits[signature] = {SOL_MINT: lamports - 5_000}
        return Submission(
            request_id="rent",
            signature=signature,
            signed_transaction="",
            last_valid_block_height=1,
            in_amount_raw=0,
            out_amount_raw=lamports,
        )

    async def send(self, submission: Submission) -> None:
        self.sent += 1
        if self.failure is not None:
            raise self.failure
        self._chain.happen(submission.signature, self._deposits[submission.signature])

    async def outcome(self, submission: Submission, wallet: WalletAddress) -> Movement | SwapOutcome:
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        found = await self._chain.movement(wallet, submission.signature)
        return found if found is not None else StillUnknown(reason="not there yet")


class LandedSwaps(FakeSwaps):
    """A gateway that knows what became of a submission, by its signature."""

    def __init__(self) -> None:
        super().__init__()
        self.landed: dict[str, Fill] = {}

    async def resolve(self, submission: object, wallet: WalletAddress, request: QuoteRequest) -> SwapOutcome:
        fill = self.landed.get(getattr(submission, "signature", ""))
        return Landed(fill=fill) if fill is not None else StillUnknown(reason="nobody knows")


@cache
def _settings(close_empty_token_accounts: bool) -> TradingSettings:
    return TradingSettings(reconcile_seconds=60.0, close_empty_token_accounts=close_empty_token_accounts)


class ReconciliationWorld:
    """A live wallet in the product's own engine, and a chain to hold it against."""

    def __init__(self, engine: FakeEngine | None = None) -> None:
        self.swaps = LandedSwaps()
        self.engine = engine if engine is not None else FakeEngine(swaps=self.swaps)
        self.chain = FakeWalletChain(self.engine.clock)
        self.store = FakeReconciliationStore(self.engine.journal)
        engine = self.engine
        engine.keys.loaded.add(WALLET)
        self.rent_chain = FakeRentChain(self.chain)
        self.use_cases = self.parts()
        self.reconcile, self.orphans = self.use_cases.reconcile, self.use_cases.orphans
        self.loop, self.rent = self.use_cases.loop, self.use_cases.rent

    def parts(self, *, close_empty_token_accounts: bool = False) -> Reconciling:
        """Return the use cases, as a new process would have them."""
        engine = self.engine
        ports = ReconciliationPorts(
            chain=self.chain,
            rent=self.rent_chain,
            store=self.store,
            venues=SwapVenues([Venue(FIRST_VENUE, mode, self.swaps) for mode in TradingMode]),
            decimals=engine.decimals,
            keys=engine.keys,
            prices=engine.feed,
            sol_price=engine.sol_price,
            clock=engine.clock,
            publish=engine.bus.publish,
            pause=self._pause,
        )
        return build_reconciliation(
            ports, engine=engine.parts, settings=_settings(close_empty_token_accounts)
        )

    async def _pause(self, seconds: float) -> None:
        self.engine.clock.advance(seconds)

    async def agent(self) -> Agent:
        """Return an agent whose live wallet holds 10 SOL, in the ledger and on the chain, settled and compared."""
        agent = an_agent()
        wallet = Wallet(WALLET, agent.id, TradingMode.LIVE, T0, T0)
        agent = replace(agent, trading_mode=TradingMode.LIVE, wallets=(wallet,))
        await self.engine.add_agent(agent)
        await self.agree()
        return agent

    async def agree(self) -> None:
        """Let the chain hold what the ledger says, and time pass, and compare."""
        state = self.engine.ledger.head(WALLET)
        self.chain.held = {mint: balance.amount_raw for mint, balance in state.balances.items()}
        self.chain.slot += 1
        self.engine.clock.advance(30)
        await self.look()

    async def look(self) -> WalletReport:
        """Reconcile once; what was booked before is settled."""
        self.engine.clock.advance(timedelta(seconds=30).total_seconds())
        return await self.reconcile.execute(WALLET)

    @property
    def entries(self) -> int:
        """How many entries there are."""
        return len(self.engine.journal.entries)

    def balance(self, mint: TokenAddress = SOL_MINT) -> int:
        """Return what the ledger says."""
        return self.engine.ledger.head(WALLET).balance_raw(mint)
