"""Make databases of the reference on a server, and tell whether anything in one has changed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import asyncpg

from nexgent.shared.ids import new_id
from tests.conftest import with_database

Generation = Literal["migrations", "model"]
_FOLDER = Path(__file__).parent
_INCLUDED = "\\i schema.sql\n"
ALICE = ("alice@example.com", "Old-Password-1!")
CAROL = ("carol@example.com", "pässwörter sind lang 2")
API_KEY = "nex_0123456789abcdef0123456789abcdef"
LIVE_WALLET = "GmaDrppBC7P5ARKV8g3djiwP89vz1jLK23V2GBjuAEGB"
LIVE_KEY = "99eUso3aSbE9tqGSTXzo3TLfKb9RkMTURrHKQ1K7Zh3StnzFNUx8FKCPPPPpR479qsw5zv2WNBKmgiz7WqgAJfM"
TWIN, LIVE_TWIN, BROKEN, WITHOUT_WALLETS = (f"00000000-0000-4000-8000-0000000000a{n}" for n in range(1, 5))
TOKEN = "3BuW9SR5tG6VFK4MmkQQ3Ak8ny1K1Vv5Uz7is8Aa5pwG"
"""What the first twin holds a position in: 6 decimals."""
PAPER_WALLET = "sim_2PaperWa11etOfTheFirstTwin"


def script(name: str) -> str:
    """Return the SQL of a file of this folder, with what it includes."""
    text = (_FOLDER / f"{name}.sql").read_text(encoding="utf-8")
    if _INCLUDED in text:
        text = text.replace(_INCLUDED, script("schema"))
    return text


@asynccontextmanager
async def reference_database(
    server_url: str, generation: Generation, *stories: str, token: str = TOKEN
) -> AsyncIterator[str]:
    """Yield the address of a database of the reference in which some stories have happened, about another token perhaps."""
    name = f"reference_{new_id().hex}"
    url = with_database(server_url, name)
    await run_sql(server_url, f"CREATE DATABASE {name}")
    try:
        await run_sql(url, script(generation), *(script(story).replace(TOKEN, token) for story in stories))
        yield url
    finally:
        await run_sql(server_url, f"DROP DATABASE {name} WITH (FORCE)")


async def run_sql(url: str, *texts: str) -> None:
    """Run statements."""
    connection = await asyncpg.connect(url)
    try:
        for text in texts:
            await connection.execute(text)
    finally:
        await connection.close()


async def fingerprint(url: str, *, besides: frozenset[str] = frozenset()) -> dict[str, tuple[int, str]]:
    """Return of each table how many rows it has, and a digest of them."""
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch(
            "SELECT relname::text AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        found: dict[str, tuple[int, str]] = {}
        for name in sorted({row["name"] for row in tables} - besides):
            row = await connection.fetchrow(
                "SELECT count(*) AS rows, coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') AS digest "
                f'FROM "{name}" t'
            )
            assert row is not None
            found[name] = (row["rows"], row["digest"])
        return found
    finally:
        await connection.close()
