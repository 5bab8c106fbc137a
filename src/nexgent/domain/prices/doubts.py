"""Doubts about prices between engines: told by the one that asks for prices, minded by the others."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from nexgent.domain.prices.events import TokensDoubted
from nexgent.domain.prices.validation import PriceValidator
from nexgent.shared.clock import Clock
from nexgent.shared.types import TokenAddress

TELL_AGAIN = timedelta(seconds=10)
"""What is told may be lost on its way."""


class SharedDoubts:
    """`tick` tells others what is in doubt, as soon as that changes and now and then; `doubtful` minds what was told."""

    def __init__(
        self,
        *,
        validator: PriceValidator,
        tokens: Callable[[], Collection[TokenAddress]],
        leads: Callable[[], bool],
        publish: Callable[[object], None],
        clock: Clock,
    ) -> None:
        """`leads` tells whether this process asks for the prices of all `tokens`."""
        self._validator = validator
        self._tokens = tokens
        self._leads = leads
        self._publish = publish
        self._clock = clock
        self._told: tuple[frozenset[TokenAddress], datetime] | None = None
        self._heard: frozenset[TokenAddress] = frozenset()

    async def tick(self) -> None:
        """Tell what is in doubt, if this process knows."""
        if not self._leads():
            self._told = None
            return
        now = self._clock.now()
        doubted = frozenset(token for token in self._tokens() if self._validator.doubtful(token))
        if self._told is None or self._told[0] != doubted or now - self._told[1] >= TELL_AGAIN:
            self._told = doubted, now
            self._publish(TokensDoubted(sorted(doubted), now))

    def on_doubted(self, event: TokensDoubted) -> None:
        """Take over what is in doubt."""
        self._heard = frozenset(event.tokens)

    def doubtful(self, token: TokenAddress) -> bool:
        """Tell whether a token must not be bought for now, as its price is in doubt."""
        return self._validator.doubtful(token) or (token in self._heard and not self._leads())
