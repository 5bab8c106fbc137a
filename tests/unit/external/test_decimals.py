"""Decimals are read once, at whichever moment somebody else asks for them."""

from __future__ import annotations

import asyncio
from typing import Any

from nexgent.infrastructure.external.budget import Priority
from nexgent.infrastructure.external.http import HttpClient
from nexgent.infrastructure.external.solana.decimals import SolanaTokenDecimals
from nexgent.infrastructure.external.solana.rpc import TOKEN_PROGRAM, SolanaRpc
from nexgent.shared.clock import SystemClock
from nexgent.shared.types import TokenAddress

MINT = TokenAddress("DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263")
TURNS_OF_AN_ANSWER = 4


class _Node(SolanaRpc):
    """Answers after some turns of the event loop, and counts how often it is asked."""

    def __init__(self) -> None:
        super().__init__(http=HttpClient(), clock=SystemClock())
        self.asked = 0

    async def account(
        self, address: str, *, priority: Priority = Priority.RECONCILE
    ) -> dict[str, Any] | None:
        self.asked += 1
        await _turns(TURNS_OF_AN_ANSWER)
        return {"owner": TOKEN_PROGRAM, "data": {"parsed": {"type": "mint", "info": {"decimals": 6}}}}


async def test_whoever_asks_in_the_turn_in_which_the_answer_comes_gets_it_as_well() -> None:
    for turns in range(5 * TURNS_OF_AN_ANSWER):
        for comes_first in (True, False):
            node = _Node()
            decimals = SolanaTokenDecimals(node)

            async def later(turns: int = turns, decimals: SolanaTokenDecimals = decimals) -> int:
                await _turns(turns)
                return await decimals.decimals(MINT)

            asking = [later(), decimals.decimals(MINT)]
            found = await asyncio.gather(*(asking if comes_first else reversed(asking)))

            assert found == [6, 6]
            assert node.asked == 1, f"asked again {turns} turns later"


async def _turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)
