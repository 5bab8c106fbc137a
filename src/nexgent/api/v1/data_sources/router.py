"""`/data-sources/status`: which data sources are configured."""

from __future__ import annotations

from pydantic import BaseModel
from starlette.responses import Response

from nexgent.api.encoding import json_response
from nexgent.api.endpoint import Access, Call, Doc, Endpoints

endpoints = Endpoints("data sources")


class ConfiguredOut(BaseModel):
    """Whether a source is configured."""

    configured: bool


class DataSourcesOut(BaseModel):
    """All data sources."""

    pythNetwork: ConfiguredOut  # noqa: N815 -- the contract's names
    pythSolPriceFeed: ConfiguredOut  # noqa: N815
    jupiter: ConfiguredOut
    dexscreener: ConfiguredOut
    liquidityChecks: ConfiguredOut  # noqa: N815
    signalGeneration: ConfiguredOut  # noqa: N815


@endpoints.get(
    "/data-sources/status",
    Access.SESSION,
    Doc(summary="Which data sources are configured", response=DataSourcesOut),
)
async def status(call: Call) -> Response:
    """Return the flags; no address and no key."""
    values = call.services.values
    missing = {
        "jupiter": not values.jupiter_configured,
        "pythNetwork": not values.pyth_configured,
        "pythSolPriceFeed": not values.pyth_configured,
    }
    return json_response(
        {name: {"configured": not missing.get(name, False)} for name in DataSourcesOut.model_fields}
    )
