"""Jupiter's answers as quotes."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from nexgent.domain.trading.models import Quote, QuoteRequest
from nexgent.infrastructure.external.json_values import decode_object
from nexgent.infrastructure.external.jupiter.mapping import (
    BadOrderError,
    price_impact_ratio,
    quote_from_order,
)
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import WalletAddress
from tests.builders import TOKEN

TAKER = WalletAddress("GPMMavk8C2pfSeN1oLtAELDm9AgNyhDroKn5HcSec9Zb")
MAKER = "5pfsMTK93yrK8gVDERFVFFPAQ1grp4szCMWnVEvq5t3v"


def _order(**changes: Any) -> dict[str, Any]:
    order = {
        "mode": "ultra",
        "inputMint": SOL_MINT,
        "outputMint": TOKEN,
        "inAmount": "100000000",
        "outAmount": "8115000000",
        "priceImpact": -0.1312,
        "priceImpactPct": "-0.001312",
        "swapUsdValue": 14.748,
        "slippageBps": 50,
        "routePlan": [{"swapInfo": {"label": "Raydium CP"}, "percent": 100}],
        "feeMint": SOL_MINT,
        "feeBps": 10,
        "platformFee": {"amount": "100000", "feeBps": 10, "feeMint": SOL_MINT},
        "signatureFeeLamports": 5000,
        "signatureFeePayer": TAKER,
        "prioritizationFeeLamports": 100000,
        "prioritizationFeePayer": TAKER,
        "rentFeeLamports": 2039280,
        "rentFeePayer": TAKER,
        "router": "metis",
        "transaction": "AQ==",
        "lastValidBlockHeight": "380221904",
        "requestId": "019a9f3e-7c1b-7d52-9a10-2f6d3c0b8e11",
    }
    order.update(changes)
    return {name: value for name, value in order.items() if value is not ...}


def _quote(taker: WalletAddress | None = TAKER, **changes: Any) -> Quote:
    body = json.dumps(_order(**changes)).encode()
    request = QuoteRequest(input_mint=SOL_MINT, output_mint=TOKEN, amount_raw=100_000_000, taker=taker)
    return quote_from_order(request, body, decode_object(body), 7.0)


def test_a_quote_holds_the_whole_answer() -> None:
    quote = _quote()

    assert quote.in_amount_raw == 100_000_000
    assert quote.out_amount_raw == 8_115_000_000
    assert quote.price_impact_ratio == Decimal("-0.001312")
    assert quote.swap_usd_value == Decimal("14.748")
    assert quote.last_valid_block_height == 380_221_904
    assert quote.fees.protocol_fee_lamports == 100_000
    assert quote.fees.network_fee_lamports == 105_000
    assert quote.fees.rent_lamports == 2_039_280
    assert json.loads(quote.payload_json)["mode"] == "ultra"
    assert quote.routes_json is not None
    assert json.loads(quote.routes_json)[0]["percent"] == 100


@pytest.mark.parametrize(
    ("changes", "network", "rent"),
    [
        ({"signatureFeePayer": MAKER}, 100_000, 2_039_280),
        ({"prioritizationFeePayer": MAKER}, 5_000, 2_039_280),
        ({"rentFeePayer": MAKER}, 105_000, 0),
        ({"signatureFeePayer": ..., "rentFeePayer": None}, 105_000, 2_039_280),
        ({"signatureFeeLamports": "5000", "rentFeeLamports": None}, 105_000, 0),
        ({"signatureFeeLamports": -5}, 100_000, 2_039_280),
    ],
)
def test_only_what_the_taker_pays_is_booked(changes: dict[str, Any], network: int, rent: int) -> None:
    fees = _quote(**changes).fees

    assert (fees.network_fee_lamports, fees.rent_lamports) == (network, rent)


def test_a_paper_trade_has_no_taker_and_pays_everything() -> None:
    assert _quote(taker=None, signatureFeePayer=MAKER, transaction=None).fees.network_fee_lamports == 105_000


@pytest.mark.parametrize(
    ("changes", "ratio"),
    [
        ({"priceImpactPct": "-0.05"}, Decimal("-0.05")),
        ({"priceImpactPct": ..., "priceImpact": -5}, Decimal("-0.05")),
        ({"priceImpactPct": "abc", "priceImpact": -0.5}, Decimal("-0.005")),
        ({"priceImpactPct": ..., "priceImpact": ...}, Decimal(0)),
        ({"priceImpactPct": 0, "priceImpact": -5}, Decimal(0)),
    ],
)
def test_price_impact_is_a_ratio_whatever_field_says_it(changes: dict[str, Any], ratio: Decimal) -> None:
    assert price_impact_ratio(decode_object(json.dumps(_order(**changes)))) == ratio


@pytest.mark.parametrize(
    "changes",
    [
        {"inAmount": "0"},
        {"outAmount": ...},
        {"outAmount": "1.5"},
        {"inAmount": "-1"},
        {"outputMint": TOKEN.lower()},
        {"inputMint": TOKEN},
        {"requestId": ""},
        {"inAmount": "100000001"},
    ],
)
def test_an_answer_that_is_not_the_one_asked_for_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BadOrderError):
        _quote(**changes)


def test_a_fee_that_is_not_taken_in_sol_is_unknown() -> None:
    quote = _quote(feeMint=TOKEN, platformFee={"feeBps": 10, "feeMint": TOKEN})

    assert quote.fees.protocol_fee_lamports is None
    assert quote.fees.protocol_fee_bps == 10


def test_the_fee_that_is_charged_is_the_one_at_the_top() -> None:
    quote = _quote(feeBps=30, platformFee={"amount": "1", "feeBps": 10, "feeMint": SOL_MINT})

    assert quote.fees.protocol_fee_bps == 30
    assert quote.fees.protocol_fee_lamports == 300_000
