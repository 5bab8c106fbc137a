"""Calls to one upstream: its address, its key, its rate budget, its retries."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from nexgent.infrastructure.external.budget import BudgetExhaustedError, Priority, RateBudget
from nexgent.infrastructure.external.errors import RETRYABLE, FailureKind, UpstreamCallError
from nexgent.infrastructure.external.http import Answer, Endpoint, HttpClient
from nexgent.shared.backoff import Backoff

_FIRST_PAUSE_SECONDS = 0.15
_MAX_PAUSE_SECONDS = 3.0


class Upstream:
    """One service behind one base URL. All its calls share a budget."""

    def __init__(
        self,
        *,
        name: str,
        http: HttpClient,
        base_url: str,
        budget: RateBudget,
        headers: Mapping[str, str] | None = None,
        known_suffixes: Sequence[str] = (),
    ) -> None:
        """Raises `ValueError` when the base URL cannot be used."""
        self.name = name
        self.http = http
        self.endpoint = Endpoint(name, base_url, known_suffixes=known_suffixes)
        self.budget = budget
        self.headers = dict(headers or {})

    async def get(
        self,
        path: str,
        query: Sequence[tuple[str, str]] = (),
        *,
        operation: str,
        priority: Priority,
        timeout_seconds: float,
        deadline_seconds: float | None = None,
        attempts: int = 1,
    ) -> Answer:
        """Return the JSON answer of a GET. Raises `UpstreamCallError`."""
        url = self.endpoint.url(path, query)
        return await self._call(
            "GET", url, None, operation, priority, timeout_seconds, deadline_seconds, attempts, self.budget
        )

    async def post(
        self,
        path: str,
        body: bytes,
        *,
        operation: str,
        priority: Priority,
        timeout_seconds: float,
        deadline_seconds: float | None = None,
        attempts: int = 1,
        budget: RateBudget | None = None,
        before: Callable[[], Awaitable[None]] | None = None,
    ) -> Answer:
        """Return the JSON answer of a POST of JSON. Raises `UpstreamCallError`. More than one attempt is for reads only.

        `before` is asked when nothing but the sending is left; what it raises keeps the request from leaving.
        """
        url = self.endpoint.url(path)
        return await self._call(
            "POST",
            url,
            body,
            operation,
            priority,
            timeout_seconds,
            deadline_seconds,
            attempts,
            budget or self.budget,
            before,
        )

    async def _call(
        self,
        method: str,
        url: str,
        body: bytes | None,
        operation: str,
        priority: Priority,
        timeout_seconds: float,
        deadline_seconds: float | None,
        attempts: int,
        budget: RateBudget,
        before: Callable[[], Awaitable[None]] | None = None,
    ) -> Answer:
        """Try up to `attempts` times within the deadline, which includes waiting for the budget."""
        ends = time.monotonic() + (timeout_seconds if deadline_seconds is None else deadline_seconds)
        headers = self.headers if body is None else {**self.headers, "Content-Type": "application/json"}
        backoff = Backoff(_FIRST_PAUSE_SECONDS, _MAX_PAUSE_SECONDS)
        while True:
            await self._admit(operation, priority, ends - time.monotonic(), budget)
            if before is not None:
                await before()
            try:
                answer = await self.http.request(
                    method,
                    url,
                    upstream=self.name,
                    operation=operation,
                    timeout_seconds=min(timeout_seconds, max(ends - time.monotonic(), 0.05)),
                    headers=headers,
                    body=body,
                )
            except UpstreamCallError as error:
                if error.status is not None:
                    budget.observe(error.status, error.headers)
                asked = error.retry_after_seconds or 0.0
                pause = backoff.failed(asked)
                if error.kind not in RETRYABLE or backoff.failures >= attempts:
                    raise
                # After 429 the budget itself holds the next attempt back.
                limited = error.kind is FailureKind.RATE_LIMITED
                if time.monotonic() + (asked if limited else pause) >= ends:
                    raise
                if not limited:
                    await asyncio.sleep(pause)
                continue
            budget.observe(answer.status, answer.headers)
            return answer

    async def _admit(
        self, operation: str, priority: Priority, timeout_seconds: float, budget: RateBudget
    ) -> None:
        try:
            await budget.acquire(priority, timeout_seconds=timeout_seconds)
        except BudgetExhaustedError as error:
            raise UpstreamCallError(
                self.name,
                operation,
                FailureKind.NO_CAPACITY,
                "our rate budget is used up for now",
                retry_after_seconds=error.retry_after_seconds,
            ) from None
