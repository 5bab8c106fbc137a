"""`/price-feeds/sol-usd`: the SOL price as the engine knows it."""

from __future__ import annotations

from pydantic import BaseModel
from starlette.responses import Response

from nexgent.api.encoding import iso_or_none, json_response
from nexgent.api.endpoint import Access, Call, Doc, Endpoints
from nexgent.api.v1.positions.views import DISPLAY_SOL_USD

endpoints = Endpoints("price feeds")

STALE_SECONDS = 30


class SolPriceOut(BaseModel):
    """USD per SOL with 8 decimals. Before the first update it says 100, `lastUpdated` null and `isStale` true."""

    price: str
    lastUpdated: str | None  # noqa: N815 -- the contract's names
    isStale: bool  # noqa: N815
    source: str


@endpoints.get("/price-feeds/sol-usd", Access.SESSION, Doc(summary="USD per SOL", response=SolPriceOut))
async def sol_price(call: Call) -> Response:
    """Return the last price and whether it is too old."""
    latest = call.services.sol_price.latest()
    age = (call.services.clock.now() - latest.published_at).total_seconds() if latest is not None else None
    return json_response(
        {
            "price": format(latest.price_usd if latest is not None else DISPLAY_SOL_USD, ".8f"),
            "lastUpdated": iso_or_none(latest.published_at if latest is not None else None),
            "isStale": age is None or age > STALE_SECONDS,
            "source": latest.source.value if latest is not None else "pyth",
        }
    )
