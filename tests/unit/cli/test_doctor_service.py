"""What `nexgent doctor` says of who trades."""

from __future__ import annotations

import httpx
import pytest

from nexgent.cli.doctor_checks import service
from nexgent.config.settings import Settings
from nexgent.shared.findings import Verdict


@pytest.mark.parametrize(
    ("engine", "said"),
    [
        ({"role": "engine", "holder": "here:1", "unresolved": 0}, ", the engine"),
        ({"role": "engine", "unresolved": 3}, ", the engine, resolving 3 trades"),
        ({"role": "replica", "holder": "there:7", "unresolved": 0}, ", a replica; there:7 is the engine"),
        ({"role": "replica", "unresolved": 0}, ", a replica; nobody is known to be the engine"),
        (None, ""),
    ],
)
async def test_it_says_which_process_is_the_engine(engine: object, said: str) -> None:
    answer = httpx.Response(200, json={"status": "healthy", "engine": engine})
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: answer)) as http:
        finding = await service(Settings.from_values({"NEXGENT_DATA_DIR": "/nowhere", "PORT": "4999"}), http)

    assert (finding.verdict, finding.found) == (Verdict.OK, f"healthy at http://localhost:4999{said}")
