"""Backups in object stores and on other machines, by address: `s3://bucket/name`, and whatever else fsspec knows.

`fsspec` and the library of a store come with extras (`nexgent[s3]`), so they are imported when an address is used. Keys are taken
from where that library looks for them (for S3: `AWS_ACCESS_KEY_ID` and the others, `AWS_ENDPOINT_URL` for a store that is not
Amazon's), never from the settings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any

from nexgent.shared.errors import (
    InvalidInputError,
    NexgentError,
    UnavailableError,
)

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://")
_HERE = ("file://", "local://", "memory://")
"""What fsspec knows and is no other place: files that others may read, and what ends with the command."""


def is_address(name: str) -> bool:
    """Tell whether a name is the address of a store, and no path of this machine."""
    return _ADDRESS.match(name) is not None


@contextmanager
def written(address: str) -> Iterator[IO[bytes]]:
    """Yield what to write to. The object is there when it is whole; what was not finished is taken back.

    Raises `InvalidInputError` when there is one already, and for an address nobody can use, `UnavailableError` when the store
    does not answer or refuses.
    """
    with _told_as_ours(address):
        store, path = _store(address)
        if store.exists(path):
            raise InvalidInputError(
                f"{shown(address)} exists already; choose another name. Nothing was done."
            )
        file = store.open(path, "wb", autocommit=False)
    try:
        yield file
        with _told_as_ours(address):
            file.close()
            file.commit()
    except BaseException:
        # Whatever goes wrong now is not what went wrong.
        with suppress(Exception):
            file.discard()
        # When it is forgotten it would be finished after all.
        file.closed = True
        raise


@contextmanager
def read(address: str) -> Iterator[IO[bytes]]:
    """Yield what to read from. Raises `InvalidInputError` when it is not there, and otherwise as `written` does."""
    with _told_as_ours(address):
        store, path = _store(address)
        file = store.open(path, "rb")
    with file:
        yield file


def size(address: str) -> int | None:
    """Return how many bytes an object has, None where there is none. Raises as `written` does."""
    with _told_as_ours(address):
        store, path = _store(address)
        return int(store.size(path)) if store.exists(path) else None


def shown(address: str) -> str:
    """Return an address without the login that may be in it.

    A password may hold whatever ends a login for whoever reads addresses, so where there may be one nothing is shown before the
    last `@`. A user alone ends where addresses say.
    """
    if not is_address(address):
        return address
    scheme, _, rest = address.partition("://")
    place = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if ":" in place:
        return f"{scheme}://{rest.rpartition('@')[2]}"
    return f"{scheme}://{place.rpartition('@')[2]}{rest[len(place) :]}"


def _store(address: str) -> tuple[Any, str]:
    if address.startswith(_HERE):
        raise InvalidInputError(f"{shown(address)} is on this machine: give the path of a file.")
    try:
        from fsspec.core import url_to_fs  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra
    except ImportError:
        raise InvalidInputError(
            "Backups to an address need a library of their own: install nexgent[s3], or fsspec and what the store needs."
        ) from None
    store, path = url_to_fs(address)
    return store, path


@contextmanager
def _told_as_ours(address: str) -> Iterator[None]:
    """Turn what the libraries of stores raise, which is anything, into errors that say whose fault it may be."""
    name = shown(address)
    try:
        yield
    except NexgentError:
        raise
    except ImportError as error:
        raise InvalidInputError(f"{name} needs a library that is not installed: {error}") from None
    except ValueError as error:
        raise InvalidInputError(f"{name} is no address that can be used: {error}") from None
    except FileNotFoundError:
        raise InvalidInputError(f"There is no {name}, or no such bucket.") from None
    except PermissionError:
        raise UnavailableError(
            f"{name} is refused: the keys in the environment are not right for it."
        ) from None
    except Exception as error:  # each library has classes of its own, which are not imported here
        raise UnavailableError(f"{name} cannot be reached: {type(error).__name__}") from None
