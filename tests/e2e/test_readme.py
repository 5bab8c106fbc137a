"""README and the tutorials are true: each command is run as it stands there, in order, in a clean folder against a real service.

Nothing is repeated here that they say. What is added is what a command's answer has to look like; a command that is new there
fails until somebody says so here, and one that is gone fails until it is gone here.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, Queue

import httpx
import psutil
import pytest

from nexgent.cli.main import COMMANDS
from tests.conftest import REPOSITORY
from tests.e2e.product import free_port, until
from tests.forks import program
from tests.patience import PATIENCE_SECONDS

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
TUTORIALS = [
    (REPOSITORY / "docs" / name).read_text(encoding="utf-8") for name in ("index.md", "api.md", "webhooks.md")
]
PAGES = [TUTORIALS[0], README, *TUTORIALS[1:]]
"""In the order they are followed here: the newcomer's page has the demo's agent alone."""
ENV_EXAMPLE = (REPOSITORY / "env.example").read_text(encoding="utf-8")
MAKEFILE = (REPOSITORY / "Makefile").read_text(encoding="utf-8")

NOT_RUN = {
    "make run": "installs into .venv; what it starts, `nexgent demo`, is what all of this runs against",
    "make test": "is this very run",
    ".venv/bin/nexgent serve": "would trade on the real market; every other end-to-end test starts it on the sandbox",
    ".venv/bin/nexgent verify --chain": "the demo has no live wallet: tests/e2e/test_reconciliation.py",
    ".venv/bin/nexgent adopt": "the demo has no live wallet: tests/e2e/test_reconciliation.py",
    ".venv/bin/nexgent rent": "the demo has no live wallet: tests/e2e/test_reconciliation.py",
    ".venv/bin/nexgent wallets --unlock ADDRESS": "needs an encrypted wallet: tests/e2e/test_encrypted_wallet.py",
}
"""Commands that cannot be run here, and why."""

FOLLOWED = {
    ".venv/bin/nexgent watch": "SOL   connected$",
    '.venv/bin/nexgent watch --agent "My first agent"': r"(holds|opened) TIRA|closed trades [1-9]",
}
"""Commands that end when they are told to, and what they print before that."""

ANSWERS = {
    ".venv/bin/nexgent signal TIRA": r"Signal \d+ is stored",
    "api() {": "^$",
    "field() {": "^$",
    "TOKEN=": "^$",
    "AGENT=": "^$",
    "api /agent-transactions": r'"agentId":"[0-9a-f-]{36}".*"transactionType":"DEPOSIT"',
    'api "/agents/$AGENT/config"': r'"minScore":3.*"defaultPercentage":-10.*"targetPercent":20',
    ".venv/bin/nexgent signal TIRA --strength 4": r"Signal \d+ is stored",
    ".venv/bin/nexgent explain": r"agent My first agent \([0-9a-f-]{36}\): EXECUTED",
    ".venv/bin/nexgent doctor": r"service +(healthy|degraded) at http://\S+:\d+",
    ".venv/bin/nexgent wallets": r"sim_\w+ +simulation +simulation +ready +My first agent",
    '.venv/bin/nexgent agents create "My second agent"': r"is made: [0-9a-f-]{36}\n5 simulated SOL are deposited",
    '.venv/bin/nexgent agents config "My second agent"': r"My second agent trades by the new rules",
    ".venv/bin/nexgent buy TIRA": r"My second agent bought \S+ TIRA for \d+\.\d+ SOL",
    # The demo's prices move: its stop loss may have been first.
    ".venv/bin/nexgent positions": r"TIRA|My second agent holds nothing",
    ".venv/bin/nexgent close --all": r"Sold \S+ TIRA for \d+\.\d+ SOL|My second agent holds nothing|not held any more",
    ".venv/bin/nexgent report": r"TIRA",
    ".venv/bin/nexgent backup books.backup": r"Backed up \d\d tables with \d+ rows as of 20",
    ".venv/bin/nexgent restore --check books.backup": r"The backup is whole: \d\d tables",
    "api /signal-webhooks": r'"path":"/api/v1/signal-webhooks/[0-9a-f-]{36}/in".*"secret":"whs_',
}
"""How a command of README begins, and what its answer has to match."""

TOLD_ELSEWHERE = {
    ".venv/bin/nexgent signal TIRA --strength 5 --test": r"agent Demo \([0-9a-f-]{36}\): WOULD_BUY",
    ".venv/bin/nexgent explain": r"agent Demo \([0-9a-f-]{36}\): EXECUTED",
    # The demo's prices move: its stop loss may have been first.
    ".venv/bin/nexgent positions": r"TIRA|holds nothing",
    ".venv/bin/nexgent close --all --yes": r"Sold \S+ TIRA for \d+\.\d+ SOL|holds nothing|not held any more",
    ".venv/bin/nexgent history": r"TIRA",
    ".venv/bin/nexgent report --by reason": r"[1-9]",
    ".venv/bin/nexgent sandbox --scenarios": r"rug +\d+ s",
    "api /auth/me": r'"email":"demo@nexgent.local"',
    "KEY=": "^$",
    "curl -sS -H": r'^\[.*"symbol":"TIRA"',
    "api '/trading-signals?limit=2'": r'^\[\{"id":\d+.*"id":\d+',
    "api /overview": r'^\{".*Sol"',
}
"""The same of the tutorials, where that is something else."""

CODES = {".venv/bin/nexgent doctor": {0, 1}}
"""Exit codes other than 0. The upstream services need not be reachable from here."""

RETRIED = ".venv/bin/nexgent explain"
"""Agents decide after the signal was answered: what this shows may be a moment away."""


@dataclass(frozen=True, slots=True)
class Block:
    """A code block of README."""

    language: str
    text: str


def blocks(text: str = README) -> list[Block]:
    """Return the code blocks of a document."""
    return [Block(*found) for found in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)]


def commands(text: str = README) -> list[str]:
    """Return the commands of a document's shell blocks in order, without comments; quoted text may run over lines."""
    found: list[str] = []
    for block in blocks(text):
        if block.language != "sh":
            continue
        command = ""
        for line in block.text.splitlines():
            command = f"{command}\n{line}" if command else line
            if _is_complete(command):
                found.append(re.sub(r"\s+# .*$", "", command) if "\n" not in command else command)
                command = ""
        assert not command, f"there is a command that does not end: {command}"
    return found


