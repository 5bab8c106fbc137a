"""Failures as people should see them: one message saying what to do, no stack."""

from __future__ import annotations

import sys
from collections.abc import Callable

import httpx

from nexgent.cli import exit_codes
from nexgent.config.section import SettingsError
from nexgent.infrastructure.embedded import EmbeddedServerError
from nexgent.shared.errors import InvalidInputError, NexgentError


def reported(action: Callable[[], int]) -> int:
    """Run an action; print what went wrong and return the matching exit code."""
    try:
        return action()
    except SettingsError as error:
        print("The settings are not usable:", file=sys.stderr)
        for problem in error.problems:
            print(f"  - {problem}", file=sys.stderr)
        return exit_codes.USAGE
    except InvalidInputError as error:
        print(error.message, file=sys.stderr)
        return exit_codes.USAGE
    except (EmbeddedServerError, NexgentError) as error:
        print(getattr(error, "message", None) or str(error), file=sys.stderr)
        return exit_codes.CANNOT_START
    except httpx.HTTPError as error:
        print(
            f"The service does not answer ({type(error).__name__}). Is it running? See --url.",
            file=sys.stderr,
        )
        return exit_codes.CANNOT_START
    except (ConnectionError, TimeoutError) as error:
        print(
            f"A server cannot be reached: {type(error).__name__}. `nexgent doctor` tells more.",
            file=sys.stderr,
        )
        return exit_codes.CANNOT_START
