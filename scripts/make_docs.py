"""Build the documentation's pages into build/site, with every link followed.

Documents are written for the repository: README links to docs/prices.md, docs/prices.md to ../README.md. Here they are collected
into one folder with their links turned to where they are there; what is no page (a source file, a setting file) stays as a name.
`zensical build --strict` refuses links and headings that are not there; then the pages are looked through for anything that would
be fetched from another server.
"""

from __future__ import annotations

import posixpath
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
STAGE, SITE = ROOT / "build" / "docs", ROOT / "build" / "site"
ELSEWHERE = {
    "README.md": "readme.md",
    "SECURITY.md": "security.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
"""Pages whose documents are not in docs/, by their path in the repository."""
PICTURES = {".png", ".svg"}
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
_FETCHED = re.compile(
    r"""<(?:script|img|link|iframe|source|video|audio)\b[^>]*?\b(?:src|href)="(https?:)?//[^"]*"[^>]*>"""
)
_HARMLESS = re.compile(r'rel="(?:canonical|prev|next|edit|alternate)"')


class BrokenLinkError(Exception):
    """A document links to what is not in the repository."""


def pages() -> dict[str, str]:
    """Return where each document and picture of the repository is in the collected folder."""
    own = {
        file.relative_to(ROOT).as_posix(): file.relative_to(DOCS).as_posix()
        for file in sorted(DOCS.rglob("*"))
        if file.suffix in {".md", *PICTURES}
    }
    return ELSEWHERE | own


def collected(source: str, text: str, places: dict[str, str]) -> str:
    """Return a document as it stands in the collected folder. Raises `BrokenLinkError`."""

    def turned(link: re.Match[str]) -> str:
        picture, label, target = link.groups()
        address, _, heading = target.partition("#")
        if not address or re.match(r"[a-z]+:", address):
            return link.group()
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), address))
        if path not in places:
            if not (ROOT / path).exists():
                raise BrokenLinkError(f"{source}: there is no {path}")
            return f"`{path}`"
        place = posixpath.relpath(places[path], posixpath.dirname(places[source]) or ".")
        return f"{picture}[{label}]({place}{'#' + heading if heading else ''})"

    # Within a code block nothing is a link.
    parts = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if part.startswith("```") else _LINK.sub(turned, part) for part in parts)


def stage() -> None:
    """Collect all documents and pictures anew."""
    places = pages()
    shutil.rmtree(STAGE, ignore_errors=True)
    for source, place in places.items():
        target = STAGE / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.suffix == ".md":
            text = (ROOT / source).read_text(encoding="utf-8")
            target.write_text(collected(source, text, places), encoding="utf-8")
        else:
            shutil.copyfile(ROOT / source, target)


def fetched(site: Path) -> Iterator[str]:
    """Yield what the pages would fetch from another server."""
    for page in sorted(site.rglob("*.html")):
        for found in _FETCHED.finditer(page.read_text(encoding="utf-8")):
            if not _HARMLESS.search(found.group()):
                yield f"{page.relative_to(site)}: {found.group()}"


def main() -> int:
    """Build; 1 when a link leads nowhere or a page needs another server."""
    try:
        stage()
    except BrokenLinkError as error:
        print(error, file=sys.stderr)
        return 1
    shutil.rmtree(SITE, ignore_errors=True)
    program = Path(sys.executable).with_name("zensical")
    built = subprocess.run(
        [program, "build", "--strict", "--clean"], cwd=ROOT, check=False, capture_output=True, text=True
    )
    if built.returncode:
        print(built.stdout + built.stderr, file=sys.stderr)
        return 1
    foreign = list(fetched(SITE))
    for one in foreign:
        print(f"needs another server: {one}", file=sys.stderr)
    if not foreign:
        folder = SITE.relative_to(ROOT)
        print(
            f"{len(list(SITE.rglob('*.html')))} pages; `python -m http.server --directory {folder}` shows them"
        )
    return 1 if foreign else 0


if __name__ == "__main__":
    sys.exit(main())
