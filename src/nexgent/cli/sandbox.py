"""`nexgent sandbox`."""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

from nexgent.cli import exit_codes
from nexgent.cli.address import service_url
from nexgent.cli.options import port
from nexgent.cli.running import end_on_signals, load_settings, run_async
from nexgent.sandbox.control import SandboxControl
from nexgent.sandbox.scenarios import SCENARIOS, Scenario, play, token_of
from nexgent.sandbox.server import serve_sandbox
from nexgent.sandbox.settings import SandboxSettings
from nexgent.shared.errors import InvalidInputError

FASTEST = 1000.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Add options for the settings people change most, and for stories."""
    parser.add_argument("--port", type=port, help="port to listen on (SANDBOX_PORT, 4100)")
    parser.add_argument("--quiet", action="store_true", help="do not print how to use it")
    stories = parser.add_argument_group("stories, which a market tells of one token")
    stories.add_argument(
        "--scenario", choices=sorted(SCENARIOS), metavar="NAME", help="play this one, and go on serving"
    )
    stories.add_argument("--scenarios", action="store_true", help="list them and end")
    stories.add_argument("--token", metavar="MINT|SYMBOL", help="of which token (the first)")
    stories.add_argument(
        "--speed", type=_speed, default=1.0, metavar="FACTOR", help="so many times as fast (1)"
    )
    stories.add_argument(
        "--at",
        type=service_url,
        metavar="ADDRESS",
        help="play it on the sandbox that runs there, such as the demo's, start none, and end with the story",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run until told to stop, or until a story at another sandbox is over."""
    if arguments.scenarios:
        for one in SCENARIOS.values():
            print(f"{one.name:<13} {one.seconds:4.0f} s  {one.about}")
        return exit_codes.OK
    load_settings()
    scenario = SCENARIOS[arguments.scenario] if arguments.scenario is not None else None
    if arguments.at is not None:
        if scenario is None:
            raise InvalidInputError("--at says where to play a story; --scenario NAME says which one")
        try:
            run_async(_play_elsewhere(arguments, scenario))
        except asyncio.CancelledError:
            return exit_codes.INTERRUPTED
        return exit_codes.OK
    settings = SandboxSettings() if arguments.port is None else SandboxSettings(port=arguments.port)
    run_async(_serve(arguments, settings, scenario))
    return exit_codes.OK


async def _serve(arguments: argparse.Namespace, settings: SandboxSettings, scenario: Scenario | None) -> None:
    listening: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def ready(url: str) -> None:
        if not arguments.quiet:
            print(f"The sandbox market listens on {url}; its control API is {url}/control/state", flush=True)
        listening.set_result(url)

    serving = asyncio.ensure_future(serve_sandbox(settings, ready=ready))
    begun: set[asyncio.Future[Any]] = {serving, listening}
    await asyncio.wait(begun, return_when=asyncio.FIRST_COMPLETED)
    if scenario is None or serving.done():
        return await serving
    story = asyncio.ensure_future(_play(arguments, scenario, listening.result()))
    try:
        await asyncio.wait({serving, story}, return_when=asyncio.FIRST_COMPLETED)
        if not serving.done():
            # A story that cannot be told, of a token there is not, ends the command; one that is over does not.
            story.result()
        return await serving
    finally:
        for task in (serving, story):
            task.cancel()
        await asyncio.gather(serving, story, return_exceptions=True)


async def _play_elsewhere(arguments: argparse.Namespace, scenario: Scenario) -> None:
    # Ctrl-C ends the story, and what it had broken is mended.
    end_on_signals()
    await _play(arguments, scenario, arguments.at)


async def _play(arguments: argparse.Namespace, scenario: Scenario, url: str) -> None:
    async with SandboxControl(url) as control:
        token = await token_of(control, arguments.token)
        await play(scenario, control, token, speed=arguments.speed, tell=_tell)


def _tell(line: str) -> None:
    print(line, flush=True)


def _speed(text: str) -> float:
    try:
        speed = float(text) if text.isascii() else 0.0
    except ValueError:
        speed = 0.0
    if not 0 < speed <= FASTEST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0, up to {FASTEST:g}")
    return speed
