"""Open positions as this interface shows them, encoded once per change."""

from __future__ import annotations

from decimal import Decimal

from starlette.requests import Request
from starlette.responses import Response

from nexgent.api.deps import ApiServices
from nexgent.api.encoding import encode, json_array
from nexgent.domain.agents.errors import WalletNotFoundError
from nexgent.domain.positions.models import Position, PositionTrail
from nexgent.domain.positions.views import enriched_position_view, iso_time
from nexgent.domain.prices.models import TokenPrice
from nexgent.domain.trading.book.position_book import HeldPosition, PositionBook
from nexgent.domain.trading.rules.take_profit import take_profit_plan
from nexgent.shared.money import CONTEXT
from nexgent.shared.types import AgentId, PositionId, UserId, WalletAddress

DISPLAY_SOL_USD = Decimal(100)
"""What dashboards are shown for SOL until the first price arrives, as the contract has it. No decision ever uses it."""

_HUNDRED = Decimal(100)
_SPARE_FRAGMENTS = 100

_Kept = tuple[Position, PositionTrail, Decimal | None, Decimal | None, Decimal, bytes, int | None]


class PositionFragments:
    """The JSON of positions, with what each was made from."""

    def __init__(self) -> None:
        self._kept: dict[PositionId, _Kept] = {}

    def get(
        self,
        held: HeldPosition,
        price: TokenPrice | None,
        sol_usd: Decimal,
        planned_levels: int | None = None,
    ) -> bytes:
        """Return the JSON of a position at a price; encoded anew only when position, trail, price or plan is another one.

        `planned_levels` is how many take-profit levels the agent's configuration has, None when it takes none.
        """
        position, trail = held.position, held.trail
        price_sol, price_usd = (price.price_sol, price.price_usd) if price is not None else (None, None)
        kept = self._kept.get(position.id)
        if (
            kept is not None
            and kept[0] is position
            and kept[1] is trail
            and (kept[2] is price_sol or kept[2] == price_sol)
            and (kept[3] is price_usd or kept[3] == price_usd)
            and (kept[4] is sol_usd or kept[4] == sol_usd)
            and kept[6] == planned_levels
        ):
            return kept[5]
        content = encode(position_view(position, trail, price_sol, price_usd, sol_usd, planned_levels))
        self._kept[position.id] = (
            position,
            trail,
            price_sol,
            price_usd,
            sol_usd,
            content,
            planned_levels,
        )
        return content

    def tidy(self, book: PositionBook) -> None:
        """Drop what was made of positions that are closed, when there is much of it."""
        if len(self._kept) > 2 * len(book) + _SPARE_FRAGMENTS:
            self._kept = {one: kept for one, kept in self._kept.items() if book.get(one) is not None}


async def positions_of(
    request: Request, services: ApiServices, agent_id: AgentId, user_id: UserId, address: str | None
) -> Response:
    """Return the open positions of an agent, newest first, perhaps of one wallet only."""
    agent = await services.have_agent(agent_id, user_id)
    held = services.book.of_agent(agent_id)
    if address is not None:
        wallet = WalletAddress(address)
        if agent.wallet(wallet) is None:
            raise WalletNotFoundError(wallet)
        held = [one for one in held if one.position.wallet_address == wallet]
    latest = services.sol_price.latest()
    sol_usd = latest.price_usd if latest is not None else DISPLAY_SOL_USD
    fragments: PositionFragments = request.app.state.position_fragments
    fragments.tidy(services.book)
    price_of, fragment = services.latest_prices.get, fragments.get
    rule = agent.config.take_profit
    planned = len(take_profit_plan(rule).levels) if rule.enabled else None
    return json_array([fragment(one, price_of(one.position.token_address), sol_usd, planned) for one in held])


def position_view(
    position: Position,
    trail: PositionTrail,
    price_sol: Decimal | None,
    price_usd: Decimal | None,
    sol_usd: Decimal,
    planned_levels: int | None = None,
) -> dict[str, object]:
    """Return a position in the nested form of the lists. Figures are those of the live view, so that both always agree."""
    view = enriched_position_view(position, trail, price_sol, price_usd, sol_usd)
    purchased, held = position.purchased, position.quantity
    sold_percent = (
        CONTEXT.divide(CONTEXT.multiply(CONTEXT.subtract(purchased, held), _HUNDRED), purchased).quantize(
            Decimal("1e-6"), context=CONTEXT
        )
        if purchased
        else Decimal(0)
    )
    return {
        "id": view["id"],
        "agentId": view["agentId"],
        "walletAddress": view["walletAddress"],
        "tokenAddress": view["tokenAddress"],
        "tokenSymbol": view["tokenSymbol"],
        "purchase": {
            "priceNative": view["purchasePrice"],
            "priceUsd": view["purchasePriceUsd"],
            "amount": view["purchaseAmount"],
            "transaction": {
                "id": view["purchaseTransactionId"],
                "hash": position.purchase_hash,
                "time": iso_time(position.opened_at),
            },
        },
        "current": {
            "priceNative": view["currentPrice"],
            "priceUsd": view["currentPriceUsd"],
            "valueNative": view["positionValueSol"],
            "valueUsd": view["positionValueUsd"],
        },
        "profitLoss": {
            "native": view["profitLossSol"],
            "usd": view["profitLossUsd"],
            "percent": view["profitLossPercent"],
            "priceChangePercent": view["priceChangePercent"],
        },
        "stopLoss": {
            "percentage": view["currentStopLossPercentage"] or 0,
            "peakPrice": view["peakPrice"] or 0,
        },
        "takeProfit": {
            "levelsHit": position.take_profit_levels_hit,
            # Only averaging down gives a position a total of its own; until then the configuration's levels count.
            "totalLevels": planned_levels
            if position.take_profit_levels_total is None
            else position.take_profit_levels_total,
            "tpBatchStartLevel": position.take_profit_batch_start,
            "remainingAmount": held,
            "originalAmount": purchased,
            "soldPercent": sold_percent,
            "moonBagActivated": position.moon_bag_activated,
            "moonBagAmount": view["moonBagAmount"],
            "lastTakeProfitTime": view["lastTakeProfitTime"],
            "transactionIds": view["takeProfitTransactionIds"],
        },
        "dca": {
            "count": position.dca_count,
            "totalInvestedSol": view["totalInvestedSol"],
            "lastDcaTime": view["lastDcaTime"],
        },
        "createdAt": view["createdAt"],
        "updatedAt": view["updatedAt"],
    }
