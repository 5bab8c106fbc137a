"""The schema by way of its migrations."""

from __future__ import annotations

import asyncio
import sys

import asyncpg
import pytest
from alembic.script import ScriptDirectory

from nexgent.infrastructure.database.schema import migration
from nexgent.infrastructure.database.schema.migration import (
    SCHEMA_REVISION,
    MigrationFailedError,
    current_revision,
    migrate,
    migration_config,
    migrations_folder,
)
from tests.conftest import migrate as alembic
from tests.conftest import with_database


def test_the_known_revision_is_the_newest_script() -> None:
    assert ScriptDirectory(str(migrations_folder())).get_current_head() == SCHEMA_REVISION
    assert migration_config("postgresql://x/y").attributes["database_url"] == "postgresql://x/y"


async def test_down_to_nothing_and_up_again(database_url: str) -> None:
    alembic(database_url, "check")
    alembic(database_url, "downgrade", "base")
    connection = await asyncpg.connect(database_url)
    left = await connection.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname NOT LIKE 'alembic%'"
        " UNION ALL SELECT typname FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typtype = 'e'"
        " UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
    )
    await connection.close()

    await migrate(database_url)

    assert left == []
    assert await current_revision(database_url) == SCHEMA_REVISION


async def test_a_new_database_is_migrated_and_then_left_alone(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("CREATE DATABASE from_nothing")
    url = with_database(postgres_url, "from_nothing")
    try:
        assert await current_revision(url) is None
        await migrate(url)
        assert await current_revision(url) == SCHEMA_REVISION
        # A service that starts does not even load what migrates.
        monkeypatch.setattr(migration, "_upgrade_apart", None)
        await migrate(url)
    finally:
        await connection.execute("DROP DATABASE from_nothing WITH (FORCE)")
        await connection.close()


async def test_what_cannot_be_migrated_says_why(postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("CREATE DATABASE taken")
    url = with_database(postgres_url, "taken")
    try:
        other = await asyncpg.connect(url)
        await other.execute("CREATE TABLE users (what text)")
        await other.close()
        with pytest.raises(MigrationFailedError, match=SCHEMA_REVISION) as failed:
            await migrate(url)
        assert "users" in failed.value.message
    finally:
        await connection.execute("DROP DATABASE taken WITH (FORCE)")
        await connection.close()


async def test_a_process_that_migrates_does_not_keep_what_it_took(postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("CREATE DATABASE apart")
    program = (
        "import asyncio, sys\n"
        "from nexgent.infrastructure.database.schema.migration import migrate\n"
        "asyncio.run(migrate(sys.argv[1]))\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules} & {'alembic', 'mako', 'sqlalchemy'}))\n"
    )
    url = with_database(postgres_url, "apart")
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, url, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
        assert process.returncode == 0
        assert output.decode().splitlines()[-1] == ""
        assert await current_revision(url) == SCHEMA_REVISION
    finally:
        await connection.execute("DROP DATABASE apart WITH (FORCE)")
        await connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO agents (id, user_id, name, trading_mode, updated_at) SELECT id, id, 'x', 'paper', now() FROM users",
        "INSERT INTO journal_watermark (id) VALUES (2)",
        "INSERT INTO engine_lease (id) VALUES (65)",
    ],
)
async def test_unknown_modes_and_second_rows_are_refused(database_url: str, statement: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("INSERT INTO users (id, email) VALUES (gen_random_uuid(), 'a@example.com')")
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(statement)
    finally:
        await connection.close()
