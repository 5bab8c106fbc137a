"""Failures as people should see them: one message saying what to do, no stack. This is the one place that makes them."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable

import asyncpg
import httpx
from pydantic import ValidationError
from redis.exceptions import RedisError

from nexgent.cli import exit_codes
from nexgent.cli.hints import as_typed
from nexgent.config.section import SettingsError
from nexgent.shared.errors import InvalidInputError, NexgentError


def reported(action: Callable[[], int]) -> int:
    """Run an action; print what went wrong and return the matching exit code."""
    try:
        return action()
    except BrokenPipeError:
        # Whoever read our lines has had enough; Python's own flush at exit must not complain about it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exit_codes.OK
    except Exception as error:
        message, code = explained(error)
        print(as_typed(message), file=sys.stderr)
        if code is None:
            _show_stack_to_developers()
        return exit_codes.CANNOT_START if code is None else code


def explained(error: Exception) -> tuple[str, int | None]:
    """Return what to tell about a failure, and the exit code; None for the code when nobody expected such a failure."""
    match error:
        case SettingsError():
            return "\n  - ".join(("The settings are not usable:", *error.problems)), exit_codes.USAGE
        case ValidationError():
            return _invalid(error), exit_codes.USAGE
        case InvalidInputError():
            return error.message, exit_codes.USAGE
        case NexgentError():
            return error.message, exit_codes.CANNOT_START
        case httpx.HTTPError() | httpx.InvalidURL():
            return f"A service does not answer ({_kind(error)}). `nexgent doctor` tells more.", _CANNOT
        case asyncpg.PostgresError() | asyncpg.InterfaceError():
            where = "PostgreSQL (DATABASE_URL, or the embedded one)"
            return f"{where} refused: {_kind(error)}. `nexgent doctor` tells more.", _CANNOT
        case RedisError():
            where = "Redis (REDIS_URL or REDIS_HOST, or the embedded one)"
            return f"{where} cannot be used: {_kind(error)}. `nexgent doctor` tells more.", _CANNOT
        case EOFError():
            return "Nobody is there to be asked: standard input has ended.", exit_codes.USAGE
        case ConnectionError() | TimeoutError():
            return f"A server cannot be reached: {_system(error)}. `nexgent doctor` tells which.", _CANNOT
        case OSError():
            return f"The operating system refused: {_system(error)}.", _CANNOT
        case ExceptionGroup():
            # The first of several that fell together; the others are mostly its consequences.
            return explained(error.exceptions[0])
        case _:
            defect = f"This should not have happened: {_kind(error)}. It is a defect of nexgent"
            return f"{defect}; the same command with LOG_LEVEL=debug shows where.", None


_CANNOT = exit_codes.CANNOT_START


def _kind(error: Exception) -> str:
    """Return the kind of a foreign failure. Its text stays here: it may quote an address with a password."""
    return type(error).__name__


def _system(error: OSError) -> str:
    """Return what the operating system said and about which file; it knows no secrets of ours."""
    said = error.strerror or _kind(error)
    return f"{said} ({error.filename})" if error.filename else said


def _invalid(error: ValidationError) -> str:
    """Return which values a section of settings does not take, by the names people set them with."""
    section = error.title.removesuffix("Settings").upper()
    lines = ["The settings are not usable:"]
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        name = "_".join((section, *(str(part).upper() for part in problem["loc"])))
        lines.append(f"  - {name}: {problem['msg'][0].lower()}{problem['msg'][1:]}.")
    return "\n".join(lines)


def _show_stack_to_developers() -> None:
    if os.environ.get("LOG_LEVEL", "").strip().lower() == "debug":
        traceback.print_exc()
