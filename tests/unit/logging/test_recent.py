"""Warnings that are remembered for the administrator: without secrets, and within bounds."""

from __future__ import annotations

import io
import logging

import pytest
import structlog

from nexgent.infrastructure.logging.recent import (
    MOST_CHARACTERS,
    MOST_FIELDS,
    MOST_KINDS,
    RecentWarnings,
    recent_warnings,
)
from nexgent.infrastructure.logging.setup import configure_logging
from tests.unit.logging.test_logging import lines

__all__ = ["lines"]


@pytest.mark.parametrize("json_lines", [True, False])
@pytest.mark.usefixtures("lines")
def test_warnings_and_errors_are_remembered_without_secrets(json_lines: bool) -> None:
    configure_logging(level="info", json_lines=json_lines, environment="test", stream=io.BytesIO())
    assert recent_warnings() == []
    log = structlog.get_logger()

    log.info("all.well")
    log.warning("feed.failed", source="jupiter")
    log.warning("feed.failed", source="dexscreener")
    try:
        raise ValueError("no such thing")
    except ValueError:
        log.exception("job.failed", job="snapshots")
    logging.getLogger("library").error("It said %s", "this")

    library, job, feed = recent_warnings()
    assert (feed.event, feed.level, feed.count, feed.fields) == (
        "feed.failed",
        "warning",
        2,
        {"source": "dexscreener"},
    )
    assert feed.first_at <= feed.last_at
    assert (job.level, job.fields) == ("error", {"job": "snapshots", "error": "ValueError: no such thing"})
    assert (library.event, library.level) == ("It said this", "error")


@pytest.mark.usefixtures("lines")
def test_secrets_are_hidden_before_anything_is_remembered() -> None:
    configure_logging(level="info", json_lines=True, environment="test", stream=io.BytesIO())

    structlog.get_logger().warning(
        "x", api_key="of somebody", url="https://me:secret@example.com/?token=abcdef"
    )

    [one] = recent_warnings()
    assert one.fields["api_key"] == "[hidden]"
    assert "secret" not in one.fields["url"]
    assert "abcdef" not in one.fields["url"]


def test_memory_is_bounded() -> None:
    recent = RecentWarnings()
    for number in range(MOST_KINDS + 5):
        recent(None, "warning", {"event": f"kind {number}"})
    recent(None, "warning", {"event": "kind 5", **{f"field {n}": "x" * 10_000 for n in range(100)}})

    kinds = recent.newest_first()

    assert len(kinds) == MOST_KINDS
    assert (kinds[0].event, kinds[0].count) == ("kind 5", 2)
    assert "kind 4" not in {one.event for one in kinds}
    assert len(kinds[0].fields) == MOST_FIELDS
    assert {len(text) for text in kinds[0].fields.values()} == {MOST_CHARACTERS}
