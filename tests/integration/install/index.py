"""A package index over HTTP, the wheels on it, and a project that installs from it."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from scripts.install import canonical

REPOSITORY = Path(__file__).resolve().parents[3]
# Of the interpreter that made this environment: its `ensurepip` brings the pip that people have, which may be an old one.
PYTHON = str(getattr(sys, "_base_executable", sys.executable))
_PATIENCE_SECONDS = 300

# As little of a build backend as an editable installation takes, so that none has to be installed.
_BACKEND = """
import zipfile


def get_requires_for_build_editable(config_settings=None):
    return []


def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "nexgent-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        wheel.writestr("nexgent.pth", "")
        wheel.writestr("nexgent-0.1.0.dist-info/METADATA", open("METADATA").read())
        wheel.writestr("nexgent-0.1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("nexgent-0.1.0.dist-info/RECORD", "nexgent.pth,,\\n")
    return name
"""
_PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "nexgent"
version = "0.1.0"
"""


def metadata(name: str, version: str, *fields: str) -> str:
    """Return the description of a release."""
    return "\n".join(["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *fields, ""])


@dataclass
class Index:
    """What is on the index, by project, and what was asked of it."""

    address: str
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def add(self, name: str, version: str, *fields: str, tag: str = "py3-none-any") -> str:
        """Put a release there; return the SHA-256 of its wheel."""
        stem = f"{re.sub(r'[-_.]+', '_', name)}-{version}"
        description = {
            f"{stem}.dist-info/METADATA": metadata(name, version, *fields),
            f"{stem}.dist-info/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
        }
        rows = [
            f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip('=')},{len(text)}"
            for path, text in description.items()
        ]
        record = "\n".join([*rows, f"{stem}.dist-info/RECORD,,", ""])
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as wheel:
            for path, text in {**description, f"{stem}.dist-info/RECORD": record}.items():
                wheel.writestr(zipfile.ZipInfo(path), text)
        self.files.setdefault(canonical(name), {})[f"{stem}-{tag}.whl"] = content.getvalue()
        return hashlib.sha256(content.getvalue()).hexdigest()

    def answer(self, path: str) -> bytes | None:
        """Return a page or a file; None when there is no such thing."""
        self.asked.append(path)
        _, kind, name, *rest = [*path.split("/"), "", ""]
        if kind == "simple" and name in self.files:
            links = (f'<a href="/files/{name}/{file}">{file}</a>' for file in self.files[name])
            return f"<!DOCTYPE html><html><body>{'<br>'.join(links)}</body></html>".encode()
        return self.files.get(name, {}).get(rest[0]) if kind == "files" else None

    def downloads(self) -> set[str]:
        """Return the names of the wheels that were fetched."""
        return {path.rsplit("/", 1)[1] for path in self.asked if path.startswith("/files/")}


@contextmanager
def serving() -> Iterator[Index]:
    """Serve an index while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            content = index.answer(self.path)
            self.send_response(200 if content is not None else 404)
            self.send_header(
                "Content-Type", "text/html" if "/simple/" in self.path else "application/octet-stream"
            )
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_request(self, code: object = None, size: object = None) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    index = Index(f"http://127.0.0.1:{server.server_address[1]}/simple")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield index
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Project:
    """A folder with our own installing scripts and locks of the test's, and perhaps a `.venv` that another has made already."""

    def __init__(self, folder: Path, description: str, venv: Path | None = None) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir(parents=True)
        (folder / "scripts").mkdir()
        for name in ("setup.sh", "install.py"):
            shutil.copy(REPOSITORY / "scripts" / name, folder / "scripts")
        (folder / "backend.py").write_text(_BACKEND)
        (folder / "METADATA").write_text(description)
        (folder / "pyproject.toml").write_text(_PYPROJECT)
        if venv is not None:
            subprocess.run(["cp", "-a", venv, folder / ".venv"], check=True)
            # What is in it was installed elsewhere.
            (folder / ".venv" / ".installed").unlink(missing_ok=True)
        self.lock([], [])

    def lock(self, runtime: Sequence[str], dev: Sequence[str]) -> None:
        """Write the two locks; `dev` comes in addition."""
        (self.folder / "requirements-runtime.lock").write_text("\n".join([*runtime, ""]))
        (self.folder / "requirements.lock").write_text("\n".join([*runtime, *dev, ""]))

    def cut_short(self) -> str:
        """Make the `.venv` of an installation that began when everything was there, and never ended; return its marker."""
        key = subprocess.run(
            ["sh", "-c", "cat requirements-runtime.lock pyproject.toml scripts/setup.sh | cksum"],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout.strip()
        marker = f"runtime {key} {self.folder.resolve()}"
        programs = self.folder / ".venv" / "bin"
        programs.mkdir(parents=True)
        (programs / "python").symlink_to(PYTHON)
        (programs / "half-made").touch()
        (self.folder / ".venv" / ".installed").write_text(marker)
        (self.folder / ".venv" / ".installing").touch()
        return marker

    def set_up(self, kind: str, settings: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run the set-up with an empty home and only these settings."""
        environment = {
            "PATH": os.defpath,
            "HOME": str(self.home),
            "XDG_CONFIG_DIRS": str(self.home / "none"),
            "PYTHON": PYTHON,
            **settings,
        }
        return subprocess.run(
            ["sh", "scripts/setup.sh", kind],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_PATIENCE_SECONDS,
            check=False,
        )

    def installed(self) -> dict[str, str]:
        """Return what is in `.venv`, less what pip brings along."""
        question = (
            "import importlib.metadata as m\nfor d in m.distributions(): print(d.metadata['Name'], d.version)"
        )
        python = self.folder / ".venv" / "bin" / "python"
        answer = subprocess.run([python, "-I", "-c", question], stdout=subprocess.PIPE, text=True, check=True)
        found = {canonical(name): version for name, version in map(str.split, answer.stdout.splitlines())}
        return {
            name: version for name, version in found.items() if name not in {"pip", "setuptools", "wheel"}
        }
