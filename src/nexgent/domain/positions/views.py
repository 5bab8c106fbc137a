"""Open positions as clients see them: camelCase keys, decimals as numbers, times as ISO-8601 text.

Decimals stay `Decimal`, so that an encoder writes them as JSON numbers without passing through a float. What is derived by
division is rounded to 17 significant digits, the precision of the doubles that clients read numbers into.
"""

from __future__ import annotations

import decimal
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache

from nexgent.domain.positions.models import Position, PositionTrail
from nexgent.shared.json_text import encode_json
from nexgent.shared.money import CONTEXT, from_raw, sol

REMEMBERED_DOCUMENTS = 1_024
_ZERO = Decimal(0)
_HUNDRED = Decimal(100)
_DOUBLE = decimal.Context(prec=17, rounding=decimal.ROUND_HALF_EVEN)


def open_position_view(position: Position, trail: PositionTrail) -> dict[str, object]:
    """Return the 27 keys of an open position. `updatedAt` is the later one of the last trade and the last move of the stop."""
    updated_at = position.updated_at
    if trail.stop_updated_at is not None and trail.stop_updated_at > updated_at:
        updated_at = trail.stop_updated_at
    moon_bag_raw = position.moon_bag_raw
    return {
        "id": position.id,
        "agentId": position.agent_id,
        "walletAddress": position.wallet_address,
        "tokenAddress": position.token_address,
        "tokenSymbol": position.token_symbol,
        "purchaseTransactionId": position.purchase_transaction_id,
        "purchasePrice": _DOUBLE.plus(position.entry_price_sol),
        "purchaseAmount": position.purchased,
        "totalInvestedSol": position.invested_sol,
        "dcaCount": position.dca_count,
        "lastDcaTime": iso_time(position.last_dca_at),
        "lowestPrice": _DOUBLE.plus(trail.lowest_price_sol),
        "dcaTransactionIds": position.dca_transaction_ids,
        "currentStopLossPercentage": _DOUBLE.plus(trail.stop_loss_pct)
        if trail.stop_loss_pct is not None
        else None,
        # The peak goes on being tracked while stop loss is off; the contract shows it only with a stop.
        "peakPrice": _DOUBLE.plus(trail.peak_price_sol) if trail.stop_loss_pct is not None else None,
        "lastStopLossUpdate": iso_time(trail.stop_updated_at),
        "remainingAmount": position.remaining,
        "takeProfitLevelsHit": position.take_profit_levels_hit,
        "takeProfitTransactionIds": position.take_profit_transaction_ids,
        "lastTakeProfitTime": iso_time(position.last_take_profit_at),
        "moonBagActivated": position.moon_bag_activated,
        "moonBagAmount": from_raw(moon_bag_raw, position.decimals) if moon_bag_raw is not None else None,
        "realizedProfitSol": sol(position.realized_lamports),
        "tpBatchStartLevel": position.take_profit_batch_start,
        "totalTakeProfitLevels": position.take_profit_levels_total,
        "createdAt": iso_time(position.opened_at),
        "updatedAt": iso_time(updated_at),
    }


def open_position_json(position: Position, trail: PositionTrail) -> bytes:
    """Return the view of an open position as JSON. Clients, copies and lists show the same one within a moment."""
    known = _documents.get((id(position), id(trail)))
    if known is not None:
        return known[2]
    document = _pattern.document_of(position, trail)
    if document is None:
        document = encode_json(open_position_view(position, trail))
        _pattern.take(position, trail, document)
    if len(_documents) >= REMEMBERED_DOCUMENTS:
        del _documents[next(iter(_documents))]
    # Both are kept with it, so that nothing else gets their place in memory.
    _documents[id(position), id(trail)] = position, trail, document
    return document


