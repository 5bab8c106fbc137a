"""What requests and answers about wallets have in common."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from starlette.responses import Response

from nexgent.api.encoding import json_response
from nexgent.api.fields import SchemaFields, parse_uuid
from nexgent.domain.agents.models import TradingMode
from nexgent.domain.wallets.reset_wallet import ResetResult
from nexgent.shared.errors import InvalidInputError
from nexgent.shared.types import AgentId, WalletAddress

MODES = tuple(mode.value for mode in TradingMode)
NETWORK = {TradingMode.SIMULATION: "testnet", TradingMode.LIVE: "mainnet"}


def schema_agent_id(fields: SchemaFields) -> AgentId:
    """Return `agentId` of the body; a problem is noted in the fields, and the id is nobody's then."""
    text = fields.text("agentId", maximum=100)
    if text is not None:
        try:
            return AgentId(parse_uuid(text, "agent"))
        except InvalidInputError:
            fields.fail("agentId", "Invalid uuid")
    return AgentId(UUID(int=0))


def is_confirmed(body: Mapping[str, object]) -> bool:
    """Tell whether the body says `"confirm": true`, and nothing that only looks like it."""
    return body.get("confirm") is True


def confirmation_required(doing: str) -> Response:
    """Refuse what cannot be undone until it is confirmed."""
    message = f'Send {{"confirm": true}} in the body to confirm that you want to {doing}'
    return json_response({"error": "Confirmation required", "message": message}, 400)


def reset_view(address: WalletAddress, result: ResetResult, message: str) -> dict[str, object]:
    """Return what was deleted."""
    deleted = result.deleted
    return {
        "success": True,
        "message": message,
        "walletAddress": address,
        "deleted": {
            "positions": deleted.positions,
            "historicalSwaps": deleted.historical_swaps,
            "balances": deleted.balances,
            "transactions": deleted.transactions,
            "balanceSnapshots": deleted.balance_snapshots,
        },
        "duration": result.milliseconds,
    }
