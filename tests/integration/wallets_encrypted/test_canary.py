"""A known key goes through everything, and is looked for everywhere afterwards."""

from __future__ import annotations

import base64
import io
import json
import logging
import sys
import traceback
from collections.abc import Iterator
from dataclasses import replace

import pytest
import structlog
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from structlog.testing import capture_logs

from nexgent.domain.agents.models import TradingMode
from nexgent.domain.wallets.encrypted.models import Passphrase, WalletSource
from nexgent.infrastructure.database.stores.wallet_secrets import PostgresWalletSecrets
from nexgent.infrastructure.database.stores.wallets import PostgresWalletRepository
from nexgent.infrastructure.logging.setup import configure_logging
from nexgent.shared.errors import NexgentError
from tests.builders import USER
from tests.fakes.encrypted_wallets import World, address_of
from tests.integration.wallets_encrypted.conftest import Pool
from tests.unit.wallets_encrypted.http_api import WalletApi

PASSPHRASE = "canary-passphrase-7Qf2"
OTHER = "canary-passphrase-zzzz"


def traces(keypair: Keypair) -> list[str]:
    """Return every form in which a text could show the key or a passphrase."""
    raw, seed = bytes(keypair), bytes(keypair)[:32]
    forms = [str(keypair), str(Pubkey(seed)), raw.hex(), seed.hex(), repr(raw), repr(seed)]
    forms += [json.dumps(list(seed))[1:-1], json.dumps(list(seed), separators=(",", ":"))[1:-1]]
    forms += [base64.b64encode(raw).decode()[:42], base64.b64encode(seed).decode()[:42], PASSPHRASE, OTHER]
    return [form.strip("b'\"") for form in forms]


def assert_clean(keypair: Keypair, where: str, *texts: str) -> None:
    for text in texts:
        for trace in traces(keypair):
            assert trace not in text, f"a secret is in {where}"


