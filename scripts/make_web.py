"""Build the dashboard from `web/` into `src/nexgent/web/static`: `make web`. Needs Node 20.19 or newer and npm.

`--check` builds beside it and fails when the committed files are not what would be built; without Node it says so and passes.
Packages come exactly as `web/package-lock.json` names them, so that the same sources give the same bytes everywhere.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from nexgent.api.app import create_api
from scripts.config_form import config_form

_REPOSITORY = Path(__file__).resolve().parent.parent
_WEB = _REPOSITORY / "web"
_STATIC = _REPOSITORY / "src" / "nexgent" / "web" / "static"
_TYPES = _WEB / "src" / "api" / "schema.d.ts"
_FORM = _WEB / "src" / "config" / "form.json"
_INSTALLED = _WEB / "node_modules" / ".installed"
_LOCK = _WEB / "package-lock.json"
_OLDEST_NODE = (20, 19)

BUDGET_BYTES = 250_000
"""What all files may have together, compressed."""
FIRST_VIEW_BYTES = 120_000
"""What the browser has to load before the overview shows anything, compressed: charts come after it."""
_FIRST_PAGE = "assets/OverviewPage-"


def main(arguments: list[str]) -> int:
    """Build, or with `--check` compare."""
    check = "--check" in arguments
    if (missing := _missing()) is not None:
        print(f"dashboard: {missing}", file=sys.stderr)
        return 0 if check else 1
    with tempfile.TemporaryDirectory(prefix="nexgent-web-") as folder:
        built, types = Path(folder) / "static", Path(folder) / "schema.d.ts"
        document = Path(folder) / "openapi.json"
        document.write_text(json.dumps(create_api().openapi()), encoding="utf-8")
        _install()
        _run("node", "scripts/types.mjs", str(document), str(types))
        form = json.dumps(config_form(), indent=1) + "\n"
        for path, text in ((_TYPES, types.read_text(encoding="utf-8")), (_FORM, form)):
            if check and path.read_text(encoding="utf-8") != text:
                print(f"{path.relative_to(_REPOSITORY)} is not up to date; run: make web", file=sys.stderr)
                return 1
            path.write_text(text, encoding="utf-8")
        _run("npm", "run", "--silent", "check")
        _run("npm", "run", "--silent", "test")
        _run("npm", "run", "--silent", "bundle", out=built)
        if (excess := over_budget(built)) is not None:
            print(f"dashboard: {excess}", file=sys.stderr)
            return 1
        if check:
            return _compare(built)
        shutil.rmtree(_STATIC, ignore_errors=True)
        shutil.copytree(built, _STATIC)
    total, first = sizes(_STATIC)
    print(f"dashboard: {total:,} bytes compressed, {first:,} of them for the first view")
    return 0


def sizes(folder: Path) -> tuple[int, int]:
    """Return how large a built page is in bytes when compressed: all of it, and what the overview loads at first."""
    files = {path.relative_to(folder).as_posix(): path for path in _files(folder)}
    first: set[str] = set()
    pending = ["index.html", *(name for name in files if name.startswith(_FIRST_PAGE))]
    while pending:
        name = pending.pop()
        if name in files and name not in first:
            first.add(name)
            pending += _loaded_by(name, files[name])
    compressed = {name: _compressed(path) for name, path in files.items()}
    return sum(compressed.values()), sum(compressed[name] for name in first)


def _loaded_by(name: str, path: Path) -> list[str]:
    """Return what a file loads at once: what the page names, and imports that are not behind a condition."""
    text = path.read_text(encoding="utf-8")
    if name.endswith(".html"):
        return re.findall(r'(?:src|href)="\./([^"]+)"', text)
    if name.endswith(".js"):
        return [f"assets/{one}" for one in re.findall(r'(?:from|import)\s*"\./([^"]+)"', text)]
    return []


def over_budget(folder: Path) -> str | None:
    """Return what is too large in a built page."""
    total, first = sizes(folder)
    if total > BUDGET_BYTES:
        return f"all files together have {total:,} bytes compressed, more than {BUDGET_BYTES:,}"
    if first > FIRST_VIEW_BYTES:
        return f"the first view needs {first:,} bytes compressed, more than {FIRST_VIEW_BYTES:,}"
    return None


def _missing() -> str | None:
    """Return what is not here and needed, with what to do about it."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return "not built anew, since Node is not installed; apt-get install nodejs npm"
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    found = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if found < _OLDEST_NODE:
        return (
            f"not built anew, since Node {version.strip()} is older than {'.'.join(map(str, _OLDEST_NODE))}"
        )
    return None


def _install() -> None:
    """Install the locked packages unless they are here."""
    wanted = hashlib.sha256(_LOCK.read_bytes()).hexdigest()
    if _INSTALLED.is_file() and _INSTALLED.read_text(encoding="utf-8") == wanted:
        return
    _run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent")
    _INSTALLED.write_text(wanted, encoding="utf-8")


def _run(*command: str, out: Path | None = None) -> None:
    environment = {**os.environ, "NODE_ENV": "production"}
    # Packages for building are listed as those of development.
    environment["NPM_CONFIG_INCLUDE"] = "dev"
    if out is not None:
        environment["NEXGENT_WEB_OUT"] = str(out)
    done = subprocess.run(command, cwd=_WEB, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(done.stdout + done.stderr, file=sys.stderr)
        raise SystemExit(f"dashboard: {' '.join(command)} failed")


def _compare(built: Path) -> int:
    fresh = {path.relative_to(built).as_posix(): path.read_bytes() for path in _files(built)}
    kept = {path.relative_to(_STATIC).as_posix(): path.read_bytes() for path in _files(_STATIC)}
    differing = sorted(name for name in fresh.keys() | kept.keys() if fresh.get(name) != kept.get(name))
    for name in differing:
        print(f"src/nexgent/web/static/{name} is not what web/ builds; run: make web", file=sys.stderr)
    return 1 if differing else 0


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _compressed(path: Path) -> int:
    return len(gzip.compress(path.read_bytes(), 9, mtime=0))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
