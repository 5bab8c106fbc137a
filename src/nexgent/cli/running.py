"""Run an asynchronous command with the fast event loop and the product's logging, and without core dumps."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from nexgent.bootstrap.limits import forbid_memory_dumps
from nexgent.cli import exit_codes
from nexgent.config.sections import LogFormat
from nexgent.config.settings import Settings
from nexgent.infrastructure.logging.setup import configure_logging
from nexgent.shared.event_loop import run_in_loop
from nexgent.shared.money import install_decimal_context

T = TypeVar("T")

CANCEL_AGAIN_SECONDS = 0.5


def run_async(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, on uvloop where there is one."""
    install_decimal_context()
    forbid_memory_dumps()
    return run_in_loop(main)


def end_on_signals() -> None:
    """Cancel the present task on SIGINT and SIGTERM, and again until it has ended.

    Also where a script has started the command in the background: its shell has it ignore SIGINT, and Python keeps to that.
    """
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None

    def cancel() -> None:
        if not task.done():
            task.cancel()
            loop.call_later(CANCEL_AGAIN_SECONDS, cancel)

    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, cancel)


def load_settings(*, level: str | None = None, without: Callable[[str], bool] | None = None) -> Settings:
    """Read the settings, except for what `without` names, and set up logging. Raises `SettingsError`."""
    settings = Settings.load(without=without)
    console = settings.logging.format is LogFormat.CONSOLE or (
        settings.logging.format is LogFormat.AUTO and sys.stdout.isatty() and not settings.server.production
    )
    configure_logging(
        level=level or settings.logging.level.value,
        json_lines=not console,
        environment=settings.server.environment.value,
    )
    return settings


def answer(
    arguments: argparse.Namespace,
    act: Callable[[argparse.Namespace, Settings], Coroutine[Any, Any, tuple[Sequence[str], object] | None]],
) -> int:
    """Do what was asked and print the answer: lines for people, or with `--json` the document. Return the exit code.

    There is no answer when somebody was asked back and thought better of it.
    """
    done = run_async(act(arguments, load_settings(level="error")))
    if done is None:
        return exit_codes.FAILURE
    lines, document = done
    print(json.dumps(document, indent=2) if arguments.json else "\n".join(lines))
    return exit_codes.OK
