"""The lock's licences, known vulnerabilities, and that the gate asks for both."""

from __future__ import annotations

import pytest

from scripts.audit import NOT_ASKED, verdict
from scripts.licences import LOCK, examine, is_compatible, locked_packages, stated_licence


@pytest.mark.parametrize(
    "expression",
    ["MIT", "Apache-2.0 AND MIT", "MPL-2.0 AND (Apache-2.0 OR MIT)", "Proprietary OR MIT", "(MIT)"],
)
def test_licences_that_go_with_ours(expression: str) -> None:
    assert is_compatible(expression)


@pytest.mark.parametrize(
    "expression",
    ["", "Proprietary", "MIT AND Proprietary", "SSPL-1.0", "(MIT", "MIT MIT", "GPL-2.0-only", "AND"],
)
def test_licences_that_do_not(expression: str) -> None:
    assert not is_compatible(expression)


def test_every_locked_package_has_a_licence_that_fits() -> None:
    packages = locked_packages(LOCK.read_text(encoding="utf-8"))

    lines, problems = examine(packages)

    assert len(lines) == len(packages) > 50
    assert problems == []


def test_a_package_nobody_knows_and_one_that_does_not_fit_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    _, problems = examine([("no-such-package-here", "1.0")])
    assert problems == ["no-such-package-here 1.0 states no licence: look it up and add it to BY_HAND"]
    monkeypatch.setattr("scripts.licences.BY_HAND", {"no-such-package-here": ("SSPL-1.0", "")})
    _, problems = examine([("no-such-package-here", "1.0")])
    assert "does not go with GPL-3.0-or-later" in problems[0]


def test_a_licence_is_read_from_where_it_stands() -> None:
    classifiers = ["Topic :: Office", "License :: OSI Approved :: MIT License"]
    assert stated_licence("", "", []) == ""
    assert stated_licence("", "a long text", ["License :: Other"]) == ""
    assert stated_licence("", "", classifiers) == "MIT"
    assert stated_licence("", "BSD 2-Clause License", classifiers) == "BSD-2-Clause"
    assert stated_licence("ISC", "BSD 2-Clause License", classifiers) == "ISC"


def test_a_database_that_is_away_is_no_all_clear() -> None:
    assert verdict(0, "Found no known vulnerabilities") == 0
    assert verdict(1, "Found 2 known vulnerabilities in 1 package") == 1
    assert verdict(2, "error: Request failed after 3 retries\n  cause: dns error") == NOT_ASKED
