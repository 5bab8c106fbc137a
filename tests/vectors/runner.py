"""Run every vector of a document and count."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.vectors.compare import mismatches
from tests.vectors.decisions import DECISIONS
from tests.vectors.deviations import SCENARIO_DEVIATIONS, correction_for, rewrite_for
from tests.vectors.exact import with_exact_arithmetic
from tests.vectors.sequences import check_sequence, sequence_content

SEQUENCES = "stop_loss_sequences"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one vector.

    No failures is passed; `deviations` says which defects of the reference it shows.
    """

    label: str
    failures: tuple[str, ...]
    deviations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupResult:
    """The vectors of a group; `outcomes` is None for a group without a handler."""

    group: str
    outcomes: tuple[Outcome, ...] | None

    @property
    def passed(self) -> int:
        """Count the vectors that passed."""
        return sum(1 for outcome in self.outcomes or () if not outcome.failures)

    @property
    def failed(self) -> int:
        """Count the vectors that failed."""
        return sum(1 for outcome in self.outcomes or () if outcome.failures)


@dataclass(frozen=True, slots=True)
class VectorRunner:
    """Check documents of vectors. `handlers` adds groups: a handler returns where a vector differs."""

    handlers: Mapping[str, Callable[[Mapping[str, Any]], list[str]]] = field(default_factory=dict)

    def run(self, document: Mapping[str, Any]) -> Iterator[GroupResult]:
        """Check each group of a document, in its order."""
        for group, vectors in document.items():
            if not isinstance(vectors, list):
                continue
            if group not in self.handlers and group not in DECISIONS and group != SEQUENCES:
                yield GroupResult(group, None)
                continue
            yield GroupResult(group, tuple(self._check(group, index, v) for index, v in enumerate(vectors)))

    def _check(self, group: str, index: int, vector: Any) -> Outcome:
        label = f"{group}[{index}]"
        try:
            if isinstance(vector, Mapping) and vector.get("name"):
                label += f" {vector['name']!r}"
            if group in self.handlers:
                shown = SCENARIO_DEVIATIONS.get(str(vector.get("name")), ())
                return Outcome(label, tuple(self.handlers[group](vector)), shown)
            if group == SEQUENCES:
                return _check_sequence(label, vector)
            return _check_decision(label, group, vector)
        except Exception as error:
            # A vector that breaks the code is a failed vector, and the others still have to be looked at.
            return Outcome(label, (f"{type(error).__name__}: {error}",))


def load(path: Path) -> dict[str, Any]:
    """Return the document of a file, its numbers exact."""
    document = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    if not isinstance(document, dict):
        raise ValueError(  # noqa: TRY004 - the file is wrong, not the caller
            f"{path} must hold an object with one array for each group"
        )
    return document


def _check_sequence(label: str, vector: Mapping[str, Any]) -> Outcome:
    correction = correction_for(SEQUENCES, sequence_content(vector))
    failures, reasons = check_sequence(vector, correction.corrected if correction else {})
    if correction is not None:
        reasons.append(correction.reason)
    return Outcome(label, tuple(failures), tuple(dict.fromkeys(reasons)))


def _check_decision(label: str, group: str, vector: Mapping[str, Any]) -> Outcome:
    decide, given = DECISIONS[group], vector["input"]
    correction = correction_for(group, given)
    if correction is not None:
        return Outcome(label, tuple(mismatches(correction.corrected, decide(given))), (correction.reason,))
    expected = with_exact_arithmetic(vector["expected"], vector)
    failures = mismatches(expected, decide(given))
    if failures:
        rewritten = rewrite_for(group, given, expected)
        if rewritten is not None and not mismatches(rewritten.expected, decide(rewritten.given)):
            return Outcome(label, (), (rewritten.reason,))
    return Outcome(label, tuple(failures))
