"""Database URLs in all their forms."""

from __future__ import annotations

from typing import Any

import pytest

from nexgent.infrastructure.database.engine import InvalidDatabaseUrlError, normalise_url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "postgres://u:p%40ss@db:6432/nexgent?schema=public",
            {"user": "u", "password": "p@ss", "host": "db", "port": 6432, "database": "nexgent"},
        ),
        ("postgresql://db/nexgent", {"host": "db", "port": 5432, "database": "nexgent"}),
        ("postgresql+asyncpg://[::1]:5433/x", {"host": "::1", "port": 5433}),
        ("postgresql://u@/x?host=/run/pg&port=6000", {"host": "/run/pg", "port": 6000, "user": "u"}),
        ("postgresql://u@/x?host=%2Frun%2Fpg", {"host": "/run/pg", "port": 5432}),
        ("postgresql://db/x?sslmode=require&connection_limit=5", {"ssl": "require"}),
        ("postgresql://db/x?pgbouncer=true", {"statement_cache_size": 0}),
        ("postgresql://db/x?connect_timeout=9", {"timeout": 9.0}),
    ],
)
def test_accepted_forms(url: str, expected: dict[str, Any]) -> None:
    kwargs = normalise_url(url).connect_kwargs

    assert {name: kwargs[name] for name in expected} == expected


def test_another_schema_becomes_the_search_path() -> None:
    kwargs = normalise_url('postgresql://db/x?schema=my"schema').connect_kwargs

    assert kwargs["server_settings"]["search_path"] == '"my""schema"'
    assert (
        "search_path"
        not in normalise_url("postgresql://db/x?schema=public").connect_kwargs["server_settings"]
    )


def test_the_sqlalchemy_url_names_the_same_database() -> None:
    target = normalise_url("postgres://u:secret@db:6432/nexgent?schema=public")

    assert (
        target.sqlalchemy_url.render_as_string(hide_password=False)
        == "postgresql+asyncpg://u:secret@db:6432/nexgent"
    )
    assert "secret" not in repr(target)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql://u:secret@db/x", "must start with"),
        ("", "must start with"),
        ("postgresql://u:secret@db", "names no database"),
        ("postgresql://u:secret@db:port/x", "malformed"),
        ("postgresql://u:secret@db/x?port=99999", "port"),
        ("postgresql://u:secret@db/x?sslmode=maybe", "sslmode"),
        ("postgresql://u:secret@db/x?sslmod=require", "sslmod"),
    ],
)
def test_refused_forms_say_why_and_keep_the_password(url: str, says: str) -> None:
    with pytest.raises(InvalidDatabaseUrlError) as caught:
        normalise_url(url)

    assert says in caught.value.message
    assert "secret" not in caught.value.message