class _Pattern:
    """The newest document, for positions that were bought alike: those of a burst differ in nothing but whose they are."""

    def __init__(self) -> None:
        self._of: tuple[Position, bytes] | None = None
        # What comes between the ids that each has of its own, made when it is wanted.
        self._between: tuple[bytes, bytes] | None = None

    def take(self, position: Position, trail: PositionTrail, document: bytes) -> None:
        """Remember the document of a position, if no price has moved it yet."""
        if trail is position.base_trail:
            self._of, self._between = (position, document), None

    def document_of(self, position: Position, trail: PositionTrail) -> bytes | None:
        """Return the document of a position that was bought like the newest one, None of another."""
        if self._of is None or trail is not position.base_trail:
            return None
        known, document = self._of
        if known.entry_price_sol != position.entry_price_sol or position != known.of_another(
            position.id, position.agent_id, position.wallet_address, position.purchase_transaction_id
        ):
            return None
        if self._between is None:
            bought = _BOUGHT % str(known.purchase_transaction_id).encode()
            # Within a text its quotes would be escaped, so it is there once.
            before, _, after = document[len(_whose(known)) :].partition(bought)
            self._between = before, after
        before, after = self._between
        return b"".join(
            (_whose(position), before, _BOUGHT % str(position.purchase_transaction_id).encode(), after)
        )


def _whose(position: Position) -> bytes:
    """Return what a document begins with."""
    wallet = encode_json(position.wallet_address)
    return b'{"id":"%b","agentId":"%b","walletAddress":%b,' % (
        str(position.id).encode(),
        str(position.agent_id).encode(),
        wallet,
    )


_BOUGHT = b'"purchaseTransactionId":"%b"'
_documents: dict[tuple[int, int], tuple[Position, PositionTrail, bytes]] = {}
_pattern = _Pattern()


def enriched_position_view(
    position: Position,
    trail: PositionTrail,
    price_sol: Decimal | None,
    price_usd: Decimal | None,
    sol_usd: Decimal,
) -> dict[str, object]:
    """Return an open position with nine more numbers: what it is worth and what it has gained.

    Without a price the entry price stands in; without a USD price the SOL price times `sol_usd` does.

    One cost basis for everything, fees included: what is held is compared with the part of the invested SOL that belongs to
    it, and the profit of partial sales is added. That equals received + value - invested for the whole position, so the
    percentage refers to everything ever invested.
    """
    entry_sol = position.entry_price_sol
    current_sol = price_sol if price_sol is not None else entry_sol
    known_usd = price_usd if price_sol is not None else None
    current_usd = known_usd if known_usd is not None else CONTEXT.multiply(current_sol, sol_usd)
    held = position.quantity
    value_sol = CONTEXT.multiply(current_sol, held)
    profit_sol = CONTEXT.add(
        sol(position.realized_lamports), CONTEXT.subtract(value_sol, sol(position.cost_basis_lamports))
    )
    view = open_position_view(position, trail)
    view["currentPrice"] = _DOUBLE.plus(current_sol)
    view["currentPriceUsd"] = _DOUBLE.plus(current_usd)
    view["purchasePriceUsd"] = _DOUBLE.multiply(entry_sol, sol_usd)
    view["positionValueUsd"] = _DOUBLE.multiply(current_usd, held)
    view["positionValueSol"] = _DOUBLE.plus(value_sol)
    view["profitLossUsd"] = _DOUBLE.multiply(profit_sol, sol_usd)
    view["profitLossSol"] = _DOUBLE.plus(profit_sol)
    view["profitLossPercent"] = _percent(profit_sol, position.invested_sol)
    view["priceChangePercent"] = _percent(CONTEXT.subtract(current_sol, entry_sol), entry_sol)
    return view


def iso_time(moment: datetime | None) -> str | None:
    """Return a time as `2025-01-27T12:00:00.000Z`."""
    return _iso_time(moment) if moment is not None else None


@lru_cache(maxsize=512)
def _iso_time(moment: datetime) -> str:
    """Times of one trade are shown many times: in several fields, to clients and in copies.

    As JSON they are written by C code, to the microsecond or without a fraction, in a third of the time `isoformat` takes.
    """
    text = encode_json(moment.astimezone(UTC)).decode()
    return f"{text[1:24]}Z" if moment.microsecond else f"{text[1:20]}.000Z"


def _percent(part: Decimal, whole: Decimal) -> Decimal:
    return _DOUBLE.divide(CONTEXT.multiply(part, _HUNDRED), whole) if whole > 0 else _ZERO
