"""Which tokens are held, by agents of this process and by those of other engines: what one engine asks prices of for all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from uuid import uuid4

from nexgent.domain.prices.events import HeldToken, TokensHeld
from nexgent.shared.clock import Clock
from nexgent.shared.types import TokenAddress

TELL_AGAIN = timedelta(seconds=5)
"""What is told may be lost on its way."""
FORGET_AFTER = 3 * TELL_AGAIN
"""Whoever says nothing for so long is gone: whoever has its agents now tells of them."""


class HeldTokens:
    """`tick` tells others what is held here, new tokens as soon as they are and everything now and then."""

    def __init__(
        self,
        *,
        here: Callable[[], Collection[TokenAddress]],
        is_held_here: Callable[[TokenAddress], bool],
        paid: Callable[[TokenAddress], HeldToken | None],
        publish: Callable[[object], None],
        clock: Clock,
    ) -> None:
        """`paid` returns what was paid for a token that is held here, last and when."""
        self._here = here
        self._is_held_here = is_held_here
        self._paid = paid
        self._publish = publish
        self._clock = clock
        self._engine = uuid4().hex
        self._told: frozenset[TokenAddress] = frozenset()
        self._told_all_at: datetime | None = None
        self._elsewhere: dict[str, tuple[Mapping[TokenAddress, HeldToken], datetime]] = {}

    @property
    def elsewhere(self) -> int:
        """How many tokens other engines have told of."""
        return sum(len(tokens) for tokens, _ in self._elsewhere.values())

    def tokens(self) -> Collection[TokenAddress]:
        """Return what anybody holds, as far as is known here."""
        if not self._elsewhere:
            return self._here()
        return dict.fromkeys(
            (*self._here(), *(token for tokens, _ in self._elsewhere.values() for token in tokens))
        )

    def is_held(self, token: TokenAddress) -> bool:
        """Tell whether anybody holds a token, as far as is known here."""
        return self._is_held_here(token) or any(token in tokens for tokens, _ in self._elsewhere.values())

    async def tick(self) -> None:
        """Tell what is new, or everything when it is time."""
        now = self._clock.now()
        self._elsewhere = {
            engine: (tokens, at)
            for engine, (tokens, at) in self._elsewhere.items()
            if now - at <= FORGET_AFTER
        }
        here = frozenset(self._here())
        if self._told_all_at is None or now - self._told_all_at >= TELL_AGAIN:
            self._told_all_at = now
            self._tell(here, everything=True)
        elif new := here - self._told:
            self._tell(new, everything=False)
        self._told = here

    def on_told(self, event: TokensHeld) -> None:
        """Take over what another engine holds. What this process tells itself counts for nothing."""
        if event.engine == self._engine:
            return
        told = {one.token_address: one for one in event.tokens}
        if not event.everything and event.engine in self._elsewhere:
            told = {**self._elsewhere[event.engine][0], **told}
        self._elsewhere[event.engine] = told, self._clock.now()

    def _tell(self, tokens: Collection[TokenAddress], *, everything: bool) -> None:
        held = [one for token in sorted(tokens) if (one := self._paid(token)) is not None]
        self._publish(TokensHeld(self._engine, held, everything))
