"""`nexgent COMMAND`. Commands are imported only when they are called, so that `--help` answers at once."""

from __future__ import annotations

import argparse
import gc
import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from nexgent.cli import exit_codes
from nexgent.cli.terminal import guard_output


@dataclass(frozen=True, slots=True)
class Command:
    """A command: its module has `configure(parser)` and `run(arguments) -> int`."""

    name: str
    module: str
    summary: str


COMMANDS = (
    Command("serve", "nexgent.cli.serve", "run the service (API, engine, WebSocket; the worker beside it)"),
    Command("worker", "nexgent.cli.worker", "run the worker alone"),
    Command(
        "sandbox", "nexgent.cli.sandbox", "run the local market that speaks the upstream services' contracts"
    ),
    Command("demo", "nexgent.cli.demo", "run sandbox and service with a demo agent (what `make run` does)"),
    Command("dashboard", "nexgent.cli.dashboard", "print an address that opens the dashboard, logged in"),
    Command("watch", "nexgent.cli.watch", "follow an agent live in the terminal"),
    Command(
        "agents",
        "nexgent.cli.manage_agents",
        "make agents, set their rules, start, stop, copy and delete them",
    ),
    Command("deposit", "nexgent.cli.deposit", "simulated SOL for an agent that trades on paper"),
    Command("positions", "nexgent.cli.positions", "what an agent holds"),
    Command("history", "nexgent.cli.history", "the closed trades of an agent"),
    Command("report", "nexgent.cli.report", "what trades brought by the day, week, token, reason or signal"),
    Command("buy", "nexgent.cli.buy", "buy a token by hand, or see what it would be"),
    Command("close", "nexgent.cli.close", "sell a position by hand, a part of it, or everything"),
    Command("signal", "nexgent.cli.post_signal", "post a trading signal"),
    Command("log-level", "nexgent.cli.log_level", "show or change how much the running service logs"),
    Command("explain", "nexgent.cli.explain", "show what every agent decided on a signal, and why"),
    Command(
        "protections", "nexgent.cli.protections", "show or reset an agent's protections; the kill switch"
    ),
    Command("live", "nexgent.cli.live", "check everything that must be right before real money"),
    Command("shadow", "nexgent.cli.shadow", "how far an agent's real fills are from simulated ones"),
    Command("panic", "nexgent.cli.panic", "stop all entries and, with --flatten, exit everything"),
    Command("wallets", "nexgent.cli.wallets", "list wallets; unlock and lock encrypted ones"),
    Command("adopt", "nexgent.cli.adopt", "tokens in live wallets that no position accounts for"),
    Command("rent", "nexgent.cli.rent", "deposits locked in token accounts; taking them back"),
    Command("notify", "nexgent.cli.notify", "where you are told what happens, and what you were told"),
    Command("admin", "nexgent.cli.admin", "lift a lock of an account; set a password"),
    Command("cache", "nexgent.cli.cache", "show, write again or drop the copies in Redis"),
    Command("migrate", "nexgent.cli.migrate", "bring the database to the present schema"),
    Command(
        "verify", "nexgent.cli.verify", "recompute every balance from the journal and compare; the chain too"
    ),
    Command("engines", "nexgent.cli.engines", "who trades, for which share of the agents"),
    Command(
        "journal",
        "nexgent.cli.journal",
        "the journal's parts, a month each: check one by itself, put it into a file and back",
    ),
    Command(
        "backup", "nexgent.cli.backup", "everything in the database as one file, while the service trades"
    ),
    Command("restore", "nexgent.cli.restore", "put a backup into an empty database; or only check it"),
    Command(
        "import-reference",
        "nexgent.cli.import_reference",
        "take over an installation of the reference; shows first what would happen",
    ),
    Command("doctor", "nexgent.cli.doctor", "check settings, servers and upstream services"),
    Command(
        "mcp", "nexgent.cli.mcp", "tools for programs that speak the Model Context Protocol; paper at most"
    ),
    Command(
        "telegram",
        "nexgent.cli.telegram_bot.command",
        "a bot of Telegram: ask, stop entries, sell positions",
    ),
    Command("config", "nexgent.cli.config", "what is set and from where; is it usable; all there is to set"),
    Command("secret", "nexgent.cli.secret", "make a JWT secret"),
    Command("completion", "nexgent.cli.completion", "what a shell needs to complete commands and options"),
    Command("version", "nexgent.cli.version", "print the version"),
)

LASTING = ("serve", "worker")
"""Commands that run for long."""

EPILOG = """exit codes: 0 done, 1 a problem was found, 2 wrong usage or setting, 3 cannot start, 130 interrupted.
Settings come from the environment and from .env; env.example explains each of them."""


class _Version(argparse.Action):
    """Print the version and end. Looked up only when it is asked for: that takes as long as everything else in `--help`."""

    def __init__(self, option_strings: Sequence[str], dest: str, **options: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, **options)

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        _namespace: argparse.Namespace,
        _values: object,
        _option: str | None = None,
    ) -> None:
        importlib.import_module("nexgent.cli.version").run(argparse.Namespace())
        parser.exit()


def _load_without_looks() -> None:
    """Import structlog and httpx without rich and pygments, which they load for screens: 8 MB that a service keeps for nothing.

    Both do without when these cannot be imported.
    """
    hidden = [name for name in ("rich", "pygments") if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # "is not installed"
    try:
        importlib.import_module("structlog")
        importlib.import_module("httpx")
    finally:
        for name in hidden:
            del sys.modules[name]


def _load(name: str) -> ModuleType:
    """Import a command without the garbage collector, which takes a tenth of the time and finds next to nothing."""
    gc.disable()
    try:
        return importlib.import_module(name)
    finally:
        gc.enable()


def build_parser(chosen: str | None, *, everything: bool = False) -> argparse.ArgumentParser:
    """Return the parser; only the chosen command's own options are loaded, unless everything is asked for."""
    parser = argparse.ArgumentParser(
        prog="nexgent",
        description="Self-hosted trading engine for Solana tokens.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, help="print the version")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in COMMANDS:
        sub = commands.add_parser(command.name, help=command.summary, description=command.summary)
        if everything:
            _load(command.module).configure(sub)
        elif command.name == chosen:
            if command.name in LASTING:
                _load_without_looks()
            module = _load(command.module)
            module.configure(sub)
    return parser


def run(argv: Sequence[str]) -> int:
    """Run a command line; return its exit code."""
    names = {command.name: command for command in COMMANDS}
    chosen = next((word for word in argv if word in names), None)
    arguments = build_parser(chosen).parse_args(argv)
    module = importlib.import_module(names[arguments.command].module)
    from nexgent.cli.failures import reported  # noqa: PLC0415 -- imports the settings, which `--help` does not need

    try:
        code: int = reported(lambda: module.run(arguments))
    except KeyboardInterrupt:
        return exit_codes.INTERRUPTED
    return code


def main() -> None:
    """Run the command line of this process."""
    guard_output()
    sys.exit(run(sys.argv[1:]))
