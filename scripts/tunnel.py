"""Make the running service reachable from the internet while a webhook is being set up: `make tunnel`.

Uses whichever of cloudflared, ngrok and ssh is installed, in this order (`--with` chooses), prints the public addresses, and ends
with Ctrl-C. With CLOUDFLARE_TUNNEL_TOKEN it is the named tunnel of that token instead of one with an address made up for now.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import signal
import sys
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from dotenv import dotenv_values

from nexgent.cli import exit_codes
from nexgent.cli.address import find_service
from nexgent.cli.api_client import ApiClient, add_connection_options
from nexgent.cli.failures import reported
from nexgent.config.settings import Settings
from nexgent.infrastructure.embedded import launcher
from nexgent.shared.errors import NexgentError, UnavailableError

TOKEN_SETTING = "CLOUDFLARE_TUNNEL_TOKEN"  # noqa: S105 -- the name of a setting
STOP_SECONDS = 5.0
LAST_LINES = 15
WAITING_SECONDS = 20.0


class TunnelError(UnavailableError):
    """There is no tunnel to be had."""

    code = "TUNNEL_UNAVAILABLE"


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that makes a tunnel: its arguments, and how its output names the public address."""

    name: str
    arguments: tuple[str, ...]
    address: re.Pattern[str]
    install: str
    environment: dict[str, str] = field(default_factory=dict, repr=False)


def tools(local: str, token: str | None) -> list[Tool]:
    """Return the tools we know, the ones that need no account first."""
    parts = urlsplit(local)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if token:
        # In the environment, where lists of processes do not show it.
        cloudflared = Tool(
            "cloudflared",
            ("tunnel", "--no-autoupdate", "run"),
            re.compile(r'\\?"hostname\\?":\\?"([^"\\]+)'),
            _CLOUDFLARED,
            {"TUNNEL_TOKEN": token},
        )
    else:
        cloudflared = Tool(
            "cloudflared",
            ("tunnel", "--no-autoupdate", "--url", local),
            re.compile(r"(https://(?!api\.)[a-z0-9-]+\.trycloudflare\.com)"),
            _CLOUDFLARED,
        )
    ngrok = Tool(
        "ngrok",
        ("http", local, "--log", "stdout", "--log-format", "logfmt"),
        re.compile(r"\burl=(https://\S+)"),
        "ngrok: https://ngrok.com/download (needs a free account)",
    )
    options = (
        "StrictHostKeyChecking=accept-new",
        "ServerAliveInterval=30",
        "ExitOnForwardFailure=yes",
        "BatchMode=yes",
    )
    ssh = Tool(
        "ssh",
        (
            "-T",
            *(word for option in options for word in ("-o", option)),
            *("-R", f"80:{parts.hostname}:{port}", "nokey@localhost.run"),
        ),
        re.compile(r"tunneled with tls termination, (https://\S+)"),
        "ssh: apt-get install openssh-client (goes by way of localhost.run)",
    )
    return [cloudflared, ngrok, ssh]


_CLOUDFLARED = "cloudflared: brew install cloudflared, or https://developers.cloudflare.com/cloudflare-one/networks/connectors/cloudflare-tunnel/downloads/"


def choose(known: Sequence[Tool], wanted: str | None) -> tuple[Tool, str]:
    """Return a tool and the path of its program. Raises `TunnelError` saying what could be installed."""
    for tool in known:
        path = shutil.which(tool.name) if wanted in {None, tool.name} else None
        if path is not None:
            return tool, path
    missing = wanted or "neither cloudflared nor ngrok nor ssh"
    raise TunnelError(
        "\n  ".join(
            (
                f"There is no program for a tunnel: {missing} {'is not' if wanted else 'is'} installed. Install one of",
                *(tool.install for tool in known if wanted in {None, tool.name}),
            )
        )
    )


