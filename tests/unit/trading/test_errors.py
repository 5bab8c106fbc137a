"""What goes wrong in trading: a code for programs, a sentence for people, and the facts of the case."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import pytest

from nexgent.domain.trading.errors import (
    SwapInDoubtError,
    SwapUnavailableError,
    TradeRejectedError,
    UnexpectedTradeError,
    UnknownVenueError,
    UnsafeSwapError,
    WalletNotLoadedError,
    ZeroBalanceError,
    named,
)
from nexgent.domain.trading.orders.errors import (
    ExitPendingError,
    NotDueError,
    PartiallySoldError,
    PriceMovedError,
)
from nexgent.domain.trading.signal_sales import SaleInterruptedError
from nexgent.shared.errors import NexgentError
from nexgent.shared.types import PositionId, VenueName

POSITION = PositionId(UUID(int=7))
OF_POSITION = {"positionId": str(POSITION)}


@pytest.mark.parametrize(
    ("error", "code", "message", "details"),
    [
        (TradeRejectedError("WHY", "Because", size="1"), "WHY", "Because", {"size": "1"}),
        (UnexpectedTradeError(), "EXECUTION_FAILED", "The trade could not be carried out", {}),
        (WalletNotLoadedError(), "WALLET_NOT_LOADED", "The live wallet's key is not loaded", {}),
        (SwapUnavailableError("Busy"), "SWAP_UNAVAILABLE", "Busy", {}),
        (SwapUnavailableError("Busy", details={"a": 1}), "SWAP_UNAVAILABLE", "Busy", {"a": 1}),
        (UnsafeSwapError("UNSAFE_RULE", "It takes more"), "UNSAFE_RULE", "It takes more", {}),
        (
            UnknownVenueError(VenueName("gone")),
            "VENUE_UNKNOWN",
            "The swap was sent to the venue 'gone', which is not configured",
            {"venue": "gone"},
        ),
        (ZeroBalanceError(POSITION), "ZERO_BALANCE", "The wallet holds none of the token", OF_POSITION),
        (SwapInDoubtError(POSITION), "SWAP_UNKNOWN", "The swap was sent", OF_POSITION),
        (SwapInDoubtError(), "SWAP_UNKNOWN", "The swap was sent", {"positionId": None}),
        (PartiallySoldError(POSITION), "PARTIALLY_SOLD", "Only a part of the position was sold", OF_POSITION),
        (ExitPendingError(POSITION), "EXIT_PENDING", "The position is being sold", OF_POSITION),
        (
            PriceMovedError(POSITION, Decimal("0.00100"), Decimal("0.002")),
            "PRICE_MOVED",
            "Decided at a price of 0.00100 SOL; the swap provider quotes 0.002 SOL by now",
            {**OF_POSITION, "decidedPriceSol": "0.001", "quotedPriceSol": "0.002"},
        ),
        (
            NotDueError(POSITION, "NO_PRICE"),
            "NOT_DUE",
            "Nothing to do: NO_PRICE",
            {**OF_POSITION, "reason": "NO_PRICE"},
        ),
        (SaleInterruptedError(), "SALE_INTERRUPTED", "A sale for the signal is being looked into", {}),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, NexgentError) else None,
)
def test_an_error_has_its_code_a_sentence_and_the_facts(
    error: NexgentError, code: str, message: str, details: dict[str, object]
) -> None:
    assert error.code == code
    assert error.message.startswith(message)
    assert error.details == details


def test_what_nobody_foresaw_is_named_and_its_text_told_nobody() -> None:
    known = ZeroBalanceError(POSITION)

    assert named(known) is known
    unforeseen = named(ValueError("a secret"))
    assert isinstance(unforeseen, UnexpectedTradeError)
    assert "secret" not in unforeseen.message
