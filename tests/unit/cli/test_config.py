"""`nexgent config` and `nexgent completion`: what is set, what is no setting, and what a shell is told."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from nexgent.cli.main import COMMANDS
from tests.forks import completed
from tests.unit.cli.test_commands import nexgent

ROOT = Path(__file__).resolve().parents[3]


def test_what_is_set_is_shown_with_where_it_comes_from_and_without_secrets(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "PORT=4444\nLOG_LEVEL=debug\nJUPITER_API_KEY=hunter2\nWALLET_3=hunter2\n"
        "DATABASE_URL=postgresql://me:hunter2@db/x\nSOLANA_RPC_URL=https://me:hunter2@node\n"
    )

    shown = nexgent(tmp_path, "config", "--json", env={"LOG_LEVEL": "warn"})

    assert (shown.returncode, shown.stderr) == (0, "")
    found = json.loads(shown.stdout)
    assert found["PORT"] == {"value": "4444", "from": "file", "secret": False, "set": True}
    # The environment wins.
    assert (found["LOG_LEVEL"]["value"], found["LOG_LEVEL"]["from"]) == ("warn", "environment")
    for name in ("JUPITER_API_KEY", "WALLET_3", "DATABASE_URL", "SOLANA_RPC_URL"):
        assert found[name] == {"value": None, "from": "file", "secret": True, "set": True}
    text = nexgent(tmp_path, "config", "--all", env={"LOG_LEVEL": "warn"}).stdout
    assert re.search(r"^PORT +4444 +\.env$", text, re.MULTILINE)
    assert re.search(r"^HOST +127\.0\.0\.1 +default$", text, re.MULTILINE)
    assert "hunter2" not in shown.stdout + text


def test_nothing_set_says_where_to_begin(tmp_path: Path) -> None:
    shown = completed(["nexgent", "config"], env={"PATH": ""}, cwd=tmp_path)

    assert shown.returncode == 0
    assert shown.stdout.startswith("Everything has its default; `nexgent config --all` shows them")


def test_a_misspelt_setting_is_found_before_it_is_missed(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "JUPITER_APIKEY=hunter2\nMY_OWN=1\nWALLET_1=\nPORT=4444\nSANDBOX_WALK=false\nSANDBOX_TOKENS=3\n"
    )

    checked = nexgent(tmp_path, "config", "check")

    assert checked.returncode == 1
    assert "JUPITER_APIKEY is no setting and changes nothing. Did you mean JUPITER_API_KEY?" in checked.stdout
    assert "MY_OWN is no setting and changes nothing." in checked.stdout
    assert "hunter2" not in checked.stdout
    told = json.loads(nexgent(tmp_path, "config", "check", "--json").stdout)
    assert told == {
        "ok": False,
        "unknown": {"JUPITER_APIKEY": "JUPITER_API_KEY", "MY_OWN": None},
        "problems": [],
    }


def test_what_traces_cannot_be_made_with_is_told_though_the_service_starts(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318\nOTEL_EXPORTER_OTLP_PROTOCOL=grpc\n"
        "OTEL_EXPORTER_OTLP_HEADERS=key=hunter2\n"
    )

    checked = nexgent(tmp_path, "config", "check")

    assert checked.returncode == 1
    assert "OTEL_EXPORTER_OTLP_PROTOCOL" in checked.stdout
    assert "no traces are made" in " ".join(checked.stdout.split())
    assert "hunter2" not in checked.stdout
    told = json.loads(nexgent(tmp_path, "config", "check", "--json").stdout)
    assert (told["ok"], len(told["problems"])) == (False, 1)


def test_settings_that_cannot_be_used_end_with_2(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=many\nLOG_LEVEL=loud\n")

    checked = nexgent(tmp_path, "config", "check")

    assert checked.returncode == 2
    assert "- PORT: " in checked.stderr
    assert "- LOG_LEVEL: " in checked.stderr


def test_the_example_is_the_one_of_this_version_and_passes_its_own_check(tmp_path: Path) -> None:
    example = nexgent(tmp_path, "config", "example")

    assert example.stdout == (ROOT / "env.example").read_text()
    (tmp_path / ".env").write_text(example.stdout)
    checked = nexgent(tmp_path, "config", "check")
    assert (checked.returncode, checked.stdout) == (0, "All settings can be used.\n")


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_bash_completes_commands_and_options(tmp_path: Path) -> None:
    script = tmp_path / "completion"
    script.write_text(nexgent(tmp_path, "completion", "bash").stdout)

    def offered(*words: str) -> set[str]:
        typed = " ".join(f"'{word}'" for word in words)
        line = f"source {script}; COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}; _shtab_nexgent; echo ${{COMPREPLY[@]}}"
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
        return set(done.stdout.split())

    assert offered("nexgent", "") >= {command.name for command in COMMANDS}
    assert offered("nexgent", "ver") == {"verify", "version"}
    assert offered("nexgent", "verify", "--re") == {"--repair"}


@pytest.mark.parametrize("shell", ["bash", "fish", "tcsh", "zsh"])
def test_every_shell_gets_every_command(tmp_path: Path, shell: str) -> None:
    done = completed(["nexgent", "completion", shell], env={"PATH": ""}, cwd=tmp_path)

    assert done.returncode == 0
    assert [command.name for command in COMMANDS if command.name not in done.stdout] == []
