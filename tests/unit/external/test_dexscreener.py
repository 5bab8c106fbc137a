"""Reading DexScreener's pairs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from nexgent.domain.prices.models import PriceObservation
from nexgent.infrastructure.external.dexscreener.feed import read_pairs
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import TokenAddress
from tests.builders import TOKEN
from tests.patience import best_cpu_seconds

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OTHER = TokenAddress("DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263")
USDC = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"


def _pair(base: str = TOKEN, quote: str = SOL_MINT, **changes: Any) -> dict[str, Any]:
    pair = {
        "chainId": "solana",
        "baseToken": {"address": base, "symbol": "EXM"},
        "quoteToken": {"address": quote, "symbol": "SOL"},
        "priceNative": "0.00001231",
        "priceUsd": "0.001815",
        "txns": {"m5": {"buys": 1, "sells": 2}},
        "liquidity": {"usd": 84210.55, "base": 23198312, "quote": 285.4},
    }
    return pair | changes


def _read(
    *pairs: Any, wanted: tuple[TokenAddress, ...] = (TOKEN,)
) -> tuple[list[PriceObservation], set[str]]:
    result = read_pairs(json.dumps(pairs).encode(), wanted, NOW)
    assert result.failed == frozenset()
    return list(result.observations), set(result.absent)


def test_prices_are_exact_decimals_of_the_text() -> None:
    ((observation,), absent) = _read(_pair(priceNative="0.000000000012345678901"))

    assert observation.price_sol == Decimal("0.000000000012345678901")
    assert observation.price_usd == Decimal("0.001815")
    assert observation.liquidity_usd == Decimal("84210.55")
    assert observation.liquidity_sol == Decimal("285.4")
    assert observation.observed_at == NOW
    assert absent == set()


def test_the_deepest_pool_quoted_in_sol_wins() -> None:
    (observation,), _ = _read(
        _pair(priceNative="1", liquidity={"usd": 10}),
        _pair(priceNative="2", liquidity={"usd": 30}),
        _pair(priceNative="3", liquidity={"usd": 20}),
        _pair(quote=USDC, priceNative="4", liquidity={"usd": 99}),
        _pair(priceNative="5", liquidity=None),
    )

    assert observation.price_sol == Decimal(2)


def test_a_pool_without_a_price_does_not_hide_one_with_a_price() -> None:
    (observation,), _ = _read(
        _pair(priceNative="0", liquidity={"usd": 1000}),
        _pair(priceNative="2", liquidity={"usd": 1}),
        _pair(priceNative="0", liquidity={"usd": 1000}),
    )

    assert observation.price_sol == Decimal(2)


def test_a_token_quoted_in_dollars_only_has_no_price_in_sol() -> None:
    (observation,), _ = _read(_pair(quote=USDC, priceNative="0.0018", priceUsd="0.0018"))

    assert observation.price_sol is None
    assert observation.price_usd == Decimal("0.0018")
    assert observation.liquidity_sol is None


def test_the_token_as_quote_side_says_nothing_about_its_price() -> None:
    observations, absent = _read(_pair(base=SOL_MINT, quote=TOKEN))

    assert observations == []
    assert absent == {TOKEN}


def test_a_lower_case_mint_is_another_token() -> None:
    observations, absent = _read(_pair(base=TOKEN.lower()))

    assert observations == []
    assert absent == {TOKEN}


def test_pairs_of_other_chains_do_not_count() -> None:
    assert _read(_pair(chainId="ethereum"))[1] == {TOKEN}


@pytest.mark.parametrize(
    "broken", [None, 5, {}, _pair(priceNative={"a": 1}), _pair(priceNative="abc"), {"baseToken": None}]
)
def test_one_malformed_pair_does_not_cost_the_others(broken: Any) -> None:
    observations, absent = _read(broken, _pair(base=OTHER), wanted=(TOKEN, OTHER))

    assert [observation.token_address for observation in observations] == [OTHER]
    assert absent == {TOKEN}


def test_optional_fields_may_be_missing() -> None:
    (observation,), _ = _read(
        {"baseToken": {"address": TOKEN}, "quoteToken": {"address": SOL_MINT}, "priceNative": "0.5"}
    )

    assert observation.price_sol == Decimal("0.5")
    assert observation.price_usd is None
    assert observation.liquidity_usd is None


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"pairs":null}', b"null"])
def test_what_is_no_array_is_a_failure_and_not_an_absence(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        read_pairs(body, (TOKEN,), NOW)


def test_a_full_batch_is_read_in_about_a_millisecond() -> None:
    tokens = tuple(TokenAddress(f"{TOKEN[:-2]}{index:02}") for index in range(30))
    body = json.dumps([_pair(base=token) for token in tokens for _ in range(2)]).encode()

    assert best_cpu_seconds(lambda: read_pairs(body, tokens, NOW)) < 0.005
