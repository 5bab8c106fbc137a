"""`/wallets`: which wallets agents have, resets, and deposits from outside."""

from __future__ import annotations

from starlette.responses import Response

from nexgent.api.encoding import iso, json_response
from nexgent.api.endpoint import Access, Call, Doc, Endpoints
from nexgent.api.fields import BodyFields, SchemaFields, parse_uuid
from nexgent.api.v1.wallets.schemas import (
    AssignIn,
    AssignOut,
    CheckDepositsIn,
    CheckDepositsOut,
    ConfirmIn,
    ResetOut,
    WalletsOut,
)
from nexgent.api.v1.wallets.views import (
    MODES,
    NETWORK,
    confirmation_required,
    is_confirmed,
    reset_view,
    schema_agent_id,
)
from nexgent.domain.agents.models import TradingMode
from nexgent.domain.wallets.assign_wallet import MAX_ADDRESS_LENGTH
from nexgent.shared.money import sol
from nexgent.shared.types import AgentId, WalletAddress

endpoints = Endpoints("wallets")


@endpoints.get(
    "/wallets/agent/{agentId}",
    Access.SESSION,
    Doc(summary="Wallets of an agent, and live wallets that are loaded", response=WalletsOut),
)
async def list_wallets(call: Call) -> Response:
    """Return the wallets."""
    wallets = await call.services.list_wallets.execute(call.agent_id("agentId"), call.user_id)
    return json_response(
        {
            "agentWallets": [
                {
                    "walletAddress": one.wallet.address,
                    "walletType": one.wallet.mode.value,
                    "isAvailable": one.can_trade,
                    "source": one.source.value,
                    "isUnlocked": one.can_trade,
                    "createdAt": iso(one.wallet.created_at),
                    "updatedAt": iso(one.wallet.updated_at),
                }
                for one in wallets.own
            ],
            "availableWallets": [
                {"walletAddress": address, "isAssigned": taken} for address, taken in wallets.loaded
            ],
        }
    )


@endpoints.post(
    "/wallets/assign",
    Access.SESSION,
    Doc(
        summary="Give an agent a wallet",
        description="201 for a new wallet, 200 when it replaces one of the same type. The old one must be flat.",
        body=AssignIn,
        response=AssignOut,
        status=201,
    ),
)
async def assign_wallet(call: Call) -> Response:
    """Assign a wallet."""
    body = await call.schema_body()
    fields = SchemaFields(body)
    agent_id = schema_agent_id(fields)
    address = fields.text("walletAddress", minimum=1, maximum=MAX_ADDRESS_LENGTH)
    mode = fields.choice("walletType", MODES)
    if "walletType" not in body:
        fields.fail("walletType", "Required")
    fields.done()
    done = await call.services.assign_wallet.execute(
        agent_id, call.user_id, WalletAddress((address or "").strip()), TradingMode(mode or "")
    )
    wallet = done.wallet
    return json_response(
        {
            "success": True,
            "walletAddress": wallet.address,
            "walletType": wallet.mode.value,
            "network": NETWORK[wallet.mode],
            "message": "Wallet assigned successfully" if done.is_new else "Wallet updated successfully",
        },
        201 if done.is_new else 200,
    )


@endpoints.post(
    "/wallets/{walletAddress}/reset",
    Access.SESSION,
    Doc(summary="Delete all trading data of a wallet", body=ConfirmIn, response=ResetOut),
)
async def reset_wallet(call: Call) -> Response:
    """Start again from nothing."""
    if not is_confirmed(await call.body()):
        return confirmation_required("reset the wallet")
    address = WalletAddress(call.path("walletAddress"))
    result = await call.services.reset_wallet.execute(address, call.user_id)
    return json_response(reset_view(address, result, "Wallet reset successfully"))


@endpoints.post(
    "/wallets/{walletAddress}/unassign",
    Access.SESSION,
    Doc(summary="Delete a live wallet's trading data and take it away", body=ConfirmIn, response=ResetOut),
)
async def unassign_wallet(call: Call) -> Response:
    """Take a live wallet away from its agent."""
    if not is_confirmed(await call.body()):
        return confirmation_required("unassign the wallet")
    address = WalletAddress(call.path("walletAddress"))
    result = await call.services.unassign_wallet.execute(address, call.user_id)
    return json_response(reset_view(address, result, "Wallet unassigned successfully"))


@endpoints.post(
    "/wallets/{walletAddress}/check-deposits",
    Access.SESSION,
    Doc(
        summary="Book SOL that came in from outside",
        description="Compares the chain with the ledger. Withdrawals are reported, never booked.",
        body=CheckDepositsIn,
        response=CheckDepositsOut,
    ),
)
async def check_deposits(call: Call) -> Response:
    """Look for a deposit on the chain."""
    given = BodyFields(await call.body()).required("agentId")
    agent_id = AgentId(parse_uuid(given, "agent"))
    address = WalletAddress(call.path("walletAddress"))
    check = await call.services.check_deposits.execute(address, agent_id, call.user_id)
    booked = check.transaction_id is not None
    return json_response(
        {
            "success": True,
            "depositDetected": booked,
            "previousBalance": sol(check.previous_lamports),
            "onChainBalance": sol(check.on_chain_lamports),
            "depositAmount": sol(check.difference_lamports) if booked else None,
            "transactionId": check.transaction_id,
            "message": check.message,
        }
    )
