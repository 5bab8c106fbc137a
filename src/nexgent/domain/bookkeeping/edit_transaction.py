"""Correct a recorded transaction: what its new effect on balances differs by is posted in the same entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import structlog

from nexgent.domain.bookkeeping.booked import BookedTransaction, BookedTransactions
from nexgent.domain.bookkeeping.effects import (
    Funds,
    check_covered,
    effect_of,
    legs_of,
    net,
    taken_back,
    to_wallet,
)
from nexgent.domain.bookkeeping.errors import EngineRecordError
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.ledger.models import Posting, TransactionEdited
from nexgent.domain.ledger.state import WalletState
from nexgent.domain.trading.ports import TokenDecimals
from nexgent.domain.transactions.models import TransactionRecord
from nexgent.shared.money import SOL_DECIMALS, SOL_MINT
from nexgent.shared.types import TokenAddress, TransactionId, WalletAddress

log = structlog.get_logger(__name__)

MOVES_BALANCES = frozenset(
    {
        "type",
        "input_mint",
        "input_symbol",
        "input_amount",
        "output_mint",
        "output_symbol",
        "output_amount",
    }
)
FACTS = {
    "type": "transactionType",
    "time": "transactionTime",
    "input_mint": "inputMint",
    "input_amount": "inputAmount",
    "input_price": "inputPrice",
    "output_mint": "outputMint",
    "output_amount": "outputAmount",
    "output_price": "outputPrice",
    "is_dca": "isDca",
    "is_take_profit": "isTakeProfit",
}
"""What a swap of the engine did, by the names of the contract: it moved money, and positions and results rest on it."""

REMARKS = (
    "fees",
    "slippage",
    "priceImpact",
    "routes",
    "signalId",
    "destinationAddress",
    "transactionValueUsd",
    "the symbols",
)
_STORED = Decimal("1e-18")
_SHOWN = timedelta(milliseconds=1)


class EditTransaction:
    """A transaction that somebody recorded can become any other one; of what the engine traded only the remarks can change."""

    def __init__(self, *, ledger: Ledger, booked: BookedTransactions, decimals: TokenDecimals) -> None:
        self._ledger = ledger
        self._booked = booked
        self._decimals = decimals

    async def execute(
        self, wallet: WalletAddress, transaction_id: TransactionId, changes: Mapping[str, Any]
    ) -> tuple[TransactionRecord, datetime]:
        """Return the transaction as it is now, and when it was changed.

        `changes` are fields of `TransactionRecord` by name; those that are the same as before do not count. Raises
        `UnknownTransactionError`, `EngineRecordError`, `InvalidInputError`, `BalanceNotFoundError`,
        `InsufficientBalanceError`, `InvalidTokenError`, `ConflictError`, `UnavailableError`.
        """
        places: dict[TokenAddress, int] = {SOL_MINT: SOL_DECIMALS}

        async def step() -> tuple[TransactionRecord, datetime]:
            different, record, postings = await self._decide(wallet, transaction_id, changes, places)
            entry = self._ledger.stage(wallet, TransactionEdited(record), postings)
            await self._ledger.commit(entry)
            log.info(
                "transaction.edited",
                transaction_id=str(transaction_id),
                fields=sorted(different),
                moved=bool(postings),
            )
            return record, entry.at

        return await self._ledger.decide(step)

    async def _decide(
        self,
        wallet: WalletAddress,
        transaction_id: TransactionId,
        changes: Mapping[str, Any],
        places: dict[TokenAddress, int],
    ) -> tuple[Mapping[str, Any], TransactionRecord, tuple[Posting, ...]]:
        """Return what changes, the new record and its postings, all right for the wallet's state of this instant."""
        while True:
            state, booked = await self._booked.read(wallet, transaction_id)
            old = booked.record
            different = {name: new for name, new in changes.items() if not _same(getattr(old, name), new)}
            record = replace(old, **different)
            if booked.by_engine:
                _refuse_facts(different)
                return different, record, ()
            if MOVES_BALANCES.isdisjoint(different):
                return different, record, ()
            if not await self._learn_places(record, state, places):
                return different, record, _difference(booked, record, places, state)
            # Asking took time, and the state may be another one. Nothing has to be asked twice.

    async def _learn_places(
        self, record: TransactionRecord, state: WalletState, places: dict[TokenAddress, int]
    ) -> bool:
        """Add the decimals of the mints a transaction moves; tell whether somebody had to be asked."""
        asked = False
        for leg in legs_of(record):
            if leg is None or leg.mint in places:
                continue
            held = state.balances.get(leg.mint)
            if held is None:
                places[leg.mint] = await self._decimals.decimals(leg.mint)
                asked = True
            else:
                places[leg.mint] = held.decimals
        return asked


def _difference(
    booked: BookedTransaction,
    record: TransactionRecord,
    places: Mapping[TokenAddress, int],
    state: WalletState,
) -> tuple[Posting, ...]:
    back = taken_back(booked.effect)
    given, taken = legs_of(record)
    effect = effect_of(record.type, given, taken, places, Funds(state, to_wallet(back)))
    postings = net(back, effect)
    check_covered(state, postings)
    return postings


def _refuse_facts(different: Mapping[str, object]) -> None:
    refused = [name for field, name in FACTS.items() if field in different]
    if refused:
        raise EngineRecordError("trade", refused, REMARKS)


def _same(old: object, new: object) -> bool:
    """Tell whether a client has sent back what it was shown: 18 places of a number, milliseconds of a time."""
    if isinstance(old, Decimal) and isinstance(new, Decimal):
        return abs(old - new) <= _STORED
    if isinstance(old, datetime) and isinstance(new, datetime):
        return abs(old - new) < _SHOWN
    return old == new
