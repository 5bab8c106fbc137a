"""Everything one sandbox holds; rebuilt as a whole by a reset."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

from nexgent.sandbox.chain import Chain
from nexgent.sandbox.faults import FaultRules
from nexgent.sandbox.market import Market
from nexgent.sandbox.quotes import QuoteScripts
from nexgent.sandbox.rate_limits import RateLimits
from nexgent.sandbox.settings import SandboxSettings
from nexgent.sandbox.swaps import SwapDesk
from nexgent.sandbox.terms import first_terms
from nexgent.shared.clock import Clock

_LAST_REQUESTS = 500


@dataclass(slots=True)
class RequestLog:
    """How often each endpoint was asked, and the last requests."""

    counts: Counter[str] = field(default_factory=Counter)
    last: deque[dict[str, object]] = field(default_factory=lambda: deque(maxlen=_LAST_REQUESTS))


class SandboxState:
    """Market, chain, faults, scripts and counters of one sandbox."""

    def __init__(self, settings: SandboxSettings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.reset()

    def reset(self) -> None:
        """Begin again from the settings."""
        self.terms = first_terms(self.settings)
        self.market = Market(self.settings, self.clock)
        self.chain = Chain(self.settings, self.market, self.clock, self.terms)
        self.faults = FaultRules(self.settings.seed)
        self.scripts = QuoteScripts()
        self.limits = RateLimits(self.settings, self.clock)
        self.requests = RequestLog()
        self.swaps = SwapDesk(self.settings, self.market, self.chain, self.scripts, self.clock)
