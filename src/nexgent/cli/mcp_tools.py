"""The tools of `nexgent mcp`: which operation of the API is one, what it may touch, and how its arguments become a request.

Every operation of the OpenAPI description has a class here, or the tests fail: what is new is not offered before somebody has
decided. Schemas and texts come from the description.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import quote, urlencode

PREFIX = "/api/v1"
BODY = "body"


class Touches(StrEnum):
    """What a tool may change."""

    NOTHING = "nothing"
    """It only reads, or tells what would happen."""
    PAPER = "paper"
    """It trades, or changes what is traded, with simulated money alone."""
    NEVER = "never"
    """It is no tool: keys, wallets, accounts, the books, deleting, the machine."""


_READS = {
    "agents.config_history.get",
    "agents.get_agent.get",
    "agents.get_balance_history.get",
    "agents.get_config.get",
    "agents.get_performance.get",
    "agents.get_shadow.get",
    "agents.get_take_profit_summary.get",
    "agents.list_agents.get",
    "agents.live_check.get",
    "balances.get_balance.get",
    "balances.list_balances.get",
    "data_sources.status.get",
    "health.health.get",
    "historical_swaps.get_swap.get",
    "historical_swaps.list_swaps.get",
    "overview.attention.get",
    "overview.equity.get",
    "overview.overview.get",
    "positions.list_positions.get",
    "positions.preview_sale.post",
    "price_feeds.sol_price.get",
    "price_history.price_history.get",
    "protections.get_kill_switch.get",
    "protections.get_panic.get",
    "protections.get_protections.get",
    "signal_webhooks.test_signal.post",
    "signals.get_signal.get",
    "signals.list_decisions.get",
    "signals.list_signals.get",
    "trades.preview_trade.post",
    "transactions.get_transaction.get",
    "transactions.list_transactions.get",
    "wallets.list_own_wallets.get",
    "wallets.list_wallets.get",
    "wallets.show_reconciliation.get",
    "wallets.show_rent.get",
    "wallets.wallet_status.get",
}
_PAPER = {
    "agents.create_agent.post",
    "agents.update_agent.put",
    "agents.update_config.patch",
    "positions.close_position_of_agent.post",
    "positions.sell_part_of_position.post",
    "protections.reset_protections.post",
    "protections.set_kill_switch.put",
    "signals.create_signal.post",
    "trades.execute_trade.post",
    "transactions.create_transaction.post",
}
_NEVER_OF = ("admin.", "api-keys.", "audit.", "auth.", "dashboard.", "metrics.", "webhooks.", "websocket.")
_NEVER = {
    "agents.delete_agent.delete",
    "agents.list_positions.get",  # the same as positions.list_positions
    "agents.update_config.put",  # the same as the other method
    "balances.create_balance.post",
    "balances.delete_balance.delete",
    "balances.update_balance.put",
    "health.live.get",
    "health.ready.get",
    "historical_swaps.create_swap.post",
    "historical_swaps.delete_swap.delete",
    "historical_swaps.export_swaps.get",
    "historical_swaps.update_swap.put",
    "notifications.change_target.put",
    "notifications.create_target.post",
    "notifications.delete_target.delete",
    "notifications.get_target.get",
    "notifications.list_deliveries.get",
    "notifications.list_targets.get",
    "notifications.test_target.post",
    "positions.close_position.post",  # the same as close_position_of_agent
    "protections.panic.post",
    "signal_webhooks.change_webhook.put",
    "signal_webhooks.create_webhook.post",
    "signal_webhooks.delete_webhook.delete",
    "signal_webhooks.get_webhook.get",
    "signal_webhooks.list_webhooks.get",
    "signal_webhooks.rotate_secret.post",
    "signal_webhooks.take_alert.post",
    "signal_webhooks.test_webhook.post",
    "signals.delete_all_signals.delete",
    "signals.delete_signal.delete",
    "signals.export_signals.get",
    "signals.update_signal.put",
    "transactions.delete_transaction.delete",
    "transactions.export_transactions.get",
    "transactions.update_transaction.put",
    "wallets.adopt.post",
    "wallets.assign_wallet.post",
    "wallets.check_deposits.post",
    "wallets.create_wallet.post",
    "wallets.delete_wallet.delete",
    "wallets.export_wallet.post",
    "wallets.ignore.post",
    "wallets.lock_wallet.post",
    "wallets.reclaim_rent.post",
    "wallets.reconcile.post",
    "wallets.reset_wallet.post",
    "wallets.unassign_wallet.post",
    "wallets.unlock_wallet.post",
}
_EVERY_AGENT = {"signals.create_signal.post", "protections.set_kill_switch.put"}
"""What these do concerns all agents of the user: none of them may trade with real money."""


class NotClassifiedError(Exception):
    """An operation nobody has decided about."""


class WrongArgumentsError(Exception):
    """Says in words what is missing or too much."""


@dataclass(frozen=True, slots=True)
class ApiTool:
    """One operation as a tool. `schema` is the JSON Schema of its arguments; a body is the argument `body`."""

    name: str
    operation: str
    touches: Touches
    method: str
    path: str
    title: str
    description: str
    schema: dict[str, Any]
    in_path: tuple[str, ...]
    in_query: tuple[str, ...]

    @property
    def concerns_every_agent(self) -> bool:
        """Whether it does something with all agents of the user."""
        return self.operation in _EVERY_AGENT

    def request(self, arguments: Mapping[str, Any]) -> tuple[str, object]:
        """Return path with query, and body. Raises `WrongArgumentsError`."""
        known = {*self.in_path, *self.in_query, BODY} & set(self.schema["properties"])
        missing = [name for name in self.schema["required"] if arguments.get(name) is None]
        unknown = sorted(set(arguments) - known)
        if missing or unknown:
            said = [f"{name} is missing" for name in missing] + [f"there is no {name}" for name in unknown]
            raise WrongArgumentsError(f"{'; '.join(said)}. It takes: {', '.join(sorted(known)) or 'nothing'}")
        path = self.path
        for name in self.in_path:
            path = path.replace(f"{{{name}}}", quote(str(arguments[name]), safe=""))
        query = {name: _as_text(arguments[name]) for name in self.in_query if arguments.get(name) is not None}
        return f"{path}?{urlencode(query)}" if query else path, arguments.get(BODY)

    def agent(self, arguments: Mapping[str, Any]) -> str | None:
        """Return the agent whose affair it is, if it names one."""
        body = arguments.get(BODY)
        named = arguments.get("agentId") or (body.get("agentId") if isinstance(body, dict) else None)
        if named is None and self.path.startswith("/agents/{id}"):
            named = arguments.get("id")
        return None if named is None else str(named)


def touched_by(operation: str) -> Touches:
    """Return the class of an operation. Raises `NotClassifiedError`."""
    if operation in _READS:
        return Touches.NOTHING
    if operation in _PAPER:
        return Touches.PAPER
    if operation in _NEVER or operation.startswith(_NEVER_OF):
        return Touches.NEVER
    raise NotClassifiedError(operation)


def tools_of(document: Mapping[str, Any]) -> list[ApiTool]:
    """Return the tools of an OpenAPI document, reading ones first."""
    found = [
        _tool(path.removeprefix(PREFIX), method, operation, document)
        for path, method, operation in operations(document)
        if touched_by(operation["operationId"]) is not Touches.NEVER
    ]
    return sorted(found, key=lambda tool: (tool.touches is not Touches.NOTHING, tool.name))


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield path, method and description of everything the API can do."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method.upper(), operation


def _tool(path: str, method: str, operation: Mapping[str, Any], document: Mapping[str, Any]) -> ApiTool:
    properties: dict[str, Any] = {}
    required: list[str] = []
    places: dict[str, list[str]] = {"path": [], "query": []}
    for parameter in operation.get("parameters", []):
        if parameter["in"] not in places:
            continue
        name = parameter["name"]
        places[parameter["in"]].append(name)
        about = {"description": parameter["description"]} if "description" in parameter else {}
        properties[name] = {**parameter.get("schema", {}), **about}
        if parameter.get("required"):
            required.append(name)
    body = operation.get("requestBody")
    if body is not None:
        properties[BODY] = body["content"]["application/json"]["schema"]
        if body.get("required"):
            required.append(BODY)
    tag, name, _ = operation["operationId"].split(".")
    return ApiTool(
        name=f"{tag}_{name}".replace("-", "_"),
        operation=operation["operationId"],
        touches=touched_by(operation["operationId"]),
        method=method,
        path=path,
        title=operation.get("summary", name),
        description=operation.get("description") or operation.get("summary", ""),
        schema=_closed(
            {"type": "object", "properties": properties, "required": required, "additionalProperties": False},
            document.get("components", {}).get("schemas", {}),
        ),
        in_path=tuple(places["path"]),
        in_query=tuple(places["query"]),
    )


def _closed(schema: dict[str, Any], components: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema that holds every definition it refers to."""
    needed: dict[str, Any] = {}

    def moved(part: Any) -> Any:
        if isinstance(part, dict):
            reference = part.get("$ref")
            if isinstance(reference, str):
                name = reference.rpartition("/")[2]
                if name not in needed:
                    needed[name] = None
                    needed[name] = moved(components[name])
                return {
                    **{key: moved(one) for key, one in part.items() if key != "$ref"},
                    "$ref": f"#/$defs/{name}",
                }
            return {key: moved(one) for key, one in part.items()}
        return [moved(one) for one in part] if isinstance(part, list) else part

    closed: dict[str, Any] = moved(schema)
    return {**closed, "$defs": needed} if needed else closed


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
