"""`/protections` and `/agents/{id}/protections`: how agents stand, resets, and the kill switch."""

from __future__ import annotations

from starlette.responses import Response

from nexgent.api.encoding import iso, iso_or_none, json_response
from nexgent.api.endpoint import Access, Call, Doc, Endpoints
from nexgent.api.fields import BodyFields
from nexgent.api.v1.protections.schemas import (
    KillSwitchesOut,
    KillSwitchIn,
    ProtectionsOut,
    ProtectionsResetOut,
)
from nexgent.domain.agents.models import Wallet
from nexgent.domain.protections.kill_switch import KillSwitchOrder
from nexgent.domain.protections.models import KillSwitch, ProtectionVerdict
from nexgent.shared.errors import InvalidInputError

endpoints = Endpoints("protections")

_REASON_LENGTH = 500


@endpoints.get(
    "/agents/{id}/protections",
    Access.SESSION,
    Doc(summary="How an agent stands with its protections", response=ProtectionsOut),
)
async def get_protections(call: Call) -> Response:
    """Return what blocks each wallet of an agent, if anything does."""
    agent_id = call.agent_id()
    report = await call.services.describe_protections.execute(agent_id, call.user_id)
    return json_response(
        {
            "agentId": agent_id,
            "config": report.config.model_dump(mode="json", by_alias=True),
            "resetAt": iso_or_none(report.reset_at),
            "wallets": [_wallet_view(wallet, verdict) for wallet, verdict in report.wallets],
        }
    )


@endpoints.post(
    "/agents/{id}/protections/reset",
    Access.SESSION,
    Doc(summary="Forget an agent's losses, streaks, cooldowns and counts", response=ProtectionsResetOut),
)
async def reset_protections(call: Call) -> Response:
    """Let an agent buy again."""
    agent_id = call.agent_id()
    # Nothing in the body is needed, but a broken one is a mistake of the sender's and said so.
    await call.body()
    reset_at = await call.services.reset_protections.execute(agent_id, call.user_id)
    return json_response({"success": True, "agentId": agent_id, "resetAt": iso(reset_at)})


@endpoints.get(
    "/protections/kill-switch",
    Access.SESSION,
    Doc(summary="Whether entries are stopped", response=KillSwitchesOut),
)
async def get_kill_switch(call: Call) -> Response:
    """Return both switches."""
    return json_response(_switches_view(call))


@endpoints.put(
    "/protections/kill-switch",
    Access.SESSION,
    Doc(
        summary="Stop or allow all entries",
        description="Purchases and DCA buys are refused while a switch is engaged. Sales go on.",
        body=KillSwitchIn,
        response=KillSwitchesOut,
    ),
)
async def set_kill_switch(call: Call) -> Response:
    """Stop entries, or allow them again."""
    body = await call.body()
    fields = BodyFields(body)
    fields.required("engaged")
    engaged = fields.optional_bool("engaged", default=False)
    scope = fields.optional_text("scope", None) or "user"
    if scope not in {"user", "system"}:
        raise InvalidInputError("Invalid scope: it must be user or system")
    claims = call.caller.claims
    order = KillSwitchOrder(
        user_id=call.user_id,
        email=claims.email if claims is not None else None,
        engaged=engaged,
        system_wide=scope == "system",
        reason=fields.optional_text("reason", _REASON_LENGTH),
    )
    await call.services.set_kill_switch.execute(order)
    return json_response(_switches_view(call))


def _switches_view(call: Call) -> dict[str, object]:
    system, user = call.services.protections.switches_of(call.user_id)
    return {"user": _switch_view(user), "system": _switch_view(system)}


def _switch_view(switch: KillSwitch | None) -> dict[str, object]:
    if switch is None:
        return {"engaged": False, "reason": None, "changedAt": None}
    return {"engaged": switch.engaged, "reason": switch.reason, "changedAt": iso(switch.changed_at)}


def _wallet_view(wallet: Wallet, verdict: ProtectionVerdict) -> dict[str, object]:
    return {
        "walletAddress": wallet.address,
        "walletType": wallet.mode.value,
        "blocked": verdict.blocked,
        "code": verdict.code,
        "reason": verdict.reason,
        "gates": [
            {"name": gate.name, "value": gate.value, "limit": gate.limit, "passed": gate.passed}
            for gate in verdict.gates
        ],
    }
