"""How an endpoint comes by what stands behind the interface."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

from fastapi import Depends, Request

from nexgent.api.deps import ApiServices
from nexgent.shared.errors import NotFoundError
from nexgent.shared.types import SignalId, UserId


async def get_services(request: Request) -> ApiServices:
    """Return what `bootstrap` put into the application's state."""
    services: ApiServices = request.app.state.services
    return services


Services = Annotated[ApiServices, Depends(get_services)]

Key = TypeVar("Key")
Row = TypeVar("Row")


async def recorded(
    services: ApiServices, get: Callable[[Key], Awaitable[Row | None]], key: Key, missing: type[NotFoundError]
) -> Row:
    """Return a record once the tables have all that was answered before. Raises `missing`, `UnavailableError`."""
    await services.projections.caught_up()
    row = await get(key)
    if row is None:
        raise missing
    return row


async def check_signal(services: ApiServices, signal_id: SignalId | None, user_id: UserId) -> None:
    """Raise `NotFoundError` for a signal that is named and is none of the user's."""
    if signal_id is not None and await services.signals.get(signal_id, user_id) is None:
        raise NotFoundError("Trading signal not found")
