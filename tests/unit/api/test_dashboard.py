"""The dashboard's files: which there are, how they are sent, and that nothing else is."""

from __future__ import annotations

import gzip
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from nexgent import web
from nexgent.api.app import allowed_methods
from nexgent.api.dashboard import add_dashboard, dashboard_files, read_files

REPOSITORY = Path(__file__).resolve().parents[3]
SCRIPT = b"console.log('hello');" * 50


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "static"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_bytes(b"<!doctype html><title>x</title>")
    (folder / "favicon.svg").write_bytes(b"<svg/>")
    (folder / "assets" / "index-AbC123.js").write_bytes(SCRIPT)
    (folder / "assets" / "index-AbC123.js.map").write_bytes(b"{}")
    (folder / ".vite").mkdir()
    (folder / "build.log").write_bytes(b"secret")
    return folder


@pytest.fixture
async def http(bundle: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    add_dashboard(app, read_files(bundle))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as made:
        yield made


def test_files_are_those_of_the_bundle_by_their_path(bundle: Path) -> None:
    assert set(read_files(bundle)) == {"/", "/favicon.svg", "/assets/index-AbC123.js"}


def test_a_build_without_files_serves_none(tmp_path: Path) -> None:
    assert read_files(tmp_path / "missing") == {}


async def test_names_with_a_hash_are_kept_for_ever_and_the_page_is_asked_for_again(
    http: httpx.AsyncClient,
) -> None:
    script, page = await http.get("/assets/index-AbC123.js"), await http.get("/")

    assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert page.headers["cache-control"] == "no-cache"
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    again = await http.get("/", headers={"if-none-match": f'"other", {page.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert (again.headers["etag"], again.headers["cache-control"]) == (page.headers["etag"], "no-cache")
    assert (await http.get("/", headers={"if-none-match": '"other"'})).status_code == 200


@pytest.mark.parametrize(
    ("accepted", "compressed"),
    [
        ("gzip, deflate, br", True),
        ("br;q=1.0, GZIP;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000, identity", False),
        ("br", False),
        ("", False),
    ],
)
async def test_who_takes_gzip_gets_it(http: httpx.AsyncClient, accepted: str, compressed: bool) -> None:
    async with http.stream("GET", "/assets/index-AbC123.js", headers={"accept-encoding": accepted}) as answer:
        raw = b"".join([part async for part in answer.aiter_raw()])

    assert answer.headers["vary"] == "Accept-Encoding"
    assert int(answer.headers["content-length"]) == len(raw)
    assert (answer.headers.get("content-encoding") == "gzip") is compressed
    assert (gzip.decompress(raw) if compressed else raw) == SCRIPT


async def test_what_does_not_get_shorter_is_sent_as_it_is(http: httpx.AsyncClient) -> None:
    answer = await http.get("/favicon.svg", headers={"accept-encoding": "gzip"})

    assert "content-encoding" not in answer.headers
    assert answer.content == b"<svg/>"


@pytest.mark.parametrize(
    "path",
    [
        "/index.html",
        "/assets",
        "/assets/",
        "/assets/../index.html",
        "/assets/%2e%2e/build.log",
        "/build.log",
        "/assets/index-AbC123.js.map",
        "/assets/INDEX-ABC123.JS",
        "/static/index.html",
    ],
)
async def test_nothing_else_is_there(http: httpx.AsyncClient, path: str) -> None:
    assert (await http.get(path)).status_code == 404


class TestInTheService:
    async def test_the_page_is_served_under_a_strict_policy(self, anonymous: httpx.AsyncClient) -> None:
        page = await anonymous.get("/")

        assert page.status_code == 200
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        # Over plain HTTP from another machine nothing can be upgraded.
        assert "upgrade-insecure-requests" not in policy
        assert page.headers["x-frame-options"] == "DENY"
        assert page.headers["x-content-type-options"] == "nosniff"
        assert "://" not in page.text
        assert "<script>" not in page.text
        assert " style=" not in page.text

    async def test_head_says_what_get_would(self, anonymous: httpx.AsyncClient) -> None:
        page, head = await anonymous.get("/"), await anonymous.head("/")

        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == page.headers["content-length"]

    async def test_other_methods_and_paths_are_refused_as_everywhere(
        self, anonymous: httpx.AsyncClient
    ) -> None:
        posted, unknown = await anonymous.post("/"), await anonymous.get("/assets/none.js")

        assert (posted.status_code, posted.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
        assert (unknown.status_code, unknown.json()["code"]) == (404, "NOT_FOUND")
        # Other pages keep the policy of the contract.
        assert "upgrade-insecure-requests" in unknown.headers["content-security-policy"]
        for path in dashboard_files():
            assert allowed_methods(path) == ("GET", "HEAD", "OPTIONS")

    def test_every_file_of_the_bundle_is_small(self) -> None:
        files = dashboard_files()

        assert "/" in files
        assert sum(len(one.compressed or one.body) for one in files.values()) <= 250_000


@pytest.mark.slow
def test_the_wheel_has_the_files(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    [wheel] = tmp_path.glob("*.whl")

    names = set(zipfile.ZipFile(wheel).namelist())

    folder = Path(web.__file__).parent
    for file in (folder / "static").rglob("*"):
        if file.is_file():
            assert f"nexgent/web/{file.relative_to(folder).as_posix()}" in names
