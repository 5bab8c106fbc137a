"""The market truth: which tokens there are and what they cost now."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from nexgent.sandbox.clockwork import WalkClock
from nexgent.sandbox.settings import SandboxSettings
from nexgent.sandbox.tokens import SandboxToken, generate_tokens
from nexgent.sandbox.walk import PriceWalk
from nexgent.shared.clock import Clock


class Market:
    """Tokens by mint, their prices in SOL, and the price of SOL in USD."""

    def __init__(self, settings: SandboxSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self.started_at_seconds = int(clock.now().timestamp())
        self.walk_clock = WalkClock(
            clock,
            interval_seconds=settings.walk_interval_seconds,
            volatility=settings.volatility,
            enabled=settings.walk,
        )
        self._sol_segments = [(0, settings.sol_usd_volatility)]
        self._symbols: set[str] = set()
        self._generated = 0
        self.tokens: dict[str, SandboxToken] = {}
        self._sol_usd = settings.sol_usd
        self._sol_walk: PriceWalk | None = None
        if settings.sol_usd_volatility > 0:
            self._sol_walk = self._new_walk("SOL/USD", settings.sol_usd)
        self.generate(settings.tokens)

    def generate(self, count: int) -> list[SandboxToken]:
        """Add the next `count` tokens of the seed."""
        tokens = list(
            generate_tokens(
                self._settings,
                count=count,
                first_index=self._generated,
                taken=self._symbols,
                now_seconds=self.started_at_seconds,
            )
        )
        self._generated += count
        self.add(tokens, walk=True)
        return tokens

    def add(self, tokens: Iterable[SandboxToken], *, walk: bool) -> None:
        """Add tokens, or replace those of the same mint."""
        for token in tokens:
            token.walk = self._new_walk(token.mint, token.price_sol) if walk else None
            self._symbols.add(token.symbol)
            self.tokens[token.mint] = token

    def clear(self) -> None:
        """Remove every token."""
        self.tokens.clear()

    def price_sol(self, token: SandboxToken) -> Decimal:
        """Return the price of one whole token in SOL, now."""
        if token.walk is not None:
            token.price_sol = token.walk.price(self.walk_clock.step(), self.walk_clock.segments)
        return token.price_sol

    def set_price(self, token: SandboxToken, price_sol: Decimal, *, walk: bool) -> None:
        """Set a price; it stays there unless it shall walk on from it."""
        token.price_sol = price_sol
        token.walk = self._new_walk(token.mint, price_sol) if walk else None

    def set_liquidity(self, token: SandboxToken, liquidity_lamports: int) -> None:
        """Set the SOL side of the pool of a token."""
        token.liquidity_lamports = liquidity_lamports
        token.pair_key = None

    def sol_usd(self) -> Decimal:
        """Return the price of one SOL in USD, now."""
        if self._sol_walk is not None:
            self._sol_usd = self._sol_walk.price(self.walk_clock.step(), self._sol_segments)
        return self._sol_usd

    def set_sol_usd(self, price_usd: Decimal) -> None:
        """Set the price of SOL; it stays there."""
        self._sol_usd = price_usd
        self._sol_walk = None

    def _new_walk(self, name: str, start: Decimal) -> PriceWalk:
        return PriceWalk(seed=self._settings.seed, name=name, start=start, first_step=self.walk_clock.step())
