"""`make tunnel` with programs that print what the real ones print."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.tunnel import TOKEN_SETTING, choose, public_address, tools
from tests.conftest import REPOSITORY

QUICK = "2026-01-01T00:00:00Z INF |  https://four-words-made-up.trycloudflare.com    |"
NAMED = r"""2026-01-01T00:00:00Z INF Updated to new configuration config="{\"ingress\":[{\"hostname\":\"bot.example.com\"}]}" """
NGROK = 't=2026-01-01T00:00:00 lvl=info msg="started tunnel" name=x addr=http://localhost:4000 url=https://ab12.ngrok-free.app'
SSH = "abcdef.lhr.life tunneled with tls termination, https://abcdef.lhr.life"
LOCAL = "http://localhost:4000"


@pytest.mark.parametrize(
    ("name", "token", "line", "address"),
    [
        ("cloudflared", None, QUICK, "https://four-words-made-up.trycloudflare.com"),
        ("cloudflared", "t", NAMED, "https://bot.example.com"),
        ("ngrok", None, NGROK, "https://ab12.ngrok-free.app"),
        ("ssh", None, SSH, "https://abcdef.lhr.life"),
        ("cloudflared", None, "failed: https://api.trycloudflare.com/tunnel", None),
        ("ngrok", None, "t=2026 lvl=info msg=starting web addr=127.0.0.1:4040", None),
        ("ssh", None, "create an account at https://admin.localhost.run/", None),
    ],
)
def test_the_public_address_is_found_in_what_tools_print(
    name: str, token: str | None, line: str, address: str | None
) -> None:
    (tool,) = [one for one in tools(LOCAL, token) if one.name == name]
    assert public_address(tool, line) == address


def test_a_token_is_not_on_the_command_line() -> None:
    (tool,) = [one for one in tools(LOCAL, "hunter2") if one.name == "cloudflared"]
    assert tool.environment == {"TUNNEL_TOKEN": "hunter2"}
    assert "hunter2" not in repr(tool)


class Machine:
    """A machine on which only the programs given are installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs = folder / "bin"
        self.programs.mkdir()
        self.started: list[subprocess.Popen[str]] = []

    def install(self, name: str, text: str) -> None:
        program = self.programs / name
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)

    def tunnel(self, *arguments: str, settings: dict[str, str] | None = None) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "scripts.tunnel", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            env={
                "PATH": str(self.programs),
                "PYTHONPATH": os.pathsep.join((str(REPOSITORY), str(REPOSITORY / "src"))),
                **(settings or {}),
            },
            text=True,
        )
        self.started.append(process)
        return process


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine with nothing installed."""
    machine = Machine(tmp_path)
    yield machine
    for process in machine.started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_without_any_tool_it_says_which_there_are(machine: Machine) -> None:
    process = machine.tunnel()
    out, err = process.communicate(timeout=60)

    assert (process.returncode, out) == (3, "")
    assert "neither cloudflared nor ngrok nor ssh is installed" in err
    for name in ("cloudflared", "ngrok", "ssh"):
        assert f"  {name}: " in err
    other = machine.tunnel("--with", "ngrok")
    _, err = other.communicate(timeout=60)
    assert (other.returncode, "ngrok is not installed" in err) == (3, True)


def test_it_prints_the_addresses_and_ends_the_tool_with_itself(machine: Machine) -> None:
    sleep = "exec /bin/sleep 600"
    machine.install("ssh", f"echo '{SSH}'\n{sleep}")
    machine.install(
        "cloudflared", f"echo \"$@ token=$TUNNEL_TOKEN\" >seen\necho $$ >pid\necho '{QUICK}' >&2\n{sleep}"
    )
    process = machine.tunnel("--url", "localhost:1")

    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(4)]
    assert re.match(
        r"Public address +https://four-words-made-up.trycloudflare.com +\(by cloudflared\)", lines[0]
    )
    assert "https://four-words-made-up.trycloudflare.com/api/v1/webhooks/test" in lines[1]
    assert "/api/v1/signal-webhooks/ID/in" in lines[2]
    assert "reaches the whole API" in lines[3]
    assert (machine.folder / "seen").read_text() == "tunnel --no-autoupdate --url http://localhost:1 token=\n"

    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "No service answers at http://localhost:1" in err
    pid = int((machine.folder / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_tool_that_fails_is_quoted(machine: Machine) -> None:
    machine.install("ngrok", "echo 'ERR_NGROK_4018: authentication failed' >&2\nexit 1")
    process = machine.tunnel("--url", "localhost:1")
    _, err = process.communicate(timeout=60)

    assert process.returncode == 3
    assert "ngrok ended with 1; it said last:\n  ERR_NGROK_4018" in err
    assert "Traceback" not in err


def test_a_token_reaches_the_tool_by_its_environment(machine: Machine) -> None:
    machine.install(
        "cloudflared", f"echo \"$@ token=$TUNNEL_TOKEN\" >seen\necho '{NAMED}'\nexec /bin/sleep 600"
    )
    process = machine.tunnel("--url", "localhost:1", settings={TOKEN_SETTING: "hunter2"})

    assert process.stdout is not None
    assert "https://bot.example.com" in process.stdout.readline()
    assert (machine.folder / "seen").read_text() == "tunnel --no-autoupdate run token=hunter2\n"


def test_tools_without_an_account_come_first(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(machine.programs))
    for name in ("ssh", "ngrok", "cloudflared"):
        machine.install(name, "exit 0")
        tool, path = choose(tools(LOCAL, None), None)
        assert (tool.name, path) == (name, str(machine.programs / name))
