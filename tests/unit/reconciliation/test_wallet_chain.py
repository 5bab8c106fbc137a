"""A node that answers something else than it promises has said nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from nexgent.infrastructure.external.budget import Priority
from nexgent.infrastructure.external.errors import UpstreamCallError
from nexgent.infrastructure.external.solana.rpc import SolanaRpc
from nexgent.infrastructure.external.solana.wallet_chain import SolanaWalletChain
from tests.fakes.reconciliation import WALLET

CONTEXT = {"context": {"slot": 100}}


class Node(SolanaRpc):
    """Answers each method with what it was given."""

    def __init__(self, **answers: Any) -> None:
        self._answers = {
            "getGenesisHash": "genesis",
            "getBalance": {**CONTEXT, "value": 5},
            "getTokenAccountsByOwner": {**CONTEXT, "value": []},
            **answers,
        }

    async def call(
        self, method: str, params: Sequence[object], *, priority: Priority = Priority.RECONCILE
    ) -> Any:
        return self._answers[method]


def a_chain(**answers: Any) -> SolanaWalletChain:
    return SolanaWalletChain(Node(**answers))


async def test_a_clear_answer_is_taken() -> None:
    snapshot = await a_chain().snapshot(WALLET)

    assert (snapshot.slot, snapshot.lamports, snapshot.accounts) == (100, 5, ())


@pytest.mark.parametrize(
    "answers",
    [
        {"getGenesisHash": None},
        {"getBalance": {**CONTEXT, "value": None}},
        {"getBalance": {"value": 5}},
        {"getBalance": None},
        {"getTokenAccountsByOwner": {**CONTEXT, "value": None}},
        {"getTokenAccountsByOwner": {**CONTEXT}},
        {"getTokenAccountsByOwner": {"context": {"slot": 99}, "value": []}},
        {"getTokenAccountsByOwner": {**CONTEXT, "value": [{"pubkey": "x"}]}},
    ],
)
async def test_silence_is_never_nothing(answers: dict[str, Any]) -> None:
    with pytest.raises(UpstreamCallError):
        await a_chain(**answers).snapshot(WALLET)


async def test_a_block_without_a_time_proves_nothing() -> None:
    with pytest.raises(UpstreamCallError):
        await a_chain(getBlockTime=None).block_time(100)
