"""What the demo keeps in the data folder, and where it refuses to play."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from nexgent.cli import demo_files
from nexgent.cli.demo_files import NamedToken
from tests.patience import PATIENCE_SECONDS

TOKENS = [NamedToken("9VqQUZKGxFwwPzSfyZLqzP1YhTttPW1H87ruZKgFgYGH", "TIRA")]


def test_tokens_belong_to_the_demo_that_wrote_them_and_to_no_other_service(tmp_path: Path) -> None:
    assert demo_files.demo_tokens(tmp_path, "http://localhost:4000") == []
    demo_files.keep_tokens(tmp_path, 4000, TOKENS)
    for url in ("http://localhost:4000", "http://127.0.0.1:4000/"):
        assert demo_files.demo_tokens(tmp_path, url) == TOKENS
    for url in ("http://localhost:4001", "http://localhost", "https://nexgent.example:4000"):
        assert demo_files.demo_tokens(tmp_path, url) == []


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"port": 4000}', '{"port": 4000, "tokens": [1]}'])
def test_a_damaged_list_of_tokens_is_no_list(tmp_path: Path, text: str) -> None:
    (tmp_path / demo_files.TOKENS_FILE).write_text(text)
    assert demo_files.demo_tokens(tmp_path, "http://localhost:4000") == []


def test_the_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    assert demo_files.kept_key(tmp_path) is None
    for key in ("nex_first", "nex_second"):
        demo_files.keep_key(tmp_path, key)
        assert demo_files.kept_key(tmp_path) == key
    assert stat.S_IMODE((tmp_path / demo_files.KEY_FILE).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [demo_files.KEY_FILE]


def test_a_folder_that_knows_the_real_market_is_refused_before_anything_starts(tmp_path: Path) -> None:
    demo_files.require_no_real_market(tmp_path)
    demo_files.keep_tokens(tmp_path, 4000, TOKENS)
    demo_files.mark_real_market(tmp_path)
    assert demo_files.demo_tokens(tmp_path, "http://localhost:4000") == []

    result = subprocess.run(
        [sys.executable, "-m", "nexgent", "demo"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "NEXGENT_DATA_DIR": str(tmp_path), "PORT": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )

    assert result.returncode == 3
    assert "was used with the real market" in result.stderr
    assert "NEXGENT_DATA_DIR=.nexgent-demo" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == [demo_files.REAL_MARKET_FILE]


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:4100", True),
        ("http://localhost:4100/x", True),
        ("http://[::1]:4100", True),
        ("https://api.jup.ag", False),
        ("https://localhost.example", False),
        ("http://127.0.0.1.example", False),
    ],
)
def test_only_this_machine_is_local(url: str, local: bool) -> None:
    assert demo_files.is_local(url) is local