def public_address(tool: Tool, line: str) -> str | None:
    """Return the public address in a line of a tool's output."""
    found = tool.address.search(line)
    if found is None:
        return None
    return found[1].rstrip("/") if "://" in found[1] else f"https://{found[1]}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run until Ctrl-C; return an exit code as the commands do."""
    parser = argparse.ArgumentParser(prog="make tunnel", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--with", dest="tool", choices=("cloudflared", "ngrok", "ssh"), help="which tool to use"
    )
    add_connection_options(parser)
    arguments = parser.parse_args(argv)
    try:
        return reported(lambda: asyncio.run(_run(arguments)))
    except asyncio.CancelledError:
        return exit_codes.OK


async def _run(arguments: argparse.Namespace) -> int:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    settings = Settings.load()
    service = find_service(arguments, settings)
    tool, path = choose(tools(service.url, _token()), arguments.tool)
    if not await _answers(service.url):
        print(
            f"No service answers at {service.url} ({service.why}) yet; the tunnel leads there all the same.",
            file=sys.stderr,
        )
    await _tunnel(tool, path, arguments, settings)
    return exit_codes.CANNOT_START


async def _tunnel(tool: Tool, path: str, arguments: argparse.Namespace, settings: Settings) -> None:
    """Keep the tunnel open until cancelled. Raises `TunnelError` when it ends by itself."""
    spec: launcher.LaunchSpec = {
        "argv": [path, *tool.arguments],
        "parent_pid": os.getpid(),
        "uid": None,
        "gid": None,
        "capability": None,
        "death_signal": int(signal.SIGTERM),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", str(Path(launcher.__file__)), json.dumps(spec)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **tool.environment},
        start_new_session=True,
    )
    last: deque[str] = deque(maxlen=LAST_LINES)
    shown: str | None = None
    patience = asyncio.get_running_loop().call_later(WAITING_SECONDS, _say_waiting, tool, last)
    try:
        assert process.stdout is not None
        async for raw in process.stdout:
            line = raw.decode(errors="replace").rstrip()
            last.append(line)
            address = public_address(tool, line)
            # Some tools change their address while they run.
            if address is not None and address != shown:
                patience.cancel()
                shown = address
                await _introduce(address, tool, arguments, settings)
        code = await process.wait()
    finally:
        patience.cancel()
        await _stop(process)
    said = "\n  ".join(("", *last))
    raise TunnelError(f"{tool.name} ended with {code}; it said last:{said}")


async def _introduce(address: str, tool: Tool, arguments: argparse.Namespace, settings: Settings) -> None:
    lines = [
        f"Public address    {address}   (by {tool.name})",
        f"To try it         curl -X POST {address}/api/v1/webhooks/test -H 'Content-Type: application/json' -d '{{}}'",
    ]
    hooks = await _webhooks(arguments, settings)
    lines += [f"Webhook           {address}{path}   ({name})" for name, path in hooks]
    if not hooks:
        lines.append(f"Signal webhooks   {address}/api/v1/signal-webhooks/ID/in")
    lines.append("Whoever knows the address reaches the whole API. Ctrl-C ends the tunnel.")
    print("\n".join(lines), flush=True)


async def _webhooks(arguments: argparse.Namespace, settings: Settings) -> list[tuple[str, str]]:
    """Return names and paths of the caller's signal webhooks; none when nobody can be asked."""
    with suppress(NexgentError, KeyError, TypeError):
        async with ApiClient.of(arguments, settings) as api:
            return [(str(one["name"]), str(one["path"])) for one in await api.call("GET", "/signal-webhooks")]
    return []


async def _answers(url: str) -> bool:
    with suppress(httpx.HTTPError):
        async with httpx.AsyncClient(timeout=3.0) as http:
            return (await http.get(f"{url}/api/v1/health/live")).status_code == 200
    return False


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _say_waiting(tool: Tool, last: deque[str]) -> None:
    said = "\n  ".join(("", *last))
    print(f"{tool.name} has named no address yet; it said so far:{said}", file=sys.stderr, flush=True)


def _token() -> str | None:
    given = os.environ.get(TOKEN_SETTING, "").strip()
    if given:
        return given
    with suppress(OSError, UnicodeDecodeError):
        return (dotenv_values(".env", encoding="utf-8").get(TOKEN_SETTING) or "").strip() or None
    return None


if __name__ == "__main__":
    sys.exit(main())
