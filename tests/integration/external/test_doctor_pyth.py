"""What `nexgent doctor` says about Pyth: no key, a wrong key, a key without the feed."""

from __future__ import annotations

import httpx
import pytest
from aiohttp import web

from nexgent.config.settings import Settings
from nexgent.infrastructure.external.upstream_checks import Upstreams
from nexgent.shared.findings import Finding, Verdict
from tests.integration.external.servers import serve


@pytest.mark.parametrize(
    ("key", "status", "body", "verdict", "advice"),
    [
        (None, 401, "Unauthorized", Verdict.WARN, "optional"),
        ("k", 401, "Unauthorized", Verdict.FAIL, "Wrong key"),
        ("k", 403, "Not entitled: feed", Verdict.WARN, "Not entitled"),
        ("k", 401, "Not entitled: ef0d8b6f", Verdict.WARN, "Not entitled"),
        ("k", 404, "nothing here", Verdict.FAIL, "PYTH_HERMES_URL"),
        ("k", 200, "{}", Verdict.OK, ""),
    ],
)
async def test_the_refusals_are_told_apart(
    key: str | None, status: int, body: str, verdict: Verdict, advice: str
) -> None:
    async def answer(request: web.Request) -> web.Response:
        assert request.headers.get("Authorization") == (f"Bearer {key}" if key is not None else None)
        return web.Response(status=status, text=body)

    finding = await _ask(answer, key)

    assert finding.verdict is verdict
    assert advice in finding.advice


async def _ask(answer: object, key: str | None) -> Finding:
    async with serve(answer) as url, httpx.AsyncClient(trust_env=False) as http:  # type: ignore[arg-type]
        values = {"PYTH_HERMES_URL": url} | ({"PYTH_API_KEY": key} if key is not None else {})
        return await Upstreams(Settings.from_values(values).market, http).pyth()
