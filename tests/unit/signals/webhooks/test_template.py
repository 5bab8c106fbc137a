"""Templates: what becomes of alerts, good and bad."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexgent.domain.signals.webhooks.errors import InvalidAlertError, InvalidTemplateError
from nexgent.domain.signals.webhooks.receive_alert import read_alert
from nexgent.domain.signals.webhooks.template import FIELDS, RenderedAlert, parse_template, render
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import TokenAddress

MINT = TokenAddress("DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB263YaB1pPB1")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30) | st.decimals(allow_nan=True),
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=10), children, max_size=4)
    ),
    max_leaves=12,
)


def rendered(alert: object, fields: object = None, maps: object = None) -> RenderedAlert:
    return render(parse_template(fields, maps), alert)


def test_the_default_takes_the_fields_of_a_signal_as_they_are() -> None:
    signal = rendered(
        {"tokenAddress": f" {MINT} ", "signalStrength": 5, "symbol": "BONK", "timestamp": 1_750_000_000}
    )

    assert signal == RenderedAlert(
        token_address=MINT,
        signal_type="TradingView",
        signal_strength=5,
        symbol="BONK",
        activation_reason=None,
        source="webhook",
        sent_at=datetime(2025, 6, 15, 15, 6, 40, tzinfo=UTC),
        alert_id=None,
    )


def test_placeholders_reach_into_objects_and_lists_and_have_defaults() -> None:
    alert = {"a": {"b": ["x", {"mint": MINT}]}, "price": 1.0, "up": True}
    fields = {
        "tokenAddress": "{{a.b.1.mint}}",
        "signalType": "Cross {{ a.b.0 }}{{missing|!}}",
        "signalStrength": "{{level|2}}",
        "activationReason": "up: {{up}}, nothing: {{missing|}}",
        "source": "{{missing}} dropped",
    }

    signal = rendered(alert, fields)

    assert (signal.token_address, signal.signal_type, signal.signal_strength) == (MINT, "Cross x!", 2)
    assert (signal.activation_reason, signal.source) == ("up: true, nothing:", None)


def test_maps_translate_tickers_and_words() -> None:
    fields = {"tokenAddress": "{{ticker}}", "signalStrength": "{{side}}"}
    maps = {"tokenAddress": {"BONKUSDT": MINT}, "signalStrength": {"Strong Buy": 5, "*": 1}}

    strong = rendered({"ticker": "bonkusdt", "side": "strong buy"}, fields, maps)
    weak = rendered({"ticker": MINT[:-1] + "2", "side": "whatever"}, fields, maps)

    assert (strong.token_address, strong.signal_strength) == (MINT, 5)
    assert (weak.token_address, weak.signal_strength) == (MINT[:-1] + "2", 1)


@pytest.mark.parametrize("ticker", ["SOLUSDT", MINT + "x" * 20, MINT[:-1] + "0", MINT[:20]])
def test_a_ticker_without_a_mint_is_not_taken_for_one(ticker: str) -> None:
    with pytest.raises(InvalidAlertError, match=r"maps\.tokenAddress has no entry for it"):
        rendered({"ticker": ticker}, {"tokenAddress": "{{ticker}}"}, {"tokenAddress": {"BONKUSDT": MINT}})


@pytest.mark.parametrize(
    ("said", "action", "percent"),
    [
        ({}, "buy", None),
        ({"action": "buy", "percent": 20}, "buy", None),
        ({"action": " Close "}, "close", None),
        ({"action": "reduce", "percent": "12.5"}, "reduce", Decimal("12.5")),
    ],
)
def test_an_alert_may_say_what_it_asks_for(
    said: dict[str, object], action: str, percent: Decimal | None
) -> None:
    signal = rendered({"tokenAddress": MINT, **said})

    assert (signal.action, signal.percent) == (action, percent)


def test_words_for_buying_and_selling_are_translated_by_a_map_and_not_guessed() -> None:
    alert = {"tokenAddress": MINT, "side": "sell"}
    fields = {"action": "{{side}}"}

    assert rendered(alert, fields, {"action": {"sell": "close", "long": "buy"}}).action == "close"
    with pytest.raises(InvalidAlertError, match="action must be one of buy, close, reduce, not 'sell'"):
        rendered(alert, fields)


@pytest.mark.parametrize("percent", [None, 0, 100, -1, "much", "1e-30"])
def test_a_part_is_above_nothing_and_below_everything(percent: object) -> None:
    with pytest.raises(InvalidAlertError, match="percent must be a number above 0 and below 100"):
        rendered({"tokenAddress": MINT, "action": "reduce", "percent": percent})


def test_short_numbers_with_long_forms_stay_short() -> None:
    alert = read_alert(b'{"source": 1e999999999, "symbol": 2.50, "activationReason": 1e-999999999}')

    signal = rendered(alert, {"tokenAddress": MINT})

    assert (signal.source, signal.symbol) == ("1E+999999999", "2.50")
    assert signal.activation_reason == "1E-999999999"


def test_long_values_are_refused_before_they_are_multiplied() -> None:
    fields = {"tokenAddress": MINT, "activationReason": "{{a}}" * 200}

    with pytest.raises(InvalidAlertError, match="activationReason is longer than 5000"):
        rendered({"a": "x" * 5_001}, fields)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T05:04:05+02:00", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("1767323045", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("1767323045000", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
    ],
)
def test_times_as_services_write_them(text: str, expected: datetime) -> None:
    assert rendered({"tokenAddress": MINT, "timestamp": text}).sent_at == expected


@pytest.mark.parametrize(
    ("alert", "problem"),
    [
        ({}, "tokenAddress stays empty; the template takes it from {{tokenAddress}}"),
        ({"tokenAddress": ["x"]}, "tokenAddress stays empty"),
        ({"tokenAddress": MINT, "signalStrength": 6}, "whole number from 1 to 5, not '6'"),
        ({"tokenAddress": MINT, "signalStrength": "nan"}, "whole number from 1 to 5"),
        ({"tokenAddress": MINT, "signalStrength": "buy"}, "a map can translate words"),
        ({"tokenAddress": MINT, "timestamp": "yesterday"}, "timestamp must be ISO-8601"),
        ({"tokenAddress": MINT, "timestamp": "99999999999999999999"}, "timestamp must be ISO-8601"),
        ({"tokenAddress": "x" * 256}, "tokenAddress: a mint address"),
        ({"tokenAddress": "0" * 44}, "tokenAddress: a mint address"),
        ({"tokenAddress": MINT[:-2]}, "tokenAddress: a mint address"),
        ({"tokenAddress": str(SOL_MINT)}, "SOL is what tokens are bought with"),
        ({"tokenAddress": MINT, "signalStrength": "\u0663"}, "a map can translate words"),
        ({"tokenAddress": MINT, "activationReason": "x" * 5001}, "longer than 5000"),
        ("text", "tokenAddress stays empty"),
    ],
)
def test_a_bad_alert_is_told_what_is_wrong(alert: object, problem: str) -> None:
    with pytest.raises(InvalidAlertError) as error:
        rendered(alert)

    assert problem in error.value.message


@pytest.mark.parametrize(
    ("fields", "maps", "problem"),
    [
        ([], None, "template: an object is required"),
        ({"price": "x"}, None, "template.price: unknown; allowed are tokenAddress"),
        ({"symbol": 5}, None, "template.symbol: a text"),
        ({"symbol": "{{a"}, None, "a placeholder is {{name}}"),
        ({"symbol": "{{a b}}"}, None, "a placeholder is {{name}}"),
        ({"symbol": "x" * 1001}, None, "at most 1000 characters"),
        (None, {"price": {}}, "maps.price: unknown"),
        (None, {"symbol": "x"}, "maps.symbol: an object is required"),
        (None, {"symbol": {"a": True}}, "texts or numbers are required"),
        (None, {"symbol": {str(n): n for n in range(501)}}, "at most 500 entries"),
    ],
)
def test_a_bad_template_is_told_what_is_wrong(fields: object, maps: object, problem: str) -> None:
    with pytest.raises(InvalidTemplateError) as error:
        parse_template(fields, maps)

    assert problem in error.value.message


def test_a_body_is_json_or_a_text() -> None:
    assert read_alert(b'{"a": 1}') == {"a": 1}
    assert read_alert(b"\xef\xbb\xbf{}") == {}
    assert read_alert(b" BONK  crossed 5\n") == {"text": "BONK  crossed 5", "words": ["BONK", "crossed", "5"]}
    assert read_alert(b'"quoted"') == {"text": '"quoted"', "words": ['"quoted"']}
    assert read_alert(b"whs_abc BONK up") == {"secret": "whs_abc", "text": "BONK up", "words": ["BONK", "up"]}
    assert read_alert(b"whs_abc") == {"secret": "whs_abc", "text": "", "words": []}
    words = read_alert(b"x " * 500)
    assert isinstance(words, dict)
    assert len(words["words"]) == 100
    with pytest.raises(InvalidAlertError):
        read_alert(b"\xff\xff")


@given(
    alert=JSON,
    raw=st.binary(max_size=60),
    fields=st.dictionaries(st.sampled_from(FIELDS), st.text(max_size=40)),
    maps=st.dictionaries(st.sampled_from(FIELDS), st.dictionaries(st.text(max_size=5), JSON, max_size=3)),
)
def test_nothing_but_its_own_errors_comes_out(
    alert: object, raw: bytes, fields: dict[str, str], maps: dict[str, dict[str, object]]
) -> None:
    for one in (alert, {"tokenAddress": alert, "timestamp": alert, "signalStrength": alert}):
        problem = refusal(lambda one=one: render(parse_template(fields, maps), one))  # type: ignore[misc]
        assert problem is None or problem.startswith("Invalid ")
    problem = refusal(lambda: read_alert(raw))
    assert problem is None or "UTF-8" in problem


def refusal(act: Callable[[], object]) -> str | None:
    """Return why something is refused; anything but our own errors passes through and fails the test."""
    try:
        act()
    except (InvalidAlertError, InvalidTemplateError) as error:
        return error.message
    return None