def renew_loggers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every module write as configured now: a logger that was used keeps the configuration of that moment."""
    for name, module in list(sys.modules.items()):
        if name.startswith("nexgent.") and hasattr(module, "log"):
            monkeypatch.setattr(module, "log", structlog.get_logger(name))


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.BytesIO]:
    stream = io.BytesIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    structlog.reset_defaults()
    configure_logging(level="debug", json_lines=True, environment="test", stream=stream)
    renew_loggers(monkeypatch)
    yield stream
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


async def a_world(pool: Pool) -> World:
    return World(secrets=PostgresWalletSecrets(pool), wallets=PostgresWalletRepository(pool))


async def everything(world: World, keypair: Keypair, pool: Pool) -> list[str]:
    """Do all there is with the key over HTTP, right and wrong; return every answer but the export."""
    agent = await world.an_agent()
    await pool.execute(
        "INSERT INTO agents (id, user_id, name, updated_at) VALUES ($1, $2, 'A', now())", agent.id, USER
    )
    numbers = list(bytes(keypair))
    create = {"agentId": str(agent.id), "passphrase": PASSPHRASE, "privateKey": str(keypair)}
    broken = [
        {**create, "privateKey": str(keypair)[:-1]},
        {**create, "privateKey": f"{keypair}x"},
        {**create, "privateKey": numbers[:-1]},
        {**create, "privateKey": json.dumps(numbers)[:-1]},
        {**create, "privateKey": [*numbers[:63], 256]},
        {**create, "privateKey": [*numbers[:32], *bytes(Keypair())[32:]]},
        {**create, "privateKey": {"key": str(keypair)}},
        {**create, "passphrase": [PASSPHRASE]},
        {**create, "passphrase": PASSPHRASE * 20},
        {**create, "agentId": str(keypair)},
        {**create, "walletType": PASSPHRASE[:5]},
    ]
    path = f"/wallets/{keypair.pubkey()}"
    confirmed = {"passphrase": PASSPHRASE, "confirm": True}
    calls = [
        *(("POST", "/wallets", body) for body in broken),
        ("POST", "/wallets", create),
        ("POST", "/wallets", create),
        ("POST", f"{path}/unlock", {"passphrase": OTHER}),
        ("POST", f"{path}/unlock", {"passphrase": PASSPHRASE, "ttlSeconds": 5}),
        ("POST", f"{path}/unlock", {"passphrase": PASSPHRASE, "ttlSeconds": 60}),
        ("GET", f"{path}/status", None),
        ("GET", "/wallets", None),
        ("POST", f"{path}/export", {"passphrase": PASSPHRASE}),
        ("POST", f"{path}/export", {**confirmed, "passphrase": OTHER}),
        ("POST", f"{path}/lock", None),
        ("DELETE", path, {**confirmed, "passphrase": OTHER}),
        ("DELETE", path, {"passphrase": PASSPHRASE}),
    ]
    answers = []
    async with WalletApi(world).client() as client:
        for method, target, body in calls:
            answer = await client.request(method, target, json=body)
            assert answer.status_code < 500
            answers.append(answer.text + repr(answer.headers))
        # A text that breaks off in the middle of the key, and one that is no JSON at all.
        for content in (json.dumps(create)[:-20], str(keypair)):
            answer = await client.post(
                "/wallets", content=content, headers={"content-type": "application/json"}
            )
            assert answer.status_code == 400
            answers.append(answer.text)
        exported = await client.post(f"{path}/export", json=confirmed)
        assert exported.json()["privateKey"] == str(keypair)
        await client.post(f"{path}/unlock", json={"passphrase": PASSPHRASE})
    world.keys.sign(address_of(keypair), b"message")
    return answers


async def dump(pool: Pool) -> list[str]:
    """Return every row of every table as text, binary columns as hex."""
    tables = await pool.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    texts = []
    for table in tables:
        texts += [row[0] for row in await pool.fetch(f'SELECT t::text FROM "{table["relname"]}" t')]
    return texts


async def test_the_key_is_nowhere_but_in_the_export(pool: Pool, lines: io.BytesIO) -> None:
    world, keypair = await a_world(pool), Keypair()

    answers = await everything(world, keypair, pool)

    rows = await dump(pool)
    written = lines.getvalue().decode()
    assert "wallet.exported" in written
    assert any(address_of(keypair) in row for row in rows)
    assert_clean(keypair, "an answer", *answers)
    assert_clean(keypair, "the database", *rows)
    assert_clean(keypair, "the log", written)
    assert_clean(keypair, "an event", *map(repr, world.engine.events))
    assert_clean(keypair, "a representation", repr(world.keys), repr(world.vault), repr(vars(world)))


async def test_the_log_is_clean_before_anything_is_hidden_in_it(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, keypair = await a_world(pool), Keypair()
    structlog.reset_defaults()
    renew_loggers(monkeypatch)

    with capture_logs() as entries:
        await everything(world, keypair, pool)

    assert {"wallet.created", "wallet.unlocked", "wallet.exported", "wallet.secret_refused"} <= {
        entry["event"] for entry in entries
    }
    assert_clean(keypair, "the log", repr(entries))


async def test_errors_and_their_tracebacks_quote_nothing(pool: Pool) -> None:
    world, keypair = await a_world(pool), Keypair()
    await everything(world, keypair, pool)
    stored = await world.secrets.find(address_of(keypair))
    assert stored is not None
    damaged = replace(stored.sealed, kdf="none")
    crypto, wrong = world.crypto, Passphrase(OTHER)
    attempts = [
        lambda: world.all.unlock.execute(stored.address, USER, wrong),
        lambda: world.all.export.execute(stored.address, USER, wrong),
        lambda: crypto.open(damaged, Passphrase(PASSPHRASE)),
    ]

    for attempt in attempts:
        with pytest.raises(NexgentError) as caught:
            await attempt()  # type: ignore[no-untyped-call]  # Lambdas of different results.
        error = caught.value
        # With the local variables of every frame, as some loggers print them.
        frames = traceback.TracebackException.from_exception(error, capture_locals=True)
        own = [line for line in frames.format() if "/nexgent/" in line]
        assert_clean(keypair, "an error", str(error), repr(error.details), *own)


async def test_the_stored_ciphertext_is_not_the_key_and_says_how_it_was_made(pool: Pool) -> None:
    world, keypair = await a_world(pool), Keypair()
    await everything(world, keypair, pool)

    row = await pool.fetchrow("SELECT * FROM wallet_secrets")

    assert row is not None
    assert (row["format_version"], row["kdf"]) == (1, "scrypt")
    assert json.loads(row["kdf_parameters"]) == {"n": 16, "p": 1, "r": 1}
    for length in (4, 8):
        for start in range(64 - length):
            assert bytes(keypair)[start : start + length] not in row["ciphertext"]
    (view,) = [one for one in await world.all.views.all(USER) if one.mode is TradingMode.LIVE]
    assert view.source is WalletSource.ENCRYPTED
