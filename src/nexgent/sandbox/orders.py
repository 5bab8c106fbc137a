"""Orders: what was promised to a taker, and what a landing transaction makes of it."""

from __future__ import annotations

from dataclasses import dataclass

from nexgent.sandbox import pricing
from nexgent.sandbox.market import Market
from nexgent.sandbox.pricing import PoolTerms, SwapAmounts
from nexgent.sandbox.tokens import SandboxToken


@dataclass(frozen=True, slots=True)
class SwapOrder:
    """A swap somebody may sign. `fixed_fill` is the exact outcome of a scripted quote, None lets the market decide."""

    request_id: str
    token: SandboxToken
    is_buy: bool
    taker: str
    amounts: SwapAmounts
    threshold: int
    fee_bps: int
    rent_lamports: int
    message: bytes
    last_valid_block_height: int
    told_block_height: int
    """What the answer says of it."""
    fixed_fill: SwapAmounts | None = None

    def fill(self, market: Market) -> SwapAmounts:
        """Return the amounts at the price of now."""
        if self.fixed_fill is not None:
            return self.fixed_fill
        terms = pool_terms(market, self.token, self.fee_bps)
        trade = pricing.buy if self.is_buy else pricing.sell
        return trade(self.amounts.in_amount, terms)


def pool_terms(market: Market, token: SandboxToken, fee_bps: int) -> PoolTerms:
    """Return what a swap of a token depends on now."""
    return PoolTerms(
        price_sol=market.price_sol(token),
        liquidity_lamports=token.liquidity_lamports,
        decimals=token.decimals,
        fee_bps=fee_bps,
        transfer_fee_bps=token.transfer_fee_bps,
    )
