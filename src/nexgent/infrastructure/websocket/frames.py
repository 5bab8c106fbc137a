"""Frames of the protocol, encoded. Decimals are JSON numbers, times are ISO-8601 in UTC."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from nexgent.domain.positions.models import Position, PositionTrail
from nexgent.domain.positions.views import iso_time, open_position_json
from nexgent.domain.prices.models import TokenPrice
from nexgent.shared.json_text import encode_json
from nexgent.shared.money import plain, sol
from nexgent.shared.types import AgentId, PositionId


def _frame(document: dict[str, object]) -> str:
    return encode_json(document).decode()


_TEXT = 0x81
"""A whole text message in one frame (RFC 6455, 5.2): no extensions, as compression is off, and no mask, as servers have none."""
_SMALL, _MEDIUM, _LARGE = 125, 126, 127


def on_the_wire(frame: str) -> bytes:
    """Return a frame as it is sent."""
    payload = frame.encode()
    size = len(payload)
    if size <= _SMALL:
        return bytes((_TEXT, size)) + payload
    if size < 1 << 16:
        return bytes((_TEXT, _MEDIUM)) + size.to_bytes(2, "big") + payload
    return bytes((_TEXT, _LARGE)) + size.to_bytes(8, "big") + payload


def connected(agent_id: AgentId, now: datetime, epoch: str, seq: int, *, resumed: bool) -> str:
    """Return the first frame of a connection. `resumed` tells that missed frames follow, and no snapshot; `seq` is the newest."""
    data = {
        "agentId": str(agent_id),
        "timestamp": iso_time(now),
        "epoch": epoch,
        "seq": seq,
        "resumed": resumed,
    }
    return _frame({"type": "connected", "data": data})


def initial_data(positions: Sequence[dict[str, object]], now: datetime, epoch: str, seq: int) -> str:
    """Return a snapshot; it contains everything up to the frame with that number."""
    data = {"positions": positions, "timestamp": iso_time(now), "epoch": epoch, "seq": seq}
    return _frame({"type": "initial_data", "data": data})


def position_update(event: str, position: Position, trail: PositionTrail, epoch: str, seq: int) -> str:
    """Return the frame of an opened or changed position. `event` and `epoch` are words of ours, which need no escape.

    Put together as text: a trade has one for each client, and the position is JSON already. `costBasisSol` is what the part that
    is held has cost, fees included: with it a client reckons the profit at any price.
    """
    shown = open_position_json(position, trail).decode()
    return (
        f'{{"type":"position_update","data":{{"eventType":"{event}","position":{shown},"version":{position.version},'
        f'"costBasisSol":{plain(sol(position.cost_basis_lamports))},"epoch":"{epoch}","seq":{seq}}}}}'
    )


def position_closed(position_id: PositionId, version: int, epoch: str, seq: int) -> str:
    """Return the frame of a closed position."""
    data = {
        "eventType": "position_closed",
        "positionId": str(position_id),
        "version": version,
        "epoch": epoch,
        "seq": seq,
    }
    return _frame({"type": "position_update", "data": data})


def price_update_batch(prices: Iterable[TokenPrice], sol_usd: Decimal | None, now: datetime) -> str:
    """Return the frame of changed prices. Without a USD price, the SOL price times SOL/USD stands in, else 0.

    `tokenAddress` is in lower case, which the dashboard looks its positions up with; `mint` is the token's real address.
    """
    updates = [
        {
            "tokenAddress": price.token_address.lower(),
            "mint": price.token_address,
            "price": price.price_sol,
            "priceUsd": price.price_usd
            if price.price_usd is not None
            else price.price_sol * (sol_usd or Decimal(0)),
        }
        for price in prices
    ]
    return _frame({"type": "price_update_batch", "data": {"updates": updates, "timestamp": iso_time(now)}})


def ping(now: datetime) -> str:
    """Return the server's question for a sign of life."""
    return _frame({"type": "ping", "timestamp": iso_time(now)})


def pong(now: datetime) -> str:
    """Return the answer to a client's ping."""
    return _frame({"type": "pong", "timestamp": iso_time(now)})


def subscribed(agent_id: AgentId) -> str:
    """Return the answer to a subscription; the agent of the address is the subscription."""
    return _frame({"type": "subscribed", "data": {"agentId": str(agent_id)}})


def error(message: str) -> str:
    """Return a problem as the client shows it."""
    return _frame({"type": "error", "data": {"message": message}})
