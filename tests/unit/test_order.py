"""Files begin in an order in which those that wait run beside those that compute, and those of a group follow each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from tests.order import COMPUTE_SECONDS, TOGETHER, WAIT_SECONDS, Scheduling, group, places

_TESTS = Path(__file__).resolve().parents[1]
_FILES = {file.relative_to(_TESTS).as_posix() for file in _TESTS.rglob("test_*.py")}


def in_turn(files: set[str]) -> list[str]:
    by_name = places(files)
    return sorted(files, key=lambda file: by_name[file])


def test_whatever_is_named_is_a_file() -> None:
    named = [*WAIT_SECONDS, *COMPUTE_SECONDS, *(file for files in TOGETHER for file in files)]

    assert [name for name in named if name not in _FILES] == []
    assert WAIT_SECONDS.keys().isdisjoint(COMPUTE_SECONDS)


def test_all_files_have_a_turn_and_those_of_a_group_follow_each_other() -> None:
    order = in_turn(_FILES)

    assert set(order) == _FILES
    units = [group(file) for file in order]
    assert sum(one != before for before, one in zip(["", *units], units, strict=False)) == len(set(units))


def test_the_longest_of_each_kind_begin() -> None:
    units = list(dict.fromkeys(group(file) for file in in_turn(_FILES)))

    for seconds in (WAIT_SECONDS, COMPUTE_SECONDS):
        took = [seconds[unit] for unit in units if unit in seconds]
        assert took == sorted(seconds.values(), reverse=True)


def test_a_file_is_not_further_ahead_of_the_other_kind_than_it_is_long() -> None:
    order = [unit for unit in in_turn(_FILES) if unit in WAIT_SECONDS or unit in COMPUTE_SECONDS]

    def share(seconds: Mapping[str, int], begun: list[str]) -> float:
        return sum(seconds.get(unit, 0) for unit in begun) / sum(seconds.values())

    longest = sum(
        max(seconds.values()) / sum(seconds.values()) for seconds in (WAIT_SECONDS, COMPUTE_SECONDS)
    )
    apart = [
        abs(share(WAIT_SECONDS, order[:begun]) - share(COMPUTE_SECONDS, order[:begun]))
        for begun in range(len(order))
    ]
    # Those that are not named count as well.
    assert max(apart) < longest + 0.1


class Process:
    """A test process as the scheduler sees it: what it was told to run, in turn."""

    def __init__(self) -> None:
        self.gateway = SimpleNamespace(id="a process")
        self.told: list[int] = []
        self.shutting_down = False

    def send_runtest_some(self, indices: Sequence[int]) -> None:
        self.told += indices

    def shutdown(self) -> None:
        self.shutting_down = True


def handed_out(tests: Sequence[str], processes: int) -> tuple[Any, list[Process]]:
    """Return the scheduler of some tests, which it has begun to hand out, and the processes."""
    options = {"tx": ["popen"] * processes}
    config: Any = SimpleNamespace(
        getvalue=options.__getitem__, option=SimpleNamespace(loadscopereorder=False)
    )
    log: Any = MagicMock()
    scheduling = Scheduling(config, log)
    nodes = [Process() for _ in range(processes)]
    for node in nodes:
        scheduling.add_node(node)
        scheduling.add_node_collection(node, tests)
    scheduling.schedule()
    return scheduling, nodes


def test_a_file_is_handed_out_when_the_one_before_has_one_test_left() -> None:
    tests = [f"tests/unit/test_{file}.py::test_{number}" for file in "abc" for number in range(3)]
    scheduling, [first, second] = handed_out(tests, 2)

    assert (first.told, second.told) == ([0, 1, 2], [3, 4, 5])
    scheduling.mark_test_complete(first, 0)
    assert first.told == [0, 1, 2]
    scheduling.mark_test_complete(first, 1)
    assert first.told == [0, 1, 2, 6, 7, 8]
    scheduling.mark_test_complete(second, 3)
    assert second.shutting_down


@pytest.mark.parametrize("left", [1, 2])
def test_what_a_process_that_died_had_left_is_done_by_the_next_and_nothing_twice(left: int) -> None:
    tests = [f"tests/unit/test_{file}.py::test_{number}" for file in "abc" for number in range(3)]
    scheduling, [first, second] = handed_out(tests, 2)
    for test in (0, 1, 2, *(6, 7, 8)[: 3 - left]):
        scheduling.mark_test_complete(first, test)
    for test in (3, 4, 5):
        scheduling.mark_test_complete(second, test)

    assert scheduling.remove_node(first) == tests[9 - left]
    another = Process()
    scheduling.add_node(another)
    scheduling.add_node_collection(another, tests)
    scheduling.schedule()

    assert another.told == [6, 7, 8][3 - left :]
    # A process begins its last test when it knows that it is the last.
    for test in another.told[:-1]:
        scheduling.mark_test_complete(another, test)
    assert another.shutting_down


def test_files_of_a_group_are_handed_out_at_once() -> None:
    tests = [f"tests/{file}::test" for file in (*TOGETHER[0], "unit/test_a.py", "unit/test_b.py")]
    _, [first, second] = handed_out(tests, 2)

    assert first.told == list(range(len(TOGETHER[0])))
    assert second.told == [len(TOGETHER[0]), len(TOGETHER[0]) + 1]
