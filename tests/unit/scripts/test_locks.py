"""The check that the locks agree."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from scripts import locks
from scripts.install import ROOT


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Our own files, to be spoilt."""
    for name in (
        "pyproject.toml",
        "uv.lock",
        "requirements.lock",
        "requirements-runtime.lock",
        "requirements-image.lock",
        "README.md",
        "LICENSE",
    ):
        shutil.copy(ROOT / name, tmp_path)
    monkeypatch.setattr(locks, "ROOT", tmp_path)
    return tmp_path


def spoil(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def test_ours_agree(copy: Path) -> None:
    locks.check()


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("pyproject.toml", '"rich>=14"', '"rich>=9999"', "does not fit pyproject.toml; run `make lock`"),
        ("requirements.lock", "pytest==", "pytest==1.", "requirements.lock is not what uv.lock says"),
        (
            "requirements-runtime.lock",
            "sha256:0",
            "sha256:1",
            "requirements-runtime.lock is not what uv.lock says",
        ),
        (
            "requirements-image.lock",
            "apprise==",
            "apprise==1.",
            "requirements-image.lock is not what uv.lock says",
        ),
        ("uv.lock", "https://files.pythonhosted.org", "https://mirror.example", "mirror.example"),
    ],
)
def test_a_difference_is_named(copy: Path, name: str, old: str, new: str, said: str) -> None:
    spoil(copy / name, old, new)

    with pytest.raises(locks.LockError, match=said):
        locks.check()


def test_comments_and_order_are_no_difference() -> None:
    lock = "# one\na==1 \\\n    --hash=sha256:1 \\\n    --hash=sha256:2\n    # via b\nb==2\n"

    assert locks.requirements(lock) == locks.requirements("b==2\na==1 --hash=sha256:2 --hash=sha256:1\n")


def test_an_index_that_cannot_be_asked_is_named_without_its_password() -> None:
    with pytest.raises(locks.LockError) as caught:
        locks.outdated({"index-url": "http://me:secret@127.0.0.1:9/simple", "retries": "0"})

    assert "the package index cannot be asked (http://****@127.0.0.1:9/simple)" in str(caught.value)
    assert "Connection refused" in str(caught.value)
    assert "secret" not in str(caught.value)
