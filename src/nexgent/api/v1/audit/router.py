"""`/admin/audit` and `/auth/audit`: what was done, by whom, on what, from where."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from nexgent.api.http.access import ADMINS_ONLY, SessionCaller
from nexgent.api.http.route import ApiRoute
from nexgent.api.http.services import Services
from nexgent.api.paging import NEXT_PAGE, Paging
from nexgent.api.v1.audit.schemas import AuditEntryOut, AuditQuery, OwnAuditQuery
from nexgent.domain.audit.models import AuditFilter
from nexgent.shared.paging import PageCursor

router = APIRouter(tags=["audit"], route_class=ApiRoute)

_PAGING = Paging("audit", int)


@router.get(
    "/admin/audit",
    summary="The audit log, newest first",
    description="Log in and out, keys, wallets, agents, kill switch and administration, with who, what, when and from "
    f"where. {NEXT_PAGE}",
    response_model=list[AuditEntryOut],
    dependencies=[ADMINS_ONLY],
)
async def audit_log(query: Annotated[AuditQuery, Query()], services: Services) -> Response:
    """Return a page of all entries."""
    return await _page(services, query, query.wanted(query.user_id))


@router.get(
    "/auth/audit",
    summary="Your own entries of the audit log, newest first",
    description=f"Also what was tried with your address without getting in. {NEXT_PAGE}",
    response_model=list[AuditEntryOut],
)
async def own_audit_log(
    query: Annotated[OwnAuditQuery, Query()], caller: SessionCaller, services: Services
) -> Response:
    """Return a page of the caller's entries."""
    email = caller.claims.email.lower() if caller.claims is not None else None
    return await _page(services, query, query.wanted(caller.user_id, email))


async def _page(services: Services, query: OwnAuditQuery, wanted: AuditFilter) -> Response:
    page = _PAGING.page(query)
    rows = await services.audit_log.list(wanted, limit=page.asked, offset=page.offset, after=page.after)
    return await _PAGING.answer(
        rows, page, view=AuditEntryOut.of, mark=lambda row: PageCursor(row.entry.at, row.id)
    )
