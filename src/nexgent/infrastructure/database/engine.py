"""Ways into PostgreSQL: one URL in any usual form, giving what asyncpg and SQLAlchemy need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

import asyncpg

from nexgent.shared.errors import InvalidInputError, UnavailableError

if TYPE_CHECKING:
    from sqlalchemy import URL

_SCHEMES = frozenset(
    {"postgres", "postgresql", "postgresql+asyncpg", "postgresql+psycopg", "postgresql+psycopg2"}
)
_SSL_MODES = frozenset({"disable", "allow", "prefer", "require", "verify-ca", "verify-full"})
# Parameters of ORMs and other drivers that say nothing about where the database is.
_IGNORED = frozenset(
    {
        "connection_limit",
        "pool_timeout",
        "socket_timeout",
        "statement_cache_size",
        "channel_binding",
        "gssencmode",
    }
)
CONNECT_TIMEOUT_SECONDS = 5.0
COMMAND_TIMEOUT_SECONDS = 30.0


class InvalidDatabaseUrlError(InvalidInputError):
    """The database URL cannot be used. The message never contains the URL: it may hold a password."""

    code = "INVALID_DATABASE_URL"


class DatabaseUnreachableError(UnavailableError):
    """PostgreSQL does not let us in at all; the message says which server, and what to do. It never holds a password."""

    code = "DATABASE_UNREACHABLE"


@dataclass(frozen=True, slots=True)
class DatabaseTarget:
    """A database: `connect_kwargs` are arguments of `asyncpg.connect`.

    A SQLAlchemy engine needs them as its `connect_args` as well, because a URL cannot say everything (socket folders, search
    path).
    """

    connect_kwargs: Mapping[str, Any] = field(repr=False)

    @property
    def place(self) -> str:
        """Where it is, for people: no user, no password."""
        host, database = self.connect_kwargs["host"], self.connect_kwargs["database"]
        where = host if host.startswith("/") else f"{host}:{self.connect_kwargs['port']}"
        return f"{where}, database {database!r}"

    @property
    def sqlalchemy_url(self) -> URL:
        """The same database for SQLAlchemy, which is loaded only where it is used: migrations. It takes 25 MB of memory."""
        from sqlalchemy import URL  # noqa: PLC0415

        kwargs = self.connect_kwargs
        in_folder = kwargs["host"].startswith("/")
        return URL.create(
            "postgresql+asyncpg",
            username=kwargs.get("user"),
            password=kwargs.get("password"),
            host=None if in_folder else kwargs["host"],
            port=None if in_folder else kwargs["port"],
            database=kwargs["database"],
        )


def normalise_url(database_url: str) -> DatabaseTarget:
    """Read a database URL.

    Accepted: `postgres://`, `postgresql://` and `postgresql+asyncpg://`; `?host=/folder` (a Unix socket) with an optional
    `?port=`; `?schema=` (its tables are used); `?sslmode=`; `?pgbouncer=true`; `?application_name=`; `?connect_timeout=`.
    Raises `InvalidDatabaseUrlError` saying what is wrong.
    """
    try:
        parts = urlsplit(database_url.strip())
        url_port = parts.port
    except ValueError:
        raise InvalidDatabaseUrlError(
            "DATABASE_URL cannot be read: host or port are malformed (special characters in a password must be percent-encoded)"
        ) from None
    if parts.scheme not in _SCHEMES:
        raise InvalidDatabaseUrlError("DATABASE_URL must start with postgresql:// or postgres://")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    database = unquote(parts.path.lstrip("/"))
    if not database:
        raise InvalidDatabaseUrlError(
            "DATABASE_URL names no database: postgresql://user:password@host:port/database"
        )
    host = query.pop("host", "") or (unquote(parts.hostname) if parts.hostname else "") or "localhost"
    port = _number("port", query.pop("port", "") or str(url_port or 5432))
    user = unquote(parts.username) if parts.username else query.pop("user", "") or None
    password = unquote(parts.password) if parts.password else query.pop("password", "") or None

    kwargs: dict[str, Any] = {
        "host": host,
        "port": port,
        "database": database,
        "timeout": CONNECT_TIMEOUT_SECONDS,
        "command_timeout": COMMAND_TIMEOUT_SECONDS,
    }
    if user is not None:
        kwargs["user"] = user
    if password is not None:
        kwargs["password"] = password
    server_settings = {"application_name": query.pop("application_name", "nexgent")}
    schema = query.pop("schema", "public") or "public"
    if schema != "public":
        server_settings["search_path"] = quoted(schema)
    kwargs["server_settings"] = server_settings
    _take_options(query, kwargs)
    unknown = sorted(set(query) - _IGNORED)
    if unknown:
        raise InvalidDatabaseUrlError(f"DATABASE_URL has unknown parameters: {', '.join(unknown)}")
    return DatabaseTarget(kwargs)


def quoted(*names: str) -> str:
    """Return names as PostgreSQL reads them, whatever is in them, with commas in between."""
    return ", ".join('"' + name.replace('"', '""') + '"' for name in names)


def _take_options(query: dict[str, str], kwargs: dict[str, Any]) -> None:
    if ssl_mode := query.pop("sslmode", ""):
        if ssl_mode not in _SSL_MODES:
            raise InvalidDatabaseUrlError(
                f"sslmode in DATABASE_URL must be one of {', '.join(sorted(_SSL_MODES))}"
            )
        kwargs["ssl"] = ssl_mode
    if timeout := query.pop("connect_timeout", ""):
        kwargs["timeout"] = float(_number("connect_timeout", timeout)) or CONNECT_TIMEOUT_SECONDS
    if query.pop("pgbouncer", "").lower() in {"true", "1"}:
        # A pooler in transaction mode gives each transaction another server session: prepared statements get lost.
        kwargs["statement_cache_size"] = 0


def _number(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise InvalidDatabaseUrlError(f"{name} in DATABASE_URL must be a number up to 65535")
    return int(text)


async def first_connection(
    database_url: str, *, command_timeout: float | None = COMMAND_TIMEOUT_SECONDS
) -> asyncpg.Connection[asyncpg.Record]:
    """Connect where nobody has connected before. Raises `DatabaseUnreachableError`, which is for the person who set it up."""
    target = normalise_url(database_url)
    try:
        return await asyncpg.connect(**{**target.connect_kwargs, "command_timeout": command_timeout})
    except (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError):
        problem = "refuses the login; check user and password in DATABASE_URL"
    except asyncpg.InvalidCatalogNameError:
        problem = "has no such database; create it, or correct DATABASE_URL"
    except asyncpg.CannotConnectNowError:
        problem = "is just starting or stopping; try again in a moment"
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        said = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
        problem = f"cannot be reached ({said}); does it run, and is DATABASE_URL right?"
    raise DatabaseUnreachableError(f"PostgreSQL at {target.place} {problem}")
