"""What happens to a wallet, as entries: deposits, purchases, sales, failures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import asyncpg

from nexgent.domain.ledger.models import (
    Account,
    Entry,
    EntryBody,
    Intent,
    Posting,
    PriceEvidence,
    Recorded,
    Submission,
    TradeExpired,
    TradeFailed,
    TradeIntended,
    TradeKind,
    TradeSettled,
    TradeSubmitted,
    WalletReset,
)
from nexgent.domain.ledger.state import WalletState, apply
from nexgent.domain.positions.models import CloseReason, PendingExit, Position, PositionTrail
from nexgent.domain.transactions.models import ClosedTrade, TransactionRecord, TransactionType
from nexgent.shared.ids import new_id, position_intent_id, purchase_intent_id
from nexgent.shared.money import SOL_MINT, from_raw, sol
from nexgent.shared.types import (
    AgentId,
    ClosedTradeId,
    EntryId,
    IntentId,
    PositionId,
    SignalId,
    TokenAddress,
    TransactionId,
    WalletAddress,
)
from tests.builders import T0, TOKEN

DECIMALS = 6
QUANTITY_RAW = 2**63 + 12_345
PAYLOAD = '{"route": [1, 2.50, "x"], "big": 123456789012345678901234567890}'


class Story:
    """Entries of one wallet, each checked against the state before it, as the ledger does."""

    def __init__(
        self, agent_id: AgentId | None = None, wallet: WalletAddress | None = None, seq: int = 0
    ) -> None:
        self.agent_id = agent_id or AgentId(new_id())
        self.wallet = wallet or WalletAddress(f"sim_{self.agent_id.hex}")
        self.state = WalletState(self.wallet, self.agent_id, seq)
        self.waited = timedelta(0)

    @property
    def now(self) -> datetime:
        return T0 + self.waited + timedelta(seconds=self.state.seq, microseconds=7)

    def wait(self, minutes: int) -> None:
        self.waited += timedelta(minutes=minutes)

    def add(self, body: EntryBody, *legs: tuple[Account, TokenAddress, int]) -> Entry:
        postings = tuple(
            Posting(
                account,
                mint,
                amount,
                "SOL" if mint == SOL_MINT else "TKN",
                9 if mint == SOL_MINT else DECIMALS,
            )
            for account, mint, amount in legs
        )
        entry = Entry(
            id=EntryId(new_id()),
            wallet_address=self.wallet,
            agent_id=self.agent_id,
            seq=self.state.seq + 1,
            at=self.now,
            body=body,
            postings=postings,
        )
        self.state = apply(self.state, entry)
        return entry

    def transaction(self, kind: TransactionType, signal_id: int | None = None) -> TransactionRecord:
        return TransactionRecord(
            id=TransactionId(new_id()),
            agent_id=self.agent_id,
            wallet_address=self.wallet,
            type=kind,
            value_usd=Decimal("150.000000001"),
            time=self.now,
            input_mint=SOL_MINT,
            input_symbol="SOL",
            input_amount=Decimal("1.000000001"),
            input_price=Decimal("0.000000000012345678"),
            signal_id=SignalId(signal_id) if signal_id is not None else None,
            routes_json=PAYLOAD,
            swap_payload_json=PAYLOAD,
            price_impact=Decimal("-0.00012"),
        )

    def deposit(self, lamports: int = 10_000_000_000) -> Entry:
        record = self.transaction(TransactionType.DEPOSIT)
        return self.add(
            Recorded(record), (Account.WALLET, SOL_MINT, lamports), (Account.EXTERNAL, SOL_MINT, -lamports)
        )

    def intend(
        self,
        signal_id: int | None = None,
        position: Position | None = None,
        token: TokenAddress = TOKEN,
        *,
        by_hand: bool = False,
        sell_signal_id: int | None = None,
    ) -> Entry:
        if position is not None:
            intent_id = position_intent_id(position.id, "manual", position.operations)
        elif signal_id is not None and not by_hand:
            intent_id = purchase_intent_id(self.agent_id, SignalId(signal_id))
        else:
            intent_id = IntentId(new_id())
        intent = Intent(
            id=intent_id,
            kind=TradeKind.SALE if position is not None else TradeKind.PURCHASE,
            agent_id=self.agent_id,
            wallet_address=self.wallet,
            token_address=token,
            token_symbol="TKN",
            input_mint=token if position is not None else SOL_MINT,
            amount_raw=position.quantity_raw if position is not None else 1_000_000_000,
            reserved_raw=position.quantity_raw if position is not None else 1_000_105_000,
            cause="manual" if position is not None or by_hand else "signal",
            signal_id=SignalId(signal_id) if signal_id is not None else None,
            position_id=position.id if position is not None else None,
            generation=position.operations if position is not None else 0,
            created_at=self.now,
            evidence=PriceEvidence(price_sol=Decimal("1.5E-11"), source="dexscreener", age_ms=12),
            sell_signal_id=SignalId(sell_signal_id) if sell_signal_id is not None else None,
        )
        after = None
        if position is not None:
            after = replace(
                position,
                version=position.version + 1,
                operations=position.operations + 1,
                pending_exit=PendingExit(CloseReason.MANUAL, 1, self.now),
            )
        return self.add(TradeIntended(intent, after))

    def submit(self, intended: Entry) -> Entry:
        submission = Submission(
            request_id="r",
            signature="s" * 88,
            signed_transaction="AQ==",
            last_valid_block_height=2**40,
            in_amount_raw=1,
            out_amount_raw=2,
        )
        return self.add(TradeSubmitted(intent_of(intended).id, submission))

    def bought(self, intended: Entry, signal_id: int | None = None) -> Entry:
        intent = intent_of(intended)
        record = self.transaction(TransactionType.SWAP, signal_id)
        position_id = PositionId(new_id())
        trail = PositionTrail(
            position_id, 1, Decimal("1.2E-11"), Decimal("1.2E-11"), Decimal("-32.125"), self.now
        )
        position = Position.opened(
            trail=trail,
            agent_id=self.agent_id,
            wallet_address=self.wallet,
            token_address=intent.token_address,
            token_symbol="TKN",
            decimals=DECIMALS,
            transaction_id=record.id,
            signal_id=record.signal_id,
            entry_price_sol=Decimal("0.000000000012"),
            quantity_raw=QUANTITY_RAW,
            cost_lamports=1_000_105_000,
            at=self.now,
        )
        return self.add(
            TradeSettled(intent.id, record, position_id, position, None, None),
            (Account.WALLET, SOL_MINT, -1_000_105_000),
            (Account.MARKET, SOL_MINT, 1_000_000_000),
            (Account.NETWORK_FEE, SOL_MINT, 105_000),
            (Account.WALLET, intent.token_address, QUANTITY_RAW),
            (Account.MARKET, intent.token_address, -QUANTITY_RAW),
        )

    def sold(self, intended: Entry) -> Entry:
        intent = intent_of(intended)
        assert intent.position_id is not None
        position = self.state.positions[intent.position_id]
        record = self.transaction(TransactionType.SWAP)
        closed = ClosedTrade(
            id=ClosedTradeId(new_id()),
            position_id=position.id,
            agent_id=self.agent_id,
            wallet_address=self.wallet,
            token_address=position.token_address,
            token_symbol="TKN",
            amount=from_raw(position.quantity_raw, DECIMALS),
            purchase_price=position.entry_price_sol,
            sale_price=Decimal("0.000000000024"),
            change_percent=Decimal("123456789.1234"),
            profit_loss_usd=Decimal(150),
            profit_loss_sol=sol(1_000_000_001),
            purchase_time=position.opened_at,
            sale_time=self.now,
            purchase_transaction_id=position.purchase_transaction_id,
            sale_transaction_id=record.id,
            signal_id=position.signal_id,
            close_reason=CloseReason.MANUAL,
        )
        return self.add(
            TradeSettled(intent.id, record, position.id, None, closed, CloseReason.MANUAL),
            (Account.WALLET, position.token_address, -position.quantity_raw),
            (Account.MARKET, position.token_address, position.quantity_raw),
            (Account.WALLET, SOL_MINT, 2_000_000_001),
            (Account.MARKET, SOL_MINT, -2_000_000_001),
        )

    def failed(self, intended: Entry) -> Entry:
        return self.add(TradeFailed(intent_of(intended).id, "NO_ROUTE", "No route"))

    def expired(self, intended: Entry) -> Entry:
        return self.add(TradeExpired(intent_of(intended).id, "Block height exceeded"))

    def reset(self, *, keep_history: bool = False) -> Entry:
        legs: list[tuple[Account, TokenAddress, int]] = []
        for mint, balance in self.state.balances.items():
            legs += [
                (Account.WALLET, mint, -balance.amount_raw),
                (Account.ADJUSTMENT, mint, balance.amount_raw),
            ]
        return self.add(WalletReset("asked for", keep_history), *legs)

    def buy(self, signal_id: int | None = None, token: TokenAddress = TOKEN) -> list[Entry]:
        intended = self.intend(signal_id, token=token)
        return [intended, self.bought(intended, signal_id)]

    def sell(self) -> list[Entry]:
        position = next(iter(self.state.positions.values()))
        intended = self.intend(position=position, token=position.token_address)
        return [intended, self.sold(intended)]


def intent_of(entry: Entry) -> Intent:
    assert isinstance(entry.body, TradeIntended)
    return entry.body.intent


async def add_owners(connection: asyncpg.Connection[asyncpg.Record], stories: Sequence[Story]) -> None:
    """Store a user with the stories' agents and wallets."""
    user_id = new_id()
    await connection.execute(
        "INSERT INTO users (id, email) VALUES ($1, $2)", user_id, f"{user_id.hex}@example.com"
    )
    await connection.executemany(
        "INSERT INTO agents (id, user_id, name, updated_at) VALUES ($1, $2, 'Agent', now())",
        [(story.agent_id, user_id) for story in stories],
    )
    await connection.executemany(
        "INSERT INTO agent_wallets (wallet_address, agent_id, wallet_type, updated_at) VALUES ($1, $2, 'simulation', now())",
        [(story.wallet, story.agent_id) for story in stories],
    )


async def add_signal(connection: asyncpg.Connection[asyncpg.Record]) -> int:
    signal_id: int = await connection.fetchval(
        "INSERT INTO trading_signals (updated_at, token_address, signal_type, signal_strength) VALUES (now(), $1, 'x', 3)"
        " RETURNING id",
        TOKEN,
    )
    return signal_id
