"""The summaries of the tests say what the tests say."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import summaries


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("unit/b", "unit/a", "integration", "contract", "security", "e2e"):
        (tmp_path / "tests" / folder).mkdir(parents=True)
    (tmp_path / "tests/unit/b/test_two.py").write_text(
        '"""Prices\nand polls.\n\nMore."""\n\nasync def test_a_jump_waits() -> None: ...\n\ndef helper() -> None: ...\n'
    )
    (tmp_path / "tests/unit/a/test_one.py").write_text(
        "class TestX:\n    def test_one_winner(self) -> None: ...\n"
    )
    (tmp_path / "tests/unit/a/test_none.py").write_text('"""No tests."""\n')
    return tmp_path


def test_every_test_is_a_line_under_its_file(root: Path) -> None:
    assert summaries.main([], root) == 0

    text = (root / "tests/UNIT_TESTS_SUMMARY.md").read_text()
    assert "2 tests in 2 files" in text
    assert text.endswith(
        "## unit/a\n\n### test_one.py\n\n- One winner\n\n"
        "## unit/b\n\n### test_two.py\n\nPrices and polls.\n\n- A jump waits\n"
    )


def test_a_check_finds_what_has_changed_and_writes_nothing(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert summaries.main([], root) == 0
    assert summaries.main(["--check"], root) == 0
    before = (root / "tests/UNIT_TESTS_SUMMARY.md").read_text()
    (root / "tests/unit/a/test_none.py").write_text("def test_more() -> None: ...\n")

    assert summaries.main(["--check"], root) == 1
    assert (root / "tests/UNIT_TESTS_SUMMARY.md").read_text() == before
    told = capsys.readouterr().err
    assert "tests/UNIT_TESTS_SUMMARY.md: not what" in told
    assert "make summaries" in told
