"""How an endpoint comes by what stands behind the interface."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from nexgent.api.deps import ApiServices


async def get_services(request: Request) -> ApiServices:
    """Return what `bootstrap` put into the application's state."""
    services: ApiServices = request.app.state.services
    return services


Services = Annotated[ApiServices, Depends(get_services)]
