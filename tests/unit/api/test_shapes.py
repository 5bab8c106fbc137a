"""How a value of ours is shown: as pydantic would make it of the same fields, only sooner."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import pytest

from nexgent.api.encoding import dumped
from nexgent.api.http.models import ApiModel
from nexgent.api.http.types import DecimalText


class PriceOut(ApiModel):
    price_sol: DecimalText
    token_symbol: str | None = None


@dataclass(frozen=True)
class Price:
    price_sol: Decimal
    symbol: str = "TKN"
    token_symbol: str | None = "never shown"


def test_a_value_is_shown_as_pydantic_would_construct_it() -> None:
    shown = PriceOut.showing(Price(Decimal("1.50")), token_symbol="TKN")

    constructed = PriceOut.model_construct(price_sol=Decimal("1.50"), token_symbol="TKN")
    assert shown == constructed
    assert shown.model_fields_set == constructed.model_fields_set
    assert dumped(shown) == {"priceSol": "1.5", "tokenSymbol": "TKN"}
    assert dumped(shown.model_copy(update={"token_symbol": None})) == {"priceSol": "1.5", "tokenSymbol": None}


def test_a_field_that_the_value_does_not_have_is_an_error() -> None:
    with pytest.raises(AttributeError, match="price_sol"):
        PriceOut.showing(object())
