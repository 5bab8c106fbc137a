"""`/notifications`: where users want to be told, and what they were told."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from nexgent.api.http.access import SessionCaller
from nexgent.api.http.declared import NOT_AUDITED, NOT_KEPT, audited, limited
from nexgent.api.http.models import READS_NOTHING, DoneOut
from nexgent.api.http.refusals import Refusal, refusals
from nexgent.api.http.route import ApiRoute
from nexgent.api.http.services import Services
from nexgent.api.http.types import TargetIdInPath
from nexgent.api.paging import NEXT_PAGE, Paging
from nexgent.api.v1.notifications.schemas import (
    DeliveriesQuery,
    DeliveryOut,
    NewTargetOut,
    TargetChangeIn,
    TargetIn,
    TargetOut,
    TargetsOut,
)
from nexgent.shared.paging import PageCursor

router = APIRouter(prefix="/notifications", tags=["notifications"], route_class=ApiRoute)

_PAGING = Paging("notifications", int)
_NO_AGENT = Refusal(404, "Agent not found", "AGENT_NOT_FOUND")
_UNUSABLE = Refusal(422, "apprise is not installed", "NOTIFICATION_CHANNEL_MISSING")


@router.get(
    "",
    summary="What was sent, what waits and what failed, newest first",
    description=NEXT_PAGE,
    response_model=list[DeliveryOut],
)
async def list_deliveries(
    query: Annotated[DeliveriesQuery, Query()], caller: SessionCaller, services: Services
) -> Response:
    """Return a page of the user's deliveries."""
    page = _PAGING.page(query)
    rows = await services.told.deliveries(
        caller.user_id,
        limit=page.asked,
        offset=page.offset,
        before=page.after.id if page.after is not None else None,
        target_id=query.target_id,
    )
    return await _PAGING.answer(
        rows, page, view=DeliveryOut.of, mark=lambda row: PageCursor(row.notification.at, row.id)
    )


@router.post(
    "/targets",
    status_code=201,
    summary="Create a target; the secret of a webhook is shown this once, the address never",
    description="`apprise` takes an address of the library apprise (ntfy, Telegram, Discord, e-mail and many more) and is for "
    "people: many equal notifications come as one. `webhook` takes an address of http(s) and is for programs: each notification "
    "is a POST, signed as standardwebhooks.com says.",
    responses=refusals(
        _NO_AGENT, Refusal(409, "At most 50 targets are allowed", "TOO_MANY_NOTIFICATION_TARGETS"), _UNUSABLE
    ),
    dependencies=[limited(30), audited("notification_target.create")],
)
async def create_target(body: TargetIn, caller: SessionCaller, services: Services) -> NewTargetOut:
    """Create a target."""
    new = await services.notification_targets.create(caller.user_id, body.channel, body.change())
    return NewTargetOut.with_secret(new)


@router.get("/targets", summary="List targets, newest first")
async def list_targets(caller: SessionCaller, services: Services) -> TargetsOut:
    """Return the user's targets."""
    targets = await services.notification_targets.all(caller.user_id)
    return TargetsOut(items=[TargetOut.of(target) for target in targets])


@router.get("/targets/{id}", summary="One target")
async def get_target(target_id: TargetIdInPath, caller: SessionCaller, services: Services) -> TargetOut:
    """Return a target."""
    return TargetOut.of(await services.notification_targets.one(target_id, caller.user_id))


@router.put(
    "/targets/{id}",
    summary="Change a target, or switch it off and on",
    responses=refusals(_UNUSABLE),
    dependencies=[limited(30), audited("notification_target.update")],
)
async def change_target(
    target_id: TargetIdInPath, body: TargetChangeIn, caller: SessionCaller, services: Services
) -> TargetOut:
    """Change a target. A webhook's secret stays when its address changes."""
    return TargetOut.of(await services.notification_targets.change(target_id, caller.user_id, body.change()))


@router.delete(
    "/targets/{id}",
    summary="Delete a target, with what waits for it",
    dependencies=[audited("notification_target.delete")],
)
async def delete_target(target_id: TargetIdInPath, caller: SessionCaller, services: Services) -> DoneOut:
    """Delete a target."""
    await services.notification_targets.delete(target_id, caller.user_id)
    return DoneOut(success=True, message="Notification target deleted successfully")


# A message to oneself is no business of safety.
@router.post(
    "/targets/{id}/test",
    summary="Send a message now and wait for what becomes of it, at most 30 seconds",
    responses=refusals(
        Refusal(422, "It did not come through: no answer within 10 seconds", "NOTIFICATION_FAILED")
    ),
    dependencies=[limited(10), READS_NOTHING, NOT_KEPT, NOT_AUDITED],
)
async def test_target(target_id: TargetIdInPath, caller: SessionCaller, services: Services) -> DoneOut:
    """Try a target."""
    await services.notification_targets.test(target_id, caller.user_id)
    return DoneOut(success=True, message="The test was sent")
