"""A short part of the grid of faults; `make chaos` carries out more of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.grid import Mode, all_cells, sample
from tests.chaos.world import struck_world

SEED = 1
CELLS = 3
HANG_SECONDS = 2.0


async def test_books_and_chain_agree_after_a_fault_at_any_point(tmp_path: Path) -> None:
    cells = sample(SEED, CELLS)
    wallets = sum(cell.mode is Mode.LIVE for cell in cells)
    async with struck_world(tmp_path, wallets, HANG_SECONDS) as world:
        for cell in cells:
            try:
                await world.run(cell)
            except Exception as error:
                raise AssertionError(f"{cell.title}: {error}") from error


@pytest.mark.parametrize("seed", range(5))
def test_a_sample_has_every_mode_operation_fault_and_point(seed: int) -> None:
    cells = sample(seed, 20)
    for part in ("mode", "operation", "fault", "point"):
        assert {getattr(cell, part) for cell in cells} == {getattr(cell, part) for cell in all_cells()}
