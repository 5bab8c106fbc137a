"""What `nexgent doctor` says about further Solana nodes: they have to answer, and to serve the same chain."""

from __future__ import annotations

import httpx
from aiohttp import web

from nexgent.config.settings import Settings
from nexgent.infrastructure.external.upstream_checks import Upstreams
from nexgent.shared.findings import Finding, Verdict
from tests.integration.external.servers import Handler, serve


async def test_without_witnesses_nothing_is_said() -> None:
    assert await _ask("http://127.0.0.1:1", "") == []


async def test_a_witness_has_to_answer_and_to_serve_the_same_chain() -> None:
    async with (
        serve(_node("mainnet")) as first,
        serve(_node("mainnet")) as good,
        serve(_node("devnet")) as other,
        serve(_refuses) as closed,
    ):
        findings = await _ask(first, f"{good},{other},{closed},http://127.0.0.1:1")
        (alone,) = await _ask(first, good)
        # Nobody can say whether it is the same chain when the first node does not answer; that is told of the first.
        (unknown,) = await _ask(closed, good)

    assert [one.name for one in findings] == [f"Solana witness {number}" for number in (1, 2, 3, 4)]
    assert [one.verdict for one in findings] == [Verdict.OK, Verdict.FAIL, Verdict.FAIL, Verdict.FAIL]
    assert "SOLANA_RPC_WITNESS_URL" in findings[1].advice
    assert "does not answer" in findings[3].found
    assert (alone.name, alone.verdict, unknown.verdict) == ("Solana witness", Verdict.OK, Verdict.OK)


def _node(genesis: str) -> Handler:
    async def answer(request: web.Request) -> web.Response:
        results = {"getGenesisHash": genesis, "getHealth": "ok"}
        return web.json_response(
            {"jsonrpc": "2.0", "id": 1, "result": results[(await request.json())["method"]]}
        )

    return answer


async def _refuses(_: web.Request) -> web.Response:
    return web.Response(status=403)


async def _ask(first: str, witnesses: str) -> list[Finding]:
    values = {"SOLANA_RPC_URL": first, "SOLANA_RPC_WITNESS_URL": witnesses}
    async with httpx.AsyncClient(trust_env=False) as http:
        return await Upstreams(Settings.from_values(values).market, http).witnesses()
