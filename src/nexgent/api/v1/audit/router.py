"""`/admin/audit` and `/auth/audit`: what was done, by whom, on what, from where."""

from __future__ import annotations

from starlette.responses import Response

from nexgent.api.encoding import iso
from nexgent.api.endpoint import Access, Call, Doc, Endpoints
from nexgent.api.fields import shown
from nexgent.api.paging import NEXT_PAGE, PAGE_PARAMETERS, Paging
from nexgent.api.v1.audit.schemas import AuditEntryOut
from nexgent.domain.audit.models import AuditFilter, AuditRow, Outcome
from nexgent.shared.errors import ForbiddenError, InvalidInputError
from nexgent.shared.paging import PageCursor
from nexgent.shared.types import UserId

endpoints = Endpoints("audit")

_PAGING = Paging("audit", int)
_FILTERS = {
    "action": "For example auth.login, wallet.export, agent.update",
    "outcome": "ok, failed or locked",
    "target": "What it was done to: an id or a wallet's address",
    "address": "Where it came from: a network address",
    "from": "Not before",
    "to": "Not after",
    **PAGE_PARAMETERS,
}


@endpoints.get(
    "/admin/audit",
    Access.SESSION,
    Doc(
        summary="The audit log, newest first",
        description="Log in and out, keys, wallets, agents, kill switch and administration, with who, what, when and from "
        f"where. {NEXT_PAGE}",
        response=AuditEntryOut,
        many=True,
        query={"userId": "Only what this user did", **_FILTERS},
    ),
)
async def audit_log(call: Call) -> Response:
    """Return a page of all entries."""
    claims = call.caller.claims
    admin = call.services.values.admin_email
    if claims is None or not admin or claims.email.lower() != admin:
        raise ForbiddenError("Forbidden: admin only")
    user_id = call.query().uuid("userId", "user")
    return await _page(call, UserId(user_id) if user_id is not None else None, None)


@endpoints.get(
    "/auth/audit",
    Access.SESSION,
    Doc(
        summary="Your own entries of the audit log, newest first",
        description=f"Also what was tried with your address without getting in. {NEXT_PAGE}",
        response=AuditEntryOut,
        many=True,
        query=_FILTERS,
    ),
)
async def own_audit_log(call: Call) -> Response:
    """Return a page of the caller's entries."""
    claims = call.caller.claims
    return await _page(call, call.user_id, claims.email.lower() if claims is not None else None)


async def _page(call: Call, user_id: UserId | None, own_email: str | None) -> Response:
    query = call.query()
    outcome = query.text("outcome")
    if outcome is not None and outcome not in set(Outcome):
        raise InvalidInputError(
            f"Invalid outcome: ok, failed or locked is required, received {shown(outcome)}"
        )
    page = _PAGING.read(query)
    wanted = AuditFilter(
        user_id=user_id,
        own_email=own_email,
        action=query.text("action"),
        outcome=Outcome(outcome) if outcome is not None else None,
        target=query.text("target"),
        address=query.text("address"),
        start=query.time("from"),
        end=query.time("to"),
    )
    rows = await call.services.audit_log.list(wanted, limit=page.asked, offset=page.offset, after=page.after)
    return _PAGING.answer(rows, page, view=_view, mark=lambda row: PageCursor(row.entry.at, row.id))


def _view(row: AuditRow) -> dict[str, object]:
    entry = row.entry
    return {
        "id": row.id,
        "at": iso(entry.at),
        "action": entry.action,
        "outcome": entry.outcome.value,
        "userId": str(entry.user_id) if entry.user_id is not None else None,
        "actor": entry.actor,
        "target": entry.target,
        "address": entry.address,
        "details": dict(entry.details),
    }
