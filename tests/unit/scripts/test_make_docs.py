"""The documentation's pages: links turned to where documents are there, and nothing fetched from elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.make_charts import CHARTS, FOLDER
from scripts.make_docs import BrokenLinkError, collected, fetched, pages

PLACES = {"README.md": "readme.md", "docs/prices.md": "prices.md", "docs/a.png": "a.png"}


@pytest.mark.parametrize(
    ("source", "text", "wanted"),
    [
        ("README.md", "[prices](docs/prices.md)", "[prices](prices.md)"),
        ("README.md", "![a picture](docs/a.png)", "![a picture](a.png)"),
        ("docs/prices.md", "[front](../README.md#quick-start)", "[front](readme.md#quick-start)"),
        (
            "docs/prices.md",
            "[below](#sources), [it](https://nexgent.ai)",
            "[below](#sources), [it](https://nexgent.ai)",
        ),
        ("docs/prices.md", "[settings](../env.example)", "`env.example`"),
        ("README.md", "```sh\n[no link](nowhere.md)\n```", "```sh\n[no link](nowhere.md)\n```"),
    ],
)
def test_links_lead_to_where_documents_are_collected(source: str, text: str, wanted: str) -> None:
    assert collected(source, text, PLACES) == wanted


def test_a_link_to_what_is_not_there_is_told() -> None:
    with pytest.raises(BrokenLinkError, match=r"docs/prices.md: there is no docs/nowhere.md"):
        collected("docs/prices.md", "[nowhere](nowhere.md)", PLACES)


def test_every_document_has_a_place_of_its_own() -> None:
    places = pages()

    assert {"README.md", "SECURITY.md", "docs/index.md", "docs/charts/held-by-gain.svg"} <= places.keys()
    assert len(set(places.values())) == len(places)


def test_what_a_page_would_fetch_from_elsewhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(
        '<script src="assets/own.js"></script><a href="https://nexgent.ai">a link is followed by people</a>'
        '<script src="https://unpkg.com/x"></script><link rel="canonical" href="https://docs.example/page">'
    )

    assert list(fetched(tmp_path)) == ['page.html: <script src="https://unpkg.com/x">']


def test_charts_are_what_the_rules_say() -> None:
    for name, made in CHARTS.items():
        assert (FOLDER / f"{name}.svg").read_text(encoding="utf-8") == made().svg(), "make charts"
