"""How commands end that run until they are told to."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from nexgent.cli import running


def test_a_command_that_a_script_started_in_the_background_ends_too() -> None:
    async def command() -> None:
        running.end_on_signals()
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(3600)

    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(command())
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_ends_although_its_first_cancelling_is_lost(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    monkeypatch.setattr(running, "CANCEL_AGAIN_SECONDS", 0.01)
    lost = 0

    async def command() -> None:
        nonlocal lost
        running.end_on_signals()
        os.kill(os.getpid(), number)
        while lost < 2:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                lost += 1
        await asyncio.sleep(3600)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(command())
    assert lost == 2
