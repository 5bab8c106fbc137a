"""Write the tables of our own times into the documents, from `benchmarks/figures.json`, which `make bench` writes.

`--check` writes nothing and ends with 1 when a document says something else than the file.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from textwrap import wrap

from benchmarks.figures import AFTER_A_REST, AWAKE, ENGINES, FLOOR, FRAME, LEAST, REST, WAY, Figure, read
from scripts.generated import out_of_date

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = "README.md"
COMMAND = "make figures"
_PLACE = re.compile(
    r"(<!-- figures: made by `make figures` -->\n\n).*?(\n<!-- end of figures -->)", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table: what it is called, and the figures it shows, `…` standing for whatever a name goes on with."""

    label: str
    names: tuple[str, ...]
    form: str = "{}"


LINES = (
    Line(
        "signal → trades recorded and pushed on the WebSocket, 1 / 10 / 100 / 1 000 agents",
        tuple(f"signal → trades recorded and pushed, {count} agents" for count in (1, 10, 100, 1000)),
    ),
    Line(
        "`POST /trading-signals`, durable, 16 connections",
        ("POST signal, durable, 16 connections", "POST signal, durable, 16 connections, p99"),
        "{}, p99 {}",
    ),
    Line("`GET /health/live`, 16 connections", ("GET health/live, 16 connections",)),
    Line(
        "`GET /agents` (20) / `GET /agent-positions`, 16 connections", ("GET agents (20)", "GET positions, …")
    ),
    Line(
        "ready from nothing / after `kill -9`, embedded servers",
        ("start-up, embedded servers from nothing", "ready again after kill -9, embedded servers"),
    ),
    Line(
        "memory of the service process with 1 000 agents that hold a position each / with all the positions they have here",
        (
            "memory of the service process, 1 000 agents with a position each, idle",
            "memory of the service process, 1 000 agents with 3,…",
        ),
    ),
    Line(
        "1 000 positions of 100 tokens fall at once: first sale booked and pushed / half of them / the last",
        tuple(
            f"1000 positions, 100 tokens fall at once: {which}"
            for which in ("first sale booked and pushed", "p50 of all sales", "last sale")
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Stage:
    """A line of the budget of a trade: what is done, the stage's name among the figures, and what its floor is."""

    label: str
    name: str
    floor: str


STAGES = (
    Stage(
        "decide, reserve, quote, settle, book of positions, over a journal and a market in memory",
        "decide, reserve, settle, watch (nothing outside)",
        "the values that are recorded, each made once",
    ),
    Stage(
        "the same where each agent buys for an amount of its own",
        "decide, reserve, settle, watch, each for an amount of its own",
        "",
    ),
    Stage("frame for the WebSocket", "frame for the WebSocket", "the encoder alone, on finished values"),
    Stage("intent and settlement into the journal", "journal", "ten columns sent, lines made before"),
    Stage("decision record", "decision record", ""),
    Stage("copies in Redis", "copy in Redis", "the commands sent, values made before"),
    Stage(
        "telling other processes, where there are some", "other processes", "one message sent, made before"
    ),
    Stage("the same where there are none", "other processes, none there", ""),
    Stage("all of the running service, a WebSocket for each agent", "all of the running service", ""),
    Stage(
        "the same where each agent buys for an amount of its own",
        "all of the running service, each for an amount of its own",
        "",
    ),
)
_STAGE = "CPU of a trade: "
STEPS = (
    Stage(
        "request answered with 201, signal stored",
        "request answered, signal stored",
        "an empty FastAPI endpoint, and a line that is committed",
    ),
    Stage("– of it the signal's row", "signal into its table", "a line that is committed"),
    Stage(
        "decide, reserve, settle, book of positions, over a journal and a market in memory",
        "decide, reserve, settle, book of positions",
        "nothing: this is our own work",
    ),
    Stage("intent into the journal", "intent into the journal", "a line that is committed"),
    Stage("quote, while the intent is written", "quote", "the same request to the sandbox, sent and read"),
    Stage("settlement into the journal", "settlement into the journal", "a line that is committed"),
    Stage("frame to a client", "frame to a client", "half of a frame's way there and back"),
    Stage(
        "**the whole way**, signal → trade recorded and pushed, one agent",
        "the whole way, one agent",
        "the sum of what comes one after the other",
    ),
)
WAKINGS = {
    name: name
    for name in (
        "an empty endpoint",
        "a line that is committed",
        "a question to the sandbox",
        "half of a frame's way there and back",
    )
} | {
    "what comes one after the other on the way": "**what comes one after the other on the way**: the endpoint, three lines, of"
    " which one while the question is asked, and the frame",
    "the whole way, one agent": "the whole way of a signal of one agent, our code and all",
}
"""The lines of the table of what waking up takes, by their names among the figures."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A line of the model: what ends, what of `engines` or of all figures it is reckoned from, and how what is measured becomes
    where it ends. It is left out where fewer agents were measured than tell it."""

    label: str
    name: str
    ends: Callable[[float], float]
    at: str
    least_agents: int = 0


_OF_ENGINES = re.compile(f"{ENGINES}([0-9]+) agents, ([^:]+): (.+)")
_SPENT = (
    "purchase, all engines",
    "purchase, engine with most",
    "purchase, engine with least",
    "purchase, PostgreSQL",
    "purchase, worker",
    "purchase, Redis",
)
MANY_AGENTS = 1_000
"""With fewer, what a process has allocated before and uses again hides what they take."""
_MEMORY_KB = 8e6
"""Of a process, in the model."""


def _of_a_processor(microseconds: float) -> float:
    return 1e6 / microseconds


LIMITS = (
    Limit(
        "the engine with most: one thread of Python",
        "purchase, engine with most",
        _of_a_processor,
        "purchases a second of all three",
    ),
    Limit("PostgreSQL, each processor of it", "purchase, PostgreSQL", _of_a_processor, "purchases a second"),
    Limit(
        "tables: one projector at a time, what it takes of a worker",
        "purchase, worker",
        _of_a_processor,
        "purchases a second; beyond, tables fall behind, and nothing waits for them but lists",
    ),
    Limit("Redis: one thread", "purchase, Redis", _of_a_processor, "purchases a second"),
    Limit(
        "commits a purchase, in bursts",
        "commits a purchase",
        lambda each: 1_000 / each,
        "purchases a second on a disk that takes 1 000 commits a second one after the other; more where commits are in groups",
    ),
    Limit(
        "log of PostgreSQL a purchase",
        "journal of the server a purchase",
        lambda each: 1e8 / each,
        "purchases a second on a disk that writes 100 MB a second",
    ),
    Limit(
        "database a purchase",
        "database a purchase",
        lambda each: 1e12 / each / 1e6,
        "million purchases in 1 TB",
    ),
    Limit(
        "memory of a service, an agent",
        "memory of a service, an agent",
        lambda each: _MEMORY_KB / each,
        "agents in 8 GB, of each service",
        MANY_AGENTS,
    ),
    Limit(
        "memory of a service, a position",
        "memory of a service, a position",
        lambda each: _MEMORY_KB / each,
        "open positions in 8 GB, of each service",
        MANY_AGENTS,
    ),
    Limit(
        "a frame of prices to a WebSocket client",
        FRAME,
        lambda each: _of_a_processor(each) / 5,
        "clients of a service whose prices change five times a second",
    ),
    Limit(
        "memory of a WebSocket client",
        "memory per client, most",
        lambda each: _MEMORY_KB / each,
        "clients of a service in 8 GB",
    ),
)
_WIDTH = 130
_UNITS = {"/s": " a second"}


def main(arguments: Sequence[str]) -> int:
    """Write the documents or, with `--check`, tell whether they are up to date."""
    figures = list(read().values())
    made = {
        ROOT / name: with_tables(
            (ROOT / name).read_text(encoding="utf-8"), [made_of(figures) for made_of in makers]
        )
        for name, makers in DOCUMENTS.items()
    }
    old = out_of_date(made)
    names = [file.relative_to(ROOT).as_posix() for file in old]
    if "--check" in arguments and old:
        print(f"{', '.join(names)}: not what benchmarks/figures.json says; run `{COMMAND}`", file=sys.stderr)
        return 1
    for file, name in zip(old, names, strict=True):
        file.write_text(made[file], encoding="utf-8")
        print(f"written: {name}")
    return 0


def with_tables(document: str, tables: Sequence[Sequence[str]]) -> str:
    """Return a document with the tables in their places. Raises `ValueError` unless it has one place for each."""
    left = iter(tables)
    count = len(_PLACE.findall(document))
    if count != len(tables):
        raise ValueError(f"{count} places for {len(tables)} tables")
    return _PLACE.sub(lambda found: found[1] + "\n".join(next(left)) + "\n" + found[2], document)


def table(figures: Sequence[Figure]) -> list[str]:
    """Return the lines of the table; figures that were never measured leave their line out."""
    shown = [(line, found) for line in LINES if (found := _found(line, figures))]
    lines = ["| what is measured | median | spread | × the reference |", "| --- | --- | --- | --- |"]
    for line, found in shown:
        cells = (
            line.label,
            _values(line, [one.median for one in found], found),
            _spread(found),
            " / ".join(_number(one.times_better) if one.times_better is not None else "–" for one in found),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, "", *_origins(one for _, found in shown for one in found)]


def budget(figures: Sequence[Figure]) -> list[str]:
    """Return the lines of the table of a trade's CPU time; stages that were never measured leave their line out."""
    known = {one.name.removeprefix(_STAGE): one for one in figures if one.name.startswith(_STAGE)}
    shown = [(stage, known[stage.name]) for stage in STAGES if stage.name in known]
    lines = [
        "| stage | CPU of a trade | spread | floor | what the floor is |",
        "| --- | --- | --- | --- | --- |",
    ]
    for stage, measured in shown:
        floor = known.get(f"{stage.name}, floor")
        cells = (
            stage.label,
            f"{_number(measured.median)} µs",
            _spread([measured]),
            f"{_number(floor.median)} µs" if floor is not None else "–",
            stage.floor or "–",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, "", *_origins(measured for _, measured in shown)]


def way(figures: Sequence[Figure]) -> list[str]:
    """Return the lines of the table of what one signal waits for; steps that were never measured leave their line out."""
    known = {one.name.removeprefix(WAY): one for one in figures if one.name.startswith(WAY)}
    shown = [(step, known[step.name]) for step in STEPS if step.name in known]

    def both(name: str) -> str:
        middle, least = known[name], known[name + LEAST]
        return f"{_milliseconds(least.median)} ({_milliseconds(middle.median)})" if middle.median else "–"

    lines = [
        "| step | least (median) | floor, least (median) | what the floor is |",
        "| --- | --- | --- | --- |",
    ]
    for step, measured in shown:
        cells = (step.label, both(measured.name.removeprefix(WAY)), both(step.name + FLOOR), step.floor)
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, "", *_origins(measured for _, measured in shown)]


def rest(figures: Sequence[Figure]) -> list[str]:
    """Return the lines of the table of what waking up takes; what was never measured leaves its line out."""
    known = {one.name: one for one in figures if one.name.startswith(REST)}
    lines = [
        "| step, without any code of ours | at once | after a rest | after a rest, processors kept awake |",
        "| --- | --- | --- | --- |",
    ]
    shown: list[Figure] = []
    for name, label in WAKINGS.items():
        found = [known.get(f"{REST}{name}{way}") for way in ("", AFTER_A_REST, AWAKE)]
        if any(found):
            shown += [one for one in found if one is not None]
            cells = (label, *(_milliseconds(one.median) if one is not None else "–" for one in found))
            lines.append(f"| {' | '.join(cells)} |")
    return [*lines, "", *_origins(shown)]


def engines(figures: Sequence[Figure]) -> list[str]:
    """Return what a purchase costs with one engine and with several: a table for each number of agents that was measured."""
    lines: list[str] = []
    for count, settings in _by_agents(figures).items():
        lines += [
            f"{count} agents:",
            "",
            "| engines | all of them | the one with most | with least | PostgreSQL | worker | Redis | purchases a second |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |",
        ]
        for setting, known in settings.items():
            cells = [_number(known[what].median) + " µs" if what in known else "–" for what in _SPENT]
            name = f"`ENGINES={setting}`" if setting == "one" else setting
            lines.append(f"| {name} | {' | '.join(cells)} | {_number(known['purchases'].median)} |")
        lines += ["", *_origins(one for known in settings.values() for one in known.values()), ""]
    return lines[:-1]


def takeovers(figures: Sequence[Figure]) -> list[str]:
    """Return how soon others have and decide for what was an engine's that was killed or stands still."""
    known = {one.name: one for one in figures}
    lines = [
        "| one of three engines | others have its shards, p50 (p99) | first decision there | all of a signal there |"
    ]
    lines.append("| --- | --- | --- | --- |")
    shown: list[Figure] = []
    for kind in ("killed", "frozen"):
        cells = [kind]
        for what in ("others have its shards", "first decision there", "all decisions there"):
            name = f"{ENGINES}one of three is {kind}: {what}"
            if f"{name}, p50" not in known:
                return []
            half, most = known[f"{name}, p50"], known[f"{name}, p99"]
            shown += [half, most]
            cells.append(f"{_number(half.median)} s ({_number(most.median)} s)")
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, "", *_origins(shown)]


def limits(figures: Sequence[Figure]) -> list[str]:
    """Return where each part ends, reckoned from what a purchase takes of it with the most engines and agents."""
    found = _by_agents(figures)
    lines = ["| part | measured | ends at about |", "| --- | --- | --- |"]
    if not found:
        return lines
    agents, settings = next(reversed(found.items()))
    known = next(reversed(settings.values()))
    shown: list[Figure] = []
    everything = {one.name: one for one in figures}
    frame = next((one for one in figures if one.name.endswith(FRAME)), None)
    if frame is not None:
        everything[FRAME] = frame
    for limit in LIMITS:
        one = known.get(limit.name) or everything.get(limit.name)
        if one is not None and agents >= limit.least_agents:
            shown.append(one)
            measured = f"{_number(one.median)} {one.unit}".strip()
            lines.append(f"| {limit.label} | {measured} | {_number(limit.ends(one.median))} {limit.at} |")
    return [*lines, "", *_origins(shown)]


def _by_agents(figures: Sequence[Figure]) -> dict[int, dict[str, dict[str, Figure]]]:
    """Return what was measured of several engines by the number of agents, by setting and by what it is."""
    found: dict[int, dict[str, dict[str, Figure]]] = {}
    for one in figures:
        if match := _OF_ENGINES.fullmatch(one.name):
            found.setdefault(int(match[1]), {}).setdefault(match[2], {})[match[3]] = one
    return dict(sorted(found.items()))


def _milliseconds(value: float) -> str:
    return f"{value:.2f} ms" if value < 1 else f"{_number(value)} ms"


def _found(line: Line, figures: Sequence[Figure]) -> list[Figure]:
    found: list[Figure] = []
    for name in line.names:
        beginning = name.removesuffix("…")
        same = [
            one
            for one in figures
            if one.name == name or (beginning != name and one.name.startswith(beginning))
        ]
        if not same:
            return []
        found.append(max(same, key=lambda one: one.measured_on))
    return found


def _spread(found: Sequence[Figure]) -> str:
    ends = [(one.lowest, one.highest) for one in found]
    if any(low is None or high is None or one.runs < 2 for (low, high), one in zip(ends, found, strict=True)):
        return "not noted"
    return " / ".join(
        f"{_number(low)}–{_number(high)}" for low, high in ends if low is not None and high is not None
    )


def _values(line: Line, values: Sequence[float], found: Sequence[Figure]) -> str:
    units = {one.unit for one in found}
    if len(units) == 1:
        return " / ".join(_number(value) for value in values) + _unit(found[0].unit)
    return line.form.format(
        *(_number(value) + _unit(one.unit) for value, one in zip(values, found, strict=True))
    )


def _unit(unit: str) -> str:
    return _UNITS.get(unit, f" {unit}")


def _number(value: float) -> str:
    """Return the digits that mean something: 9 650, 11, 3.9, 0.25, 0.019."""
    if value >= 1_000:
        return f"{round(value, -1):,.0f}".replace(",", " ")
    if value < 1:
        return f"{value:.2g}"
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def _origins(figures: Iterable[Figure]) -> list[str]:
    """Return where the figures are from: a line for each day, machine and number of runs."""
    origins = dict.fromkeys((one.measured_on, one.machine, one.runs, one.load, one.remark) for one in figures)
    said: list[str] = []
    for day, machine, runs, load, remark in origins:
        when = date.fromisoformat(day)
        times = "one run" if runs == 1 else f"{runs} runs"
        busy = f", load {load} before" if load is not None else ""
        text = f"{when.day} {when:%B %Y}, {machine}, client, sandbox and servers on the same machine; {times}{busy}."
        said += wrap(f"{text} {remark}".strip(), _WIDTH)
    return said


DOCUMENTS: Mapping[str, Sequence[Callable[[Sequence[Figure]], list[str]]]] = {
    DOCUMENT: (table,),
    "docs/performance.md": (budget, way, rest),
    "docs/scale.md": (engines, takeovers, limits),
}
"""The documents with figures, and what makes the lines of each of their tables."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
