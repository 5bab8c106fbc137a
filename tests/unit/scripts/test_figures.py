"""The figures of our own times: kept by name with where they are from, and shown in the documents as they are kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.figures import (
    AFTER_A_REST,
    AWAKE,
    ENGINES,
    FLOOR,
    FRAME,
    LEAST,
    REST,
    WAY,
    Figure,
    keep,
    of_runs,
    read,
)
from benchmarks.table import Row
from scripts.figures import (
    DOCUMENTS,
    LINES,
    ROOT,
    STAGES,
    STEPS,
    budget,
    engines,
    limits,
    main,
    rest,
    table,
    takeovers,
    way,
    with_tables,
)

PLACE = "before\n<!-- figures: made by `make figures` -->\n\nold\n\n<!-- end of figures -->\nafter\n"


def figures_of(
    *runs: float, name: str = "GET health/live, 16 connections", day: str = "2026-11-29"
) -> list[Figure]:
    rows = [[Row(name, value, "/s", 1_000, more_is_better=True)] for value in runs]
    return of_runs(rows, measured_on=day, where="2 × Fast", busy=0.1)


def test_a_figure_is_the_median_of_its_runs_with_how_far_they_lie_apart() -> None:
    (figure,) = figures_of(3_000, 9_000, 4_000)

    assert (figure.median, figure.lowest, figure.highest, figure.runs) == (4_000, 3_000, 9_000, 3)
    assert (figure.times_better, figure.load, figure.machine) == (4.0, 0.1, "2 × Fast")


def test_what_is_measured_anew_replaces_its_figures_and_no_others(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    keep([*figures_of(1), *figures_of(2, name="b")], path)

    keep(figures_of(3, name="b", day="2026-12-01"), path)

    found = read(path)
    assert [(one.name, one.median, one.measured_on) for one in found.values()] == [
        ("GET health/live, 16 connections", 1, "2026-11-29"),
        ("b", 3, "2026-12-01"),
    ]
    assert len(path.read_text().splitlines()) == 4


def test_the_table_says_median_spread_ratio_and_where_it_is_from() -> None:
    lines = table(figures_of(3_000, 9_000, 4_000))

    assert lines[2:] == [
        "| `GET /health/live`, 16 connections | 4 000 a second | 3 000–9 000 | 4.0 |",
        "",
        "29 November 2026, 2 × Fast, client, sandbox and servers on the same machine; 3 runs, load 0.1 before.",
    ]


def test_what_is_less_than_one_keeps_two_digits() -> None:
    lines = table(figures_of(0.0194, 0.252, 0.4851))

    assert lines[2].split(" | ")[1:3] == ["0.25 a second", "0.019–0.49"]


def test_a_spread_that_nobody_noted_is_not_made_up() -> None:
    (figure,) = figures_of(3_000)
    taken_over = replace(figure, lowest=None, highest=None, runs=2, load=None, remark="Typed.")

    assert "| not noted |" in table([figure])[2]
    assert "| not noted |" in table([taken_over])[2]
    assert table([taken_over])[-1].endswith("2 runs. Typed.")


def test_a_line_whose_figures_are_missing_is_left_out_and_the_newest_of_a_kind_counts() -> None:
    names = LINES[3].names
    assert len(table([*figures_of(1, name=names[0])])) == 3
    found = table(
        [
            *figures_of(1, name=names[0]),
            *figures_of(5_000, name="GET positions, 20 open", day="2026-11-01"),
            *figures_of(6_000, name="GET positions, 24 open"),
        ]
    )
    assert "1.0 / 6 000 a second" in found[2]


def test_only_the_table_of_a_document_is_written() -> None:
    made = with_tables(PLACE, [["| new |"]])

    assert made == PLACE.replace("old", "| new |")
    assert with_tables(made, [["| new |"]]) == made
    assert with_tables(PLACE + PLACE, [["1"], ["2"]]) == PLACE.replace("old", "1") + PLACE.replace("old", "2")
    for document, tables in (("nothing", [["1"]]), (PLACE, []), (PLACE, [["1"], ["2"]])):
        with pytest.raises(ValueError, match="places for"):
            with_tables(document, tables)


def test_the_budget_has_a_line_for_each_stage_that_was_measured_with_its_floor() -> None:
    name = f"CPU of a trade: {STAGES[1].name}"
    lines = budget([*figures_of(20, 22, 18, name=name), *figures_of(1, name=f"{name}, floor")])

    assert lines[2].startswith(f"| {STAGES[1].label} | 20 µs | 18–22 | 1.0 µs |")
    assert lines[3] == ""
    assert "| 20 µs | 18–22 | – |" in budget(figures_of(20, 22, 18, name=name))[2]


def test_the_way_of_a_signal_has_a_line_for_each_step_with_its_least_and_its_median() -> None:
    name = f"{WAY}{STEPS[4].name}"
    figures = [
        figure
        for end, value in (("", 0.8), (LEAST, 0.371), (FLOOR, 0.5), (FLOOR + LEAST, 0.275))
        for figure in figures_of(value, name=name + end)
    ]

    assert way(figures)[2:4] == [
        f"| {STEPS[4].label} | 0.37 ms (0.80 ms) | 0.28 ms (0.50 ms) | {STEPS[4].floor} |",
        "",
    ]


def test_waking_up_has_a_line_for_each_step_and_leaves_out_what_was_not_measured() -> None:
    name = f"{REST}an empty endpoint"
    figures = [*figures_of(0.6, name=name), *figures_of(1.6, name=name + AFTER_A_REST)]

    assert rest(figures)[2:4] == ["| an empty endpoint | 0.60 ms | 1.6 ms | – |", ""]
    assert "| 1.6 ms | 1.3 ms |" in rest([*figures, *figures_of(1.3, name=name + AWAKE)])[2]


def of_engines(agents: int, setting: str, spent: float) -> list[Figure]:
    name = f"{ENGINES}{agents} agents, {setting}: "
    return [
        *figures_of(spent, name=f"{name}purchase, all engines"),
        *figures_of(spent / 2, name=f"{name}purchase, engine with most"),
        *figures_of(250, name=f"{name}purchases"),
    ]


def test_engines_have_a_table_for_each_number_of_agents() -> None:
    lines = engines(
        [*of_engines(3000, "one", 400), *of_engines(200, "one", 500), *of_engines(200, "shared, 3", 600)]
    )

    assert lines[0] == "200 agents:"
    assert lines[4:6] == [
        "| `ENGINES=one` | 500 µs | 250 µs | – | – | – | – | 250 |",
        "| shared, 3 | 600 µs | 300 µs | – | – | – | – | 250 |",
    ]
    assert lines[9] == "3000 agents:"
    assert engines([]) == []


def test_takeovers_have_their_median_and_their_worst() -> None:
    figures = [
        figure
        for kind, seconds in (("killed", 0.5), ("frozen", 10.0))
        for what in ("others have its shards", "first decision there", "all decisions there")
        for end, times in (("p50", 1), ("p99", 2))
        for figure in figures_of(seconds * times, name=f"{ENGINES}one of three is {kind}: {what}, {end}")
    ]

    assert takeovers(figures)[2:4] == [
        "| killed | 0.5 s (1.0 s) | 0.5 s (1.0 s) | 0.5 s (1.0 s) |",
        "| frozen | 10 s (20 s) | 10 s (20 s) | 10 s (20 s) |",
    ]
    assert takeovers(figures[1:]) == []


def test_limits_are_reckoned_from_the_most_agents_and_the_last_setting() -> None:
    figures = [
        *of_engines(3000, "one", 800),
        *of_engines(3000, "shared, 3", 600),
        *of_engines(200, "shared, 3", 900),
        *figures_of(20, name=f"WebSocket, 1,000 clients{FRAME}"),
    ]

    lines = limits(figures)

    assert "| 300 /s | 3 330 purchases a second of all three |" in lines[2]
    assert "| 20 /s | 10 000 clients of a service" in lines[3]
    assert limits([])[2:] == []


def test_the_documents_say_what_the_file_does() -> None:
    assert main(["--check"]) == 0
    assert all("<!-- figures" in (ROOT / document).read_text() for document in DOCUMENTS)
