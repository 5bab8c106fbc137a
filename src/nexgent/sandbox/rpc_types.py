"""What the RPC methods share: errors, the context of an answer, and checks of parameters."""

from __future__ import annotations

from typing import Any

from nexgent.sandbox.chain import is_address
from nexgent.sandbox.constants import API_VERSION
from nexgent.sandbox.state import SandboxState

COMMITMENTS = ("processed", "confirmed", "finalized")


class RpcError(Exception):
    """A call is refused with a JSON-RPC error."""

    def __init__(self, code: int, message: str, data: object = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


def with_context(state: SandboxState, value: object) -> dict[str, object]:
    """Return a value the way most methods wrap it."""
    return {"context": {"apiVersion": API_VERSION, "slot": state.chain.slots.slot()}, "value": value}


def address_at(params: list[Any], index: int) -> str:
    """Return the address at a position of the parameters; raises RpcError."""
    if len(params) <= index:
        raise RpcError(-32602, "`params` should have at least 1 argument(s)")
    address = params[index]
    if not is_address(address):
        raise RpcError(-32602, "Invalid param: WrongSize")
    return str(address)


def config_at(state: SandboxState, params: list[Any], index: int) -> dict[str, Any]:
    """Return the configuration object at a position, `{}` when absent; raises RpcError."""
    config = params[index] if len(params) > index else None
    if config is None:
        return {}
    if not isinstance(config, dict):
        raise RpcError(-32602, "Invalid params: invalid type, expected a configuration object")
    commitment = config.get("commitment", "finalized")
    if commitment not in COMMITMENTS:
        raise RpcError(
            -32602, f"Invalid params: unknown commitment, expected one of {', '.join(COMMITMENTS)}"
        )
    minimum = config.get("minContextSlot")
    if isinstance(minimum, int) and minimum > state.chain.slots.slot():
        slot = state.chain.slots.slot()
        raise RpcError(-32016, "Minimum context slot has not been reached", {"contextSlot": slot})
    return config
