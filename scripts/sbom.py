"""Write what an installation is made of as a CycloneDX document: `make sbom`, to standard output or into a file.

Packages, versions, hashes and who needs whom come from uv.lock (the extras included, nothing that only development needs), and
licences from `scripts/licences.py`. The same lock gives the same document: it has no serial number and no time of its making.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts.licences import licence_of

ROOT = Path(__file__).resolve().parent.parent
FORMAT = "cyclonedx1.5"


def document() -> dict[str, Any]:
    """Return the document. Raises `subprocess.CalledProcessError` when the lock cannot be read."""
    options = (
        "--frozen",
        "--offline",
        "--no-cache",
        "--no-config",
        "--no-default-groups",
        "--all-extras",
        "--quiet",
    )
    done = subprocess.run(
        [str(Path(sys.executable).parent / "uv"), "export", *options, "--format", FORMAT],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    made: dict[str, Any] = json.loads(done.stdout)
    made.pop("serialNumber", None)
    made["metadata"].pop("timestamp", None)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    made["metadata"]["component"].update(type="application", licenses=[{"expression": project["license"]}])
    for component in made["components"]:
        licence = licence_of(component["name"])[0]
        if licence:
            component["licenses"] = [{"expression": licence}]
    return made


def main(arguments: Sequence[str]) -> int:
    """Print the document, or write it into the file that is named."""
    text = json.dumps(document(), indent=1) + "\n"
    if arguments:
        Path(arguments[0]).write_text(text, encoding="utf-8")
    else:
        print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
