"""`/admin/users`: who has an account here, for the administrator."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from nexgent.api.fields import parse_uuid
from nexgent.api.http.access import ADMINS_ONLY, AdminCaller
from nexgent.api.http.declared import NOT_KEPT, audited, limited
from nexgent.api.http.models import READS_NOTHING, DoneOut
from nexgent.api.http.queries import PageQuery
from nexgent.api.http.refusals import UNKNOWN_USER, Refusal, refusals
from nexgent.api.http.route import ApiRoute
from nexgent.api.http.services import Services
from nexgent.api.http.types import UserIdInPath
from nexgent.api.paging import NEXT_PAGE, Paging
from nexgent.api.v1.admin.schemas import ManagedUserOut, NewPasswordIn, NewUserIn
from nexgent.api.v1.auth.schemas import UserOut
from nexgent.shared.paging import PageCursor
from nexgent.shared.types import UserId

router = APIRouter(prefix="/admin/users", tags=["admin"], route_class=ApiRoute)

_PAGING = Paging("users", lambda text: UserId(parse_uuid(text, "user")))
_OWN = Refusal(409, "This is your own account: it cannot be deactivated", "OWN_ACCOUNT")


@router.get(
    "",
    summary="Everybody who has an account, newest first",
    description=f"`active` is false after a deactivation, until there is a new password. {NEXT_PAGE}",
    response_model=list[ManagedUserOut],
    dependencies=[ADMINS_ONLY],
)
async def list_users(query: Annotated[PageQuery, Query()], services: Services) -> Response:
    """Return a page of users."""
    page = _PAGING.page(query)
    rows = await services.users.accounts.list(limit=page.asked, offset=page.offset, after=page.after)
    admin_email = services.values.admin_email
    return await _PAGING.answer(
        rows,
        page,
        view=lambda row: ManagedUserOut.of(row, admin_email),
        mark=lambda row: PageCursor(row.created_at, row.id),
    )


@router.post(
    "",
    status_code=201,
    summary="Make an account",
    responses=refusals(Refusal(409, "There is an account trader@example.com already", "EMAIL_IN_USE")),
    dependencies=[ADMINS_ONLY, limited(30), NOT_KEPT, audited("admin.create_user")],
)
async def create_user(body: NewUserIn, services: Services) -> UserOut:
    """Create a user, also where nobody may register. Whoever it is for should change the password."""
    return UserOut.of(
        await services.users.manage.create(body.email, body.password), services.values.admin_email
    )


@router.post(
    "/{id}/reset-password",
    summary="Give a user a new password; their sessions end",
    responses=refusals(UNKNOWN_USER, _OWN),
    dependencies=[limited(30), NOT_KEPT, audited("admin.reset_password")],
)
async def reset_password(
    user_id: UserIdInPath, body: NewPasswordIn, caller: AdminCaller, services: Services
) -> DoneOut:
    """Set a password. Wrong ones of before are forgotten, and an account that was deactivated can be used again."""
    user = await services.users.manage.reset_password(caller.user_id, user_id, body.password)
    return DoneOut(success=True, message=f"{user.email} has a new password; all their sessions have ended")


@router.post(
    "/{id}/deactivate",
    summary="Let a user in no more",
    responses=refusals(UNKNOWN_USER, _OWN),
    dependencies=[limited(30), READS_NOTHING, audited("admin.deactivate_user")],
)
async def deactivate(user_id: UserIdInPath, caller: AdminCaller, services: Services) -> DoneOut:
    """Take away the password and end sessions; API keys and signal webhooks of the user are deleted.

    Agents and wallets stay. Open positions are watched and sold as before; nothing new is bought, as no signals come in. A new
    password activates the account again, without its former keys and webhooks.
    """
    user = await services.users.manage.close(caller.user_id, user_id)
    return DoneOut(success=True, message=f"{user.email} cannot log in any more")
