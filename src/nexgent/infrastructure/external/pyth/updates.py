"""Price updates of Hermes, and which of them can be used. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from nexgent.domain.prices.models import PriceSource, SolPrice
from nexgent.infrastructure.external.json_values import decode_object, int_of, list_of, mapping_of, text_of
from nexgent.shared.money import CONTEXT

PYTH = PriceSource("pyth")
SOL_USD_FEED_ID = "ef0d8b6fda2ceba41da15d4095d1da392a0d2f8ed0c6c7bc0f4cfac8c280b56d"
MAX_CONFIDENCE_RATIO = Decimal("0.01")
MAX_AHEAD = timedelta(seconds=60)
"""A publish time further ahead than any clock should be wrong would shut out every later price."""
_MAX_EXPONENT = 30


def sol_price_of(body: bytes, *, feed_id: str, now: datetime) -> SolPrice | None:
    """Return the usable price in an update of the feed, else None. Raises `BadJsonError`.

    value = price x 10^expo; unusable are prices <= 0, a confidence interval of more than 1 % and times ahead of us.
    """
    wanted = normalized(feed_id)
    for item in list_of(decode_object(body).get("parsed")):
        fields = mapping_of(item)
        if normalized(text_of(fields.get("id")) or "") == wanted:
            return _usable(mapping_of(fields.get("price")), now)
    return None


def normalized(feed_id: str) -> str:
    """Return a feed id as answers show it: lower case, without `0x`."""
    return feed_id.strip().lower().removeprefix("0x")


def _usable(fields: Any, now: datetime) -> SolPrice | None:  # a mapping of unknown content
    price, confidence = int_of(fields.get("price")), int_of(fields.get("conf"))
    exponent, published = int_of(fields.get("expo")), int_of(fields.get("publish_time"))
    if price is None or exponent is None or published is None or price <= 0 or abs(exponent) > _MAX_EXPONENT:
        return None
    # The interval has the same exponent as the price, so their ratio needs none.
    if confidence is None or confidence < 0 or Decimal(confidence) > MAX_CONFIDENCE_RATIO * price:
        return None
    try:
        published_at = datetime.fromtimestamp(published, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    if published_at - now > MAX_AHEAD:
        return None
    return SolPrice(
        price_usd=CONTEXT.scaleb(Decimal(price), exponent), published_at=published_at, source=PYTH
    )
