"""Figures of tokens: those asked for at one moment share a call of up to a hundred."""

from __future__ import annotations

import asyncio

from nexgent.infrastructure.external.jupiter.api import JupiterApi
from nexgent.infrastructure.external.jupiter.tokens import JupiterTokenMetrics
from nexgent.sandbox.control import SandboxControl
from nexgent.shared.clock import SystemClock
from nexgent.shared.types import TokenAddress


async def test_tokens_asked_for_together_share_calls_of_a_hundred(
    control: SandboxControl, api: JupiterApi
) -> None:
    made = await control.add_tokens(generate=150)
    tokens = [TokenAddress(token["mint"]) for token in made]
    metrics = JupiterTokenMetrics(api, SystemClock())

    found = await asyncio.gather(*(metrics.metrics(token) for token in tokens))

    assert [one is not None and one.holder_count for one in found] == [t["holderCount"] for t in made]
    assert (await control.requests())["counts"]["tokens"] == 2


async def test_one_that_is_not_found_costs_the_others_nothing(
    control: SandboxControl, api: JupiterApi
) -> None:
    (token,) = await control.add_tokens(generate=1)
    unknown = TokenAddress("6FYwxnApS3eRB8BcAafmbTisg8SphzKHXbjYFd82sXrf")
    metrics = JupiterTokenMetrics(api, SystemClock())

    nothing, found = await asyncio.gather(
        metrics.metrics(unknown), metrics.metrics(TokenAddress(token["mint"]))
    )

    assert nothing is None
    assert found is not None


async def test_a_failed_call_is_nobodys_figures(control: SandboxControl, api: JupiterApi) -> None:
    (token,) = await control.add_tokens(generate=1)
    metrics = JupiterTokenMetrics(api, SystemClock())
    await control.fault("status", "tokens", status=400, times=1)

    assert await metrics.metrics(TokenAddress(token["mint"])) is None
    assert await metrics.metrics(TokenAddress(token["mint"])) is not None
