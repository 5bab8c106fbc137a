"""A service in production: what it does not start with, what its children know, and what pages of other sites may do."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio
from solders.keypair import Keypair

from tests.e2e.product import Product, until
from tests.forks import completed

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = str(Keypair())
SECRETS = {
    "JWT_SECRET": "vB3k9Qz7Lr1wXeT5uHs2PmNc8YdGf4Ja",
    "ADMIN_PASSWORD": "kT7#wq-Zp2&mLx",
    "METRICS_TOKEN": "8fJq2ZxW0vRb6TyK",
    "JUPITER_API_KEY": "jup-4b1c9e7fa2d8",
    "PYTH_API_KEY": "pyth-77d0c3be915a",
    "WALLET_1": KEY,
}
PRODUCTION = {"NODE_ENV": "production", "CORS_ORIGIN": "*", **SECRETS}
ANYBODY = "https://evil.example"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Product]:
    # What the kernel shows of a process is what it was started with, so it is started.
    async with Product(tmp_path_factory.mktemp("production"), PRODUCTION, forked=False).running() as product:
        yield product


@pytest.mark.skipif(
    not Path("/proc/self/environ").exists() or os.geteuid() != 0,
    reason="reads /proc of processes that let only root do that",
)
async def test_no_child_of_the_service_knows_its_secrets(product: Product) -> None:
    async def all_there() -> bool:
        lines = [" ".join(child.cmdline()) for child in product.service.children(recursive=True)]
        return all(any(word in line for line in lines) for word in ("nexgent worker", "postgres", "valkey"))

    await until(all_there, "worker and servers run")
    looked_at = set()
    for child in product.service.children(recursive=True):
        try:
            environment = Path(f"/proc/{child.pid}/environ").read_bytes()
            looked_at.add(child.name())
        except (OSError, psutil.NoSuchProcess):
            continue
        found = [name for name, value in SECRETS.items() if value.encode() in environment]
        assert not found, f"{child.name()} knows {found}"
        assert b"WALLET_1=" not in environment
    assert len(looked_at) >= 3, looked_at
    # The same look at the service itself finds them, so it can find something.
    own = Path(f"/proc/{product.service.pid}/environ").read_bytes()
    assert all(value.encode() in own for value in SECRETS.values())


async def test_every_origin_is_never_let_in_with_credentials(product: Product) -> None:
    asked = {"Origin": ANYBODY, "Access-Control-Request-Method": "POST"}
    for answer in (
        await product.http.get(f"{product.url}/api/v1/health/live", headers={"Origin": ANYBODY}),
        await product.http.options(f"{product.url}/api/v1/agents", headers=asked),
    ):
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers
        assert ANYBODY not in str(answer.headers)


@pytest.mark.parametrize(
    ("name", "value", "advice"),
    [
        ("JWT_SECRET", "a" * 32, "nexgent secret"),
        ("ADMIN_PASSWORD", "1", "8 to 128 characters"),
        ("JUPITER_BASE_URL", "http://api.jup.ag", "https://"),
        ("SOLANA_RPC_URL", "http://rpc.example.com", "ALLOW_PLAIN_HTTP=true"),
    ],
)
async def test_it_does_not_start_with_what_lets_others_in(
    tmp_path: Path, product: Product, name: str, value: str, advice: str
) -> None:
    env = {**product.environment, "NEXGENT_DATA_DIR": str(tmp_path / "data"), "PORT": "0", name: value}

    done = await asyncio.to_thread(completed, ["nexgent", "serve"], env=env, cwd=tmp_path)

    assert done.returncode == 2, done.stderr
    assert name in done.stderr
    assert advice in done.stderr
    assert not list(tmp_path.iterdir())