def _is_complete(command: str) -> bool:
    return subprocess.run(["sh", "-n", "-c", command], capture_output=True, check=False).returncode == 0


def everything() -> list[tuple[str, str | None]]:
    """Return the commands of all pages, each with what its answer has to match, None when nobody has said."""
    return [
        (command, expected(command, {} if page is README else TOLD_ELSEWHERE))
        for page in PAGES
        for command in commands(page)
    ]


def expected(command: str, elsewhere: dict[str, str]) -> str | None:
    """Return what the answer has to match: by the longest beginning that is known."""
    answers = ANSWERS | elsewhere
    known = [beginning for beginning in answers if command == beginning or command.startswith(beginning)]
    return answers[max(known, key=len)] if known else None


class Shell:
    """One shell for all of README, as a reader has one: what is set stays set."""

    def __init__(self, folder: Path) -> None:
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "COLUMNS": "200",
        }
        self.folder = folder
        self._process = subprocess.Popen(
            ["sh"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=self.environment,
            text=True,
            start_new_session=True,
        )
        self._lines: Queue[str] = Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)

    def run(self, command: str) -> tuple[int, str]:
        """Run a command; return its exit code and what it printed."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{{ {command}\n}} </dev/null\nprintf '\\n--done %s\\n' $?\n")
        self._process.stdin.flush()
        printed = ""
        while True:
            try:
                line = self._lines.get(timeout=PATIENCE_SECONDS)
            except Empty:
                raise AssertionError(f"{command} does not end; it printed:\n{printed}") from None
            if line.startswith("--done "):
                return int(line.split()[1]), printed.rstrip("\n")
            printed += line

    def follow(self, command: str, wanted: str) -> str:
        """Run a command that does not end until it has printed what is wanted; return all it printed."""
        process = subprocess.Popen(
            ["sh", "-c", f"exec {command}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.folder,
            env=self.environment,
            text=True,
        )
        # Whoever waits for ever is told to end.
        watchdog = threading.Timer(PATIENCE_SECONDS, process.kill)
        watchdog.start()
        printed = ""
        assert process.stdout is not None
        try:
            for line in process.stdout:
                printed += line
                if re.search(wanted, printed):
                    return printed
            raise AssertionError(f"{command} printed no {wanted!r}:\n{printed}")
        finally:
            watchdog.cancel()
            process.send_signal(signal.SIGINT)
            try:
                process.communicate(timeout=PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                raise

    def close(self) -> None:
        """End the shell."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE_SECONDS)
        if self._process.stdout is not None:
            self._process.stdout.close()


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """A clean folder with the program where README has it, what `make run` starts, and its port."""
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    port = free_port()
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PORT": str(port)}
    with (tmp_path / "demo.log").open("wb") as output:
        process = subprocess.Popen(
            [str(Path(sys.executable).parent / "nexgent"), "demo"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=tmp_path,
            env=environment,
        )
    try:
        # It begins some thirty times: forks do so in a tenth of the time.
        with program(tmp_path / ".venv" / "bin" / "nexgent"):
            yield tmp_path, port
    finally:
        family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.send_signal(signal.SIGINT)
        try:
            process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
        psutil.wait_procs(family, 20)


@pytest.mark.skipif(shutil.which("curl") is None, reason="README's calls of the API are made with curl")
async def test_every_command_is_run(demo: tuple[Path, int]) -> None:
    folder, port = demo

    async def started() -> bool:
        return "Ctrl-C stops everything" in (folder / "demo.log").read_text()

    await until(started, "the demo's screen", PATIENCE_SECONDS)
    shell = Shell(folder)
    answers: dict[str, str] = {}
    try:
        for command, wanted in everything():
            here = command.replace("localhost:4000", f"localhost:{port}")
            if command in NOT_RUN:
                continue
            if command in FOLLOWED:
                answers[command] = await asyncio.to_thread(shell.follow, here, FOLLOWED[command])
                continue
            assert wanted is not None, f"there is a command whose answer nobody checks: {command}"

            async def answered(command: str = command, here: str = here, wanted: str = wanted) -> bool:
                code, said = await asyncio.to_thread(shell.run, here)
                answers[command] = said
                fits = code in CODES.get(command, {0}) and re.search(wanted, said, re.DOTALL) is not None
                if command != RETRIED:
                    assert fits, f"{command}\nended with {code} and said:\n{said}"
                return fits

            await until(answered, command, PATIENCE_SECONDS)
        code, token = shell.run('echo "$TOKEN $AGENT"')
        assert re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+ [0-9a-f-]{36}", token.strip()), (code, token)
    finally:
        shell.close()
    webhook = next(said for command, said in answers.items() if command.startswith("api /signal-webhooks"))
    await _the_alert_is_taken(json.loads(webhook), port)


async def _the_alert_is_taken(webhook: dict[str, str], port: int) -> None:
    """Send README's message of an alert, with what TradingView puts into it, where README says."""
    (alert,) = [block.text for block in blocks() if block.language == "json"]
    filled = (
        alert.replace("whs_…", webhook["secret"])
        .replace("{{ticker}}", "BONKUSDT")
        .replace("{{timenow}}", datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    )
    async with httpx.AsyncClient(timeout=PATIENCE_SECONDS) as http:
        answer = await http.post(
            f"http://localhost:{port}{webhook['path']}",
            content=filled,
            headers={"Content-Type": "application/json"},
        )
    assert answer.status_code < 300, answer.text


def test_nothing_is_excused_or_expected_that_nobody_is_told() -> None:
    found = [command for command, _ in everything()]
    for command in (*NOT_RUN, *FOLLOWED, RETRIED):
        assert command in found
    for beginning in ANSWERS | TOLD_ELSEWHERE:
        assert any(command.startswith(beginning) for command in found), beginning


def inline_commands() -> list[str]:
    """Return what is named as a command within sentences and tables, in README and in all of docs/."""
    told = "\n".join(
        [README, *(one.read_text(encoding="utf-8") for one in sorted((REPOSITORY / "docs").glob("*.md")))]
    )
    text = re.sub(r"^```.*?^```$", "", told, flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"`([^`\n]+)`", text)
    return [one for one in found if re.match(r"(?:[A-Z_]+=\S* )*(?:\.venv/bin/)?(?:nexgent|make) ", one)]


def whole_help(parser: argparse.ArgumentParser) -> str:
    """Return the help of a command and of everything below it."""
    below = [
        one
        for action in parser._actions  # nothing public lists them
        if isinstance(action, argparse._SubParsersAction)
        for one in action.choices.values()
    ]
    return parser.format_help() + "".join(map(whole_help, below))


def test_every_command_named_in_a_sentence_exists_with_its_options() -> None:
    named: set[str] = set()
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    settings = {*re.findall(r"^([A-Z0-9_]+)=", ENV_EXAMPLE, re.MULTILINE), "PYTHON"}
    modules = {command.name: command.module for command in COMMANDS}
    for text in inline_commands():
        words = text.replace("\\|", "|").split()
        while "=" in words[0]:
            assert words[0].partition("=")[0] in settings, text
            words = words[1:]
        program, name, *rest = words
        if program == "make":
            assert name in targets, text
            continue
        if name in {"COMMAND", "--version"}:
            continue
        assert name in modules, text
        named.add(name)
        parser = argparse.ArgumentParser()
        importlib.import_module(modules[name]).configure(parser)
        known = whole_help(parser)
        for option in re.findall(r"--[a-z-]+", " ".join(rest)):
            assert option in known, f"{text}: there is no {option}"
    assert named >= {command.name for command in COMMANDS}, "README's table lacks a command"


def test_settings_named_by_readme_exist() -> None:
    known = set(re.findall(r"^([A-Z0-9_]+)=", ENV_EXAMPLE, re.MULTILINE))
    for block in blocks():
        if block.language == "ini":
            for name in re.findall(r"^([A-Z0-9_]+)=", block.text, re.MULTILINE):
                assert name in known
    table = README[README.index("## Configuration") : README.index("## The API")]
    for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE):
        for name in re.findall(r"`([A-Z0-9_]+)`", row):
            assert name in known


def test_every_block_says_what_it_is() -> None:
    assert {block.language for block in blocks() if block.language} <= {"sh", "ini", "json"}
    # The picture of how it works has no language; everything that can be typed has.
    assert sum(not block.language for block in blocks()) == 1
