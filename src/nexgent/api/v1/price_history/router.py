"""`/price-history`: what a token cost, second by second, minute by minute, hour by hour."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from nexgent.api.encoding import json_response
from nexgent.api.http.access import HistoryCaller
from nexgent.api.http.route import ApiRoute
from nexgent.api.http.services import Services
from nexgent.api.v1.price_history.schemas import (
    MOST_CANDLES,
    MintInPath,
    PriceHistoryOut,
    PriceHistoryQuery,
    candle,
    lines,
    marker,
    refusal,
    source_line,
)

router = APIRouter(prefix="/price-history", tags=["price history"], route_class=ApiRoute)


@router.get(
    "/{mint}", summary="Recorded prices of a token, with what happened", response_model=PriceHistoryOut
)
async def price_history(
    mint: MintInPath, query: Annotated[PriceHistoryQuery, Query()], caller: HistoryCaller, services: Services
) -> Response:
    """Return candles of accepted prices, markers of the caller's signals and trades, and how stops and peaks moved.

    Prices are recorded while somebody holds a token: each second for a day, each minute for 30 days, each hour for a year, unless
    the installation says otherwise. A token the caller never held and never had a signal for has no candles. With `sources=true`
    there is what each price source said, by the minute, and the times during which the words of one were not taken.
    """
    query.check()
    chart = await services.price_chart.execute(
        caller.user_id,
        mint,
        query.resolution,
        start=query.from_,
        end=query.to,
        limit=min(query.limit, MOST_CANDLES),
        with_sources=bool(query.sources),
    )
    return json_response(
        {
            "mint": mint,
            "resolution": query.resolution.value,
            "candles": [candle(one) for one in chart.candles],
            "markers": [marker(one) for one in chart.markers],
            "lines": [lines(one) for one in chart.lines],
            "sources": [source_line(one) for one in chart.sources],
            "refusals": [refusal(one) for one in chart.refusals],
        }
    )
