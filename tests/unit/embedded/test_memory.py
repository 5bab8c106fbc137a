"""How much of the memory there is PostgreSQL gets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nexgent.infrastructure.embedded.memory import memory_bytes, shared_buffers_mb

GB = 2**30


@pytest.mark.parametrize(
    ("memory", "megabytes"),
    [(0, 96), (GB, 96), (2 * GB - 1, 127), (2 * GB, 128), (4 * GB, 256), (8 * GB, 512), (64 * GB, 512)],
)
def test_it_gets_a_sixteenth_within_bounds(memory: int, megabytes: int) -> None:
    assert shared_buffers_mb(memory) == megabytes


def test_a_container_has_what_it_is_limited_to(tmp_path: Path) -> None:
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = tmp_path / "memory.max"

    assert memory_bytes(limit) == machine
    limit.write_text("max\n")
    assert memory_bytes(limit) == machine
    limit.write_text("536870912\n")
    assert memory_bytes(limit) == 536_870_912
    limit.write_text(f"{machine * 2}\n")
    assert memory_bytes(limit) == machine


def test_a_machine_that_does_not_tell_has_none_to_spare(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def untold(_name: str) -> int:
        raise ValueError("unrecognized configuration name")

    monkeypatch.setattr(os, "sysconf", untold)

    assert memory_bytes(tmp_path / "memory.max") == 0
