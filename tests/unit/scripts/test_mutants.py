"""The mistakes that are made on purpose still fit the code they are made in."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import mutants
from scripts.mutants import ROOT, Area, generate, mutated, read_table


def test_every_named_mistake_can_be_made_and_has_its_tests() -> None:
    table = read_table()

    assert len({mutant.name for mutant in table.named}) == len(table.named) >= 20
    for mutant in table.named:
        source = (ROOT / mutants.CODE / mutant.file).read_bytes()
        compile(mutated(source, mutant), mutant.file, "exec")
        assert mutated(source, mutant) != source
    for tests in [*(mutant.tests for mutant in table.named), *(area.tests for area in table.areas)]:
        assert tests
        assert [path for path in tests if not (ROOT / path).exists()] == []


def test_a_mistake_that_does_not_fit_the_code_any_more_is_told(tmp_path: Path) -> None:
    (tmp_path / mutants.CODE).mkdir(parents=True)
    (tmp_path / mutants.CODE / "a.py").write_text("x = 1\nx = 1\n")
    table = tmp_path / "mutants.toml"
    table.write_text('[[mutant]]\nname = "n"\nfile = "a.py"\nold = "x = 1"\nnew = "x = 2"\ntests = []\n')

    with pytest.raises(ValueError, match="is 2 times in a"):
        read_table(table, tmp_path)


def test_small_mistakes_are_made_up_where_something_is_decided(tmp_path: Path) -> None:
    code = tmp_path / mutants.CODE
    code.mkdir(parents=True)
    (code / "a.py").write_text(
        '"""Text."""\n\n'
        "def f(a: int, b: int) -> int:\n"
        "    log.info('x', n=1)\n"
        "    if not a <= b and b:\n"
        "        go(a)\n"
        "    return a + 1\n"
    )

    found = list(generate(Area("a.py", ("tests",)), tmp_path))
    made = {mutated((code / "a.py").read_bytes(), mutant).decode().split("\n", 4)[4] for mutant in found}

    assert made == {
        "    if not a < b and b:\n        go(a)\n    return a + 1\n",
        "    if not a <= b or b:\n        go(a)\n    return a + 1\n",
        "    if (a <= b) and b:\n        go(a)\n    return a + 1\n",
        "    if (not (not a <= b and b)):\n        go(a)\n    return a + 1\n",
        "    if not a <= b and b:\n        pass\n    return a + 1\n",
        "    if not a <= b and b:\n        go(a)\n    return a - 1\n",
        "    if not a <= b and b:\n        go(a)\n    return a + 2\n",
    }
