"""What one test configures, the next one does not inherit."""

from __future__ import annotations

import io
import logging

import structlog
from structlog.testing import capture_logs

from nexgent.infrastructure.logging.setup import configure_logging

log = structlog.get_logger(__name__)


def test_a_command_that_a_test_runs_may_hide_what_is_not_an_error() -> None:
    configure_logging(level="error", json_lines=True, environment="test", stream=io.BytesIO())


def test_it_is_not_hidden_from_the_next_test() -> None:
    with capture_logs() as seen:
        log.info("said.in_the_next_test")

    assert [entry["event"] for entry in seen] == ["said.in_the_next_test"]


def test_a_logger_that_spoke_while_it_was_configured_is_seen_afterwards() -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure_logging(level="error", json_lines=True, environment="test", stream=io.BytesIO())
    log.error("said.by_the_configured")
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)

    with capture_logs() as seen:
        log.info("said.afterwards")

    assert [entry["event"] for entry in seen] == ["said.afterwards"]
