"""What `nexgent doctor` says of who trades, and of a look that went wrong."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from nexgent.cli import doctor_checks
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


async def test_a_look_that_ends_in_an_unexpected_error_is_a_finding_and_the_others_are_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def broken(_url: str) -> str:
        raise AttributeError("hunter2")

    monkeypatch.setattr(doctor_checks, "current_revision", broken)
    nowhere = "http://127.0.0.1:1"
    settings = Settings.from_values(
        {
            "NEXGENT_DATA_DIR": str(tmp_path),
            "DATABASE_URL": "postgresql://u:p@127.0.0.1:1/x",
            "REDIS_URL": "redis://127.0.0.1:1",
            "PORT": "1",
            "JUPITER_BASE_URL": nowhere,
            "DEXSCREENER_BASE_URL": nowhere,
            "PYTH_HERMES_URL": nowhere,
            "SOLANA_RPC_URL": nowhere,
        }
    )

    findings = {one.name: one for one in await doctor_checks.examine(settings)}

    assert findings["database"].verdict is Verdict.FAIL
    assert findings["database"].found == "could not be looked at: AttributeError"
    assert {"redis", "service", "Jupiter", "DexScreener", "Pyth", "Solana RPC", "clock"} <= set(findings)
