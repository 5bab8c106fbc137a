"""Whatever a command prints, names of others in it move no cursor and hide nothing: by no print, error or question."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from nexgent.cli.terminal import harmless

HOSTILE = "a\\x1b[2J\\x1b]0;title\\x07b\\x9b31mc\\u202ed\\x7fe\\rf"
SHOWN = "a\ufffd[2J\ufffd]0;title\ufffdb\ufffd31mc\ufffdd\ufffde\ufffdf"
COMMAND = """
import sys
from nexgent.cli import main, version
from nexgent.shared.errors import InvalidInputError
HOSTILE = "{hostile}"
def run(_):
    {body}
    return 0
version.run = run
sys.argv = ["nexgent", "version"]
main.main()
"""


def printed(body: str, **environment: str) -> tuple[str, str]:
    """Run the command line with a command that does so; return its output and its errors."""
    done = subprocess.run(
        [sys.executable, "-c", COMMAND.format(hostile=HOSTILE, body=body)],
        env={**os.environ, **environment},
        capture_output=True,
        check=False,
    )
    return done.stdout.decode(), done.stderr.decode()


def test_what_is_printed_is_harmless() -> None:
    assert printed("print(HOSTILE, 'two', sep='\\t')")[0] == f"{SHOWN}\ttwo\n"


def test_what_went_wrong_is_harmless() -> None:
    assert printed("raise InvalidInputError(HOSTILE)")[1] == f"{SHOWN}\n"
    assert "\x1b" not in printed("raise RuntimeError(HOSTILE)", NEXGENT_DEBUG="1")[1]
    assert printed("print(HOSTILE, file=sys.stderr)")[1] == f"{SHOWN}\n"


def test_what_is_drawn_has_our_colours_and_those_of_nobody_else() -> None:
    body = (
        "from nexgent.cli.screen import Screen; from rich.text import Text; print('before'); "
        "Screen(force_terminal=True, color_system='standard', soft_wrap=True).print(Text(HOSTILE, 'red')); print('after')"
    )
    drawn = printed(body)[0]

    assert drawn.startswith("before\n\x1b[31m")
    assert drawn.endswith("\x1b[0m\nafter\n")
    assert "\x1b[2J" not in drawn
    assert "\x9b" not in drawn
    assert "\x07" not in drawn


def test_bytes_are_written_as_they_are() -> None:
    assert printed("sys.stdout.buffer.write(HOSTILE.encode())")[0] == HOSTILE.encode().decode(
        "unicode_escape"
    )


def test_a_question_is_harmless() -> None:
    leader, follower = pty.openpty()
    body = "from nexgent.cli.questions import agreed; agreed(HOSTILE)"
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND.format(hostile=HOSTILE, body=body)],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    os.write(leader, b"n\n")
    seen = b""
    while b"Nothing was done" not in seen and (more := _read(leader)):
        seen += more
    process.wait()
    os.close(leader)

    assert SHOWN.encode() in seen
    assert b"\x1b[2J" not in seen


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""


@pytest.mark.parametrize(
    "text",
    ["", "plain", "two\nlines\tand a tab", "Ünïcode ✓ 漢字 🚀", "1\u00a0000 SOL", '{"json": "\\u001b"}'],
)
def test_what_is_harmless_stays_as_it_is(text: str) -> None:
    assert harmless(text) == text
