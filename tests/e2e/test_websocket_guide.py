"""The clients of docs/websocket.md, run as they stand there: they follow, and come back after the service was killed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.e2e.product import ADMIN_EMAIL, ADMIN_PASSWORD, Product, until

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "websocket.md").read_text()
NODE = shutil.which("node")
OLDEST_NODE = 20
BY_ITSELF = 22
"""From this version on node has a WebSocket without being asked for it."""


def client(language: str) -> str:
    """Return the client in a language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    return str(found)


def node_version() -> int:
    """Return the version of node here; 0 where there is none."""
    if NODE is None:
        return 0
    said = subprocess.run([NODE, "--version"], capture_output=True, text=True, check=False).stdout
    return int(re.findall(r"\d+", said)[0])


@pytest.mark.parametrize(
    ("language", "file", "command"),
    [
        ("python", "follow.py", [sys.executable, "follow.py"]),
        pytest.param(
            "js",
            "follow.mjs",
            [
                NODE or "node",
                *(["--experimental-websocket"] if node_version() < BY_ITSELF else []),
                "follow.mjs",
            ],
            marks=pytest.mark.skipif(
                node_version() < OLDEST_NODE, reason=f"no node {OLDEST_NODE} or later here"
            ),
        ),
    ],
    ids=["python", "js"],
)
async def test_the_client_of_the_guide_follows_and_comes_back(
    product: Product, language: str, file: str, command: Sequence[str]
) -> None:
    agent = await product.agent("Guide")
    (product.folder / file).write_text(client(language))
    environment = {
        "PATH": os.environ["PATH"],
        "NEXGENT_URL": product.url,
        "NEXGENT_EMAIL": ADMIN_EMAIL,
        "NEXGENT_PASSWORD": ADMIN_PASSWORD,
        "NEXGENT_AGENT": "Guide",
    }
    output = product.folder / "client.log"
    with output.open("wb") as log:
        process = subprocess.Popen(command, cwd=product.folder, env=environment, stdout=log, stderr=log)

    async def says(what: str) -> None:
        async def said() -> bool:
            assert process.poll() is None, output.read_text()
            return what in output.read_text()

        await until(said, f"the client says: {what}")

    try:
        await says("holds []")
        first, second = (token for token in (await product.tokens())[:2])
        await product.signal(first["mint"], symbol="FIRST")
        await says("position_created FIRST")
        product.kill_service()
        await product.start_service()
        # Another process: what was before it is in a new snapshot.
        await says("holds ['FIRST']" if language == "python" else "holds [ 'FIRST' ]")
        await product.signal(second["mint"], symbol="SECOND", kind="AGAIN")
        await says("position_created SECOND")
        (position,) = [one for one in await product.positions(agent["id"]) if one["tokenSymbol"] == "FIRST"]
        await product.call("POST", f"/agents/{agent['id']}/positions/{position['id']}/close", {})
        await says("closed FIRST")
    finally:
        process.kill()
        process.wait()
