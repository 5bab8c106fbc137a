"""How to reach Jupiter: one base URL, one key, one budget for everything but execution."""

from __future__ import annotations

from collections.abc import Callable

from nexgent.infrastructure.external.budget import TRADING_RESERVES, RateBudget
from nexgent.infrastructure.external.http import HttpClient
from nexgent.infrastructure.external.upstream import Upstream
from nexgent.shared.clock import Clock

DEFAULT_BASE_URL = "https://api.jup.ag"
_EXECUTE_PER_MINUTE = 1_200
# People paste whole endpoints of several generations of this API.
_KNOWN_SUFFIXES = (
    "/price/v3",
    "/price/v2",
    "/swap/v2",
    "/swap/v2/order",
    "/swap/v1",
    "/ultra/v1",
    "/ultra",
    "/tokens/v2",
)


class JupiterApi:
    """Jupiter with its budgets: `main` for price, order and tokens together, `execute` has its own upstream."""

    def __init__(
        self,
        *,
        http: HttpClient,
        clock: Clock,
        base_url: str = DEFAULT_BASE_URL,
        api_key: str | None = None,
        requests_per_minute: int,
        execute_per_minute: int = _EXECUTE_PER_MINUTE,
        share: Callable[[], float] = lambda: 1.0,
    ) -> None:
        """Limits of 0 are unlimited. Without a key no header is sent (the keyless tier). `share` is the part of the limits that
        this process may use.
        """
        self.api_key = api_key or None
        headers = {"x-api-key": api_key} if api_key else {}
        self.main = Upstream(
            name="Jupiter",
            http=http,
            base_url=base_url or DEFAULT_BASE_URL,
            budget=RateBudget(
                "Jupiter", limit=requests_per_minute, clock=clock, reserves=TRADING_RESERVES, share=share
            ),
            headers=headers,
            known_suffixes=_KNOWN_SUFFIXES,
        )
        # Both are counted over sliding windows of 60 s, on every plan.
        self.execute_budget = RateBudget(
            "Jupiter execute", limit=execute_per_minute, clock=clock, share=share
        )
