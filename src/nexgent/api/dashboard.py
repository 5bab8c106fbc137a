"""The dashboard at `/`: a fixed list of files, read once, so that no path of a request ever reaches the file system."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from nexgent import web

PAGE_PATH = "/"
_FOLDER = Path(web.__file__).parent / "static"
_PAGE_FILE = "index.html"
_ASSETS = "/assets/"
_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".txt": "text/plain; charset=utf-8",
}
"""What is served, by ending. Maps of sources and whatever else a build leaves behind is not."""
# Names of assets have the hash of their content in them.
_FOR_EVER = b"public, max-age=31536000, immutable"
_ASK_AGAIN = b"no-cache"


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file as it is sent: its headers, its bytes, and the same compressed where that is shorter."""

    body: bytes
    compressed: bytes | None
    headers: tuple[tuple[bytes, bytes], ...]
    tag: str
    template: str


@cache
def dashboard_files() -> Mapping[str, StaticFile]:
    """Return the files of the dashboard by the path they are served at. They are read and compressed once a process."""
    return read_files(_FOLDER)


def read_files(folder: Path) -> Mapping[str, StaticFile]:
    """Return the files of a bundle by the path they are served at; `index.html` is the page."""
    found = {}
    for file in sorted(folder.rglob("*")):
        kind = _KINDS.get(file.suffix)
        if kind is None or not file.is_file():
            continue
        name = file.relative_to(folder).as_posix()
        path = PAGE_PATH if name == _PAGE_FILE else f"/{name}"
        found[path] = _file(path, kind, file.read_bytes())
    return found


def _file(path: str, kind: str, body: bytes) -> StaticFile:
    compressed = gzip.compress(body, compresslevel=9, mtime=0)
    tag = f'W/"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    is_asset = path.startswith(_ASSETS)
    headers = (
        (b"content-type", kind.encode()),
        (b"cache-control", _FOR_EVER if is_asset else _ASK_AGAIN),
        (b"etag", tag.encode()),
        (b"vary", b"Accept-Encoding"),
    )
    template = f"{_ASSETS}{{file}}" if is_asset else path
    return StaticFile(body, compressed if len(compressed) < len(body) else None, headers, tag, template)


def add_dashboard(app: FastAPI, files: Mapping[str, StaticFile]) -> None:
    """Serve the files. Whatever is not among them stays unknown."""
    for path, file in files.items():
        app.add_route(path, _answer(file), methods=["GET"], include_in_schema=False)


def _answer(file: StaticFile) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        request.scope["route_template"] = file.template
        known = request.headers.get("if-none-match", "")
        if known.strip() == "*" or file.tag in (one.strip() for one in known.split(",")):
            response = Response(status_code=304)
            response.raw_headers = [one for one in file.headers if one[0] != b"content-type"]
            return response
        compressed = file.compressed if _takes_gzip(request.headers.get("accept-encoding", "")) else None
        body = file.body if compressed is None else compressed
        response = Response(body)
        response.raw_headers = [(b"content-length", b"%d" % len(body)), *file.headers]
        if compressed is not None:
            response.raw_headers.append((b"content-encoding", b"gzip"))
        return response

    return answer


def _takes_gzip(accepted: str) -> bool:
    for one in accepted.split(","):
        name, _, weight = one.replace(" ", "").lower().partition(";q=")
        if name in {"gzip", "x-gzip"}:
            return not weight or weight.strip("0.") != ""
    return False
