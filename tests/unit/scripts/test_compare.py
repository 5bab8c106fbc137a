"""Two commits are held against each other under the same load, and only what repeats counts."""

from __future__ import annotations

import pytest

from benchmarks.compare import ROOT, NotComparableError, Ratio, commit_of, judged, main, ratios, worse


def a_ratio(name: str, median: float) -> Ratio:
    return Ratio(name, 1.0, median, median, median, median)


def test_ratios_are_taken_turn_by_turn() -> None:
    # The machine grew slower meanwhile: the ratio did not.
    before = [{"a": 1.0, "gone": 1.0}, {"a": 2.0, "gone": 1.0}, {"a": 10.0, "gone": 1.0}]
    after = [{"a": 2.0, "new": 1.0}, {"a": 4.0, "new": 1.0}, {"a": 30.0, "new": 1.0}]

    (found,) = ratios(before, after)

    assert found == Ratio("a", 2.0, 4.0, 2.0, 2.0, 3.0)
    assert worse([found, a_ratio("b", 1.5)]) == {"a"}


@pytest.mark.parametrize(("second", "slower"), [(1.4, set()), (1.6, {"a"})])
def test_what_is_slower_once_is_measured_again(second: float, slower: set[str]) -> None:
    runs = iter([[a_ratio("a", 1.9), a_ratio("b", 1.0)], [a_ratio("a", second), a_ratio("b", 3.0)]])

    assert judged(lambda: next(runs), again=True) == slower
    assert list(runs) == []


def test_what_is_not_slower_is_measured_once_and_by_hand_nothing_is_judged() -> None:
    runs = iter([[a_ratio("a", 1.2)], [a_ratio("a", 9.0)]])

    assert judged(lambda: next(runs), again=True) == set()
    assert judged(lambda: next(runs), again=False) == set()


def test_without_an_earlier_commit_the_gate_says_so_and_passes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NotComparableError, match="no commit"):
        commit_of("no-such-commit")

    assert main(["--gate", "no-such-commit"]) == 0
    assert main(["no-such-commit"]) == 2
    assert "nothing compared: there is no commit no-such-commit" in capsys.readouterr().err


def test_the_gate_compares() -> None:
    lines = (ROOT / "Makefile").read_text().splitlines()
    gate = lines.index(next(line for line in lines if line.startswith("gate:")))
    assert lines[gate + 1].strip() == "$(BIN)/python -m benchmarks.compare --gate"
