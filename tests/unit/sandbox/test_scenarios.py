"""Every story plays on a real sandbox to its end, and leaves the sources well however it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from nexgent.sandbox.control import SandboxControl
from nexgent.sandbox.scenarios import SCENARIOS, play, token_of
from nexgent.sandbox.server import run_sandbox
from nexgent.sandbox.settings import SandboxSettings
from nexgent.shared.errors import InvalidInputError
from tests.patience import until

FAST = 1000.0
ENDS_AT = {
    "pump": "3",
    "rug": "0.01",
    "slow-bleed": "0.5",
    "flash-crash": "1",
    "one-liar": "1",
    "feed-outage": "0.7",
    "rate-limit": "0.67",
    "lost-answers": "1",
}


@pytest.fixture
async def control() -> AsyncIterator[SandboxControl]:
    async with run_sandbox(SandboxSettings(port=0)) as url, SandboxControl(url) as control:
        await control.walk(enabled=False)
        yield control


@pytest.mark.parametrize("name", sorted(SCENARIOS))
async def test_a_story_tells_what_it_does_and_ends_well(control: SandboxControl, name: str) -> None:
    token = await token_of(control, None)
    told: list[str] = []
    scenario = SCENARIOS[name]

    await play(scenario, control, token, speed=FAST, tell=told.append)

    assert len(told) == len(scenario.steps)
    assert all(token.symbol in line for line in told)
    assert [step.at for step in scenario.steps] == sorted(step.at for step in scenario.steps)
    (now,) = [row for row in await control.tokens() if row["mint"] == token.mint]
    assert Decimal(str(now["priceSol"])) == pytest.approx(token.price_sol * Decimal(ENDS_AT[name]))
    assert (await control.state())["faults"] == 0


async def test_a_story_that_is_cut_short_leaves_the_sources_well(control: SandboxControl) -> None:
    token = await token_of(control, None)
    playing = asyncio.create_task(play(SCENARIOS["rate-limit"], control, token, tell=lambda _: None))

    async def struck() -> bool:
        return bool((await control.state())["faults"])

    await until(struck, "the story has begun")
    playing.cancel()
    await asyncio.gather(playing, return_exceptions=True)

    assert (await control.state())["faults"] == 0


async def test_a_token_is_found_by_mint_or_symbol_and_never_guessed(control: SandboxControl) -> None:
    first = (await control.tokens())[0]

    assert (await token_of(control, first["symbol"])).mint == first["mint"]
    assert (await token_of(control, first["mint"])).symbol == first["symbol"]
    with pytest.raises(
        InvalidInputError, match=f"There is no token {first['symbol'].lower()}; this market has "
    ):
        await token_of(control, first["symbol"].lower())
    await control.add_tokens([{"symbol": first["symbol"], "priceSol": "1"}])
    with pytest.raises(InvalidInputError, match="Several tokens are called"):
        await token_of(control, first["symbol"])
