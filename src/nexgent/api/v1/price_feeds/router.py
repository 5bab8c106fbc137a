"""`/price-feeds/sol-usd`: the SOL price as the engine knows it."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import ConfigDict

from nexgent.api.http.access import OVERVIEW_READERS
from nexgent.api.http.models import ApiModel
from nexgent.api.http.route import ApiRoute
from nexgent.api.http.services import Services
from nexgent.api.http.types import Instant
from nexgent.api.v1.positions.views import DISPLAY_SOL_USD

router = APIRouter(prefix="/price-feeds", tags=["price feeds"], route_class=ApiRoute)

STALE_SECONDS = 30


class SolPriceOut(ApiModel):
    """USD per SOL with 8 decimals. Before the first update it says 100, `lastUpdated` null and `isStale` true."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "price": "150.25000000",
                    "lastUpdated": "2026-01-01T12:00:00.000Z",
                    "isStale": False,
                    "source": "pyth",
                }
            ]
        }
    )

    price: str
    last_updated: Instant | None
    is_stale: bool
    source: str


@router.get("/sol-usd", summary="USD per SOL", dependencies=[OVERVIEW_READERS])
async def sol_price(services: Services) -> SolPriceOut:
    """Return the last price and whether it is too old."""
    latest = services.sol_price.latest()
    age = (services.clock.now() - latest.published_at).total_seconds() if latest is not None else None
    return SolPriceOut(
        price=format(latest.price_usd if latest is not None else DISPLAY_SOL_USD, ".8f"),
        last_updated=latest.published_at if latest is not None else None,
        is_stale=age is None or age > STALE_SECONDS,
        source=latest.source if latest is not None else "pyth",
    )
