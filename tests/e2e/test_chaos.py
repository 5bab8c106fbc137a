"""A short part of the grid of faults; `make chaos` carries out more of it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.chaos.__main__ import options_of, strikes_of
from tests.chaos.grid import DROPS, Fault, Mode, all_cells, part, part_of, sample
from tests.chaos.several import Strike, several_engines
from tests.chaos.world import struck_world

SEED = 1
CELLS = 3
HANG_SECONDS = 2.0
PAUSE_SECONDS = 0.3
"""Between signals for several engines."""


async def test_books_and_chain_agree_after_a_fault_at_any_point(tmp_path: Path) -> None:
    cells = sample(SEED, CELLS)
    wallets = sum(cell.mode is Mode.LIVE for cell in cells)
    async with struck_world(tmp_path, wallets, HANG_SECONDS) as world:
        for cell in cells:
            try:
                await world.run(cell)
            except Exception as error:
                raise AssertionError(f"{cell.title}: {error}") from error


async def test_books_and_chain_agree_after_one_of_several_engines_was_killed(tmp_path: Path) -> None:
    async with several_engines(tmp_path, agents=12, live=1, engines=2, replicas=1, workers=1) as world:
        outcomes = await world.run(Strike.KILL, random.Random(SEED), PAUSE_SECONDS)
    assert outcomes["EXECUTED"] > sum(outcomes.values()) / 2


def test_everything_is_struck_before_anything_is_struck_again() -> None:
    strikes = strikes_of(SEED, 2 * len(Strike) + 1)
    for start in (0, len(Strike)):
        assert set(strikes[start : start + len(Strike)]) == set(Strike)
    assert strikes_of(SEED, 5) == strikes[:5] != strikes_of(SEED + 1, 5)


@pytest.mark.parametrize("seed", range(5))
def test_a_sample_has_every_mode_operation_fault_and_point(seed: int) -> None:
    cells = sample(seed, 20)
    for name in ("mode", "operation", "fault", "point"):
        assert {getattr(cell, name) for cell in cells} == {getattr(cell, name) for cell in all_cells()}


@pytest.mark.parametrize("count", [1, 2, 7, 8, 2000])
def test_parts_have_every_cell_once_and_are_mixed(count: int) -> None:
    cells = all_cells()
    parts = [part(cells, number, count) for number in range(1, count + 1)]
    assert sorted(cell.title for one in parts for cell in one) == sorted(cell.title for cell in cells)
    assert parts[0] == part(all_cells(), 1, count)
    if len(parts[0]) > 100:
        assert all({cell.fault for cell in one} >= set(Fault) - DROPS for one in parts)


@pytest.mark.parametrize("text", ["", "2", "0/3", "4/3", "-1/3", "1/0", "a/b", "1/2/3", "1.5/2", "²/3"])
def test_a_part_that_is_none_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match=r"K/N|does not exist"):
        part_of(text)
    with pytest.raises(SystemExit, match="2"):
        options_of(["--full", f"--part={text}"])
    assert "K of K/N" in (said := capsys.readouterr().err) or "written as K/N" in said


def test_a_part_of_a_sample_needs_to_know_which(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        options_of(["--part=1/2"])
    assert "--full or --seed" in capsys.readouterr().err
    assert options_of(["--part=1/2", "--seed=3"]).part == (1, 2)
    assert options_of(["--part=2/2", "--full"]).part == (2, 2)
