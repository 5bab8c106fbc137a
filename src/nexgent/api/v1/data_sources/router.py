"""`/data-sources/status`: which data sources are configured."""

from __future__ import annotations

from fastapi import APIRouter

from nexgent.api.http.access import SESSION_ONLY
from nexgent.api.http.declared import limited
from nexgent.api.http.models import ApiModel
from nexgent.api.http.route import ApiRoute
from nexgent.api.http.services import Services

router = APIRouter(prefix="/data-sources", tags=["data sources"], route_class=ApiRoute)


class ConfiguredOut(ApiModel):
    """Whether a source is configured."""

    configured: bool


class DataSourcesOut(ApiModel):
    """All data sources; `grafanaUrl` is where their figures are shown, when there is such a place."""

    pyth_network: ConfiguredOut
    pyth_sol_price_feed: ConfiguredOut
    jupiter: ConfiguredOut
    dexscreener: ConfiguredOut
    liquidity_checks: ConfiguredOut
    signal_generation: ConfiguredOut
    grafana_url: str | None = None


@router.get("/status", summary="Which data sources are configured", dependencies=[SESSION_ONLY, limited(30)])
async def status(services: Services) -> DataSourcesOut:
    """Return the flags; no key, and no address but that of the Grafana of this installation."""
    present, values = ConfiguredOut(configured=True), services.values
    pyth = ConfiguredOut(configured=values.pyth_configured)
    answer = DataSourcesOut(
        pyth_network=pyth,
        pyth_sol_price_feed=pyth,
        jupiter=ConfiguredOut(configured=values.jupiter_configured),
        dexscreener=present,
        liquidity_checks=present,
        signal_generation=present,
    )
    if values.grafana_url is not None:
        answer.grafana_url = values.grafana_url
    return answer
