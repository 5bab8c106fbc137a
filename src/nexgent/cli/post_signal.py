"""`nexgent signal MINT|SYMBOL`."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable
from typing import Any

from nexgent.cli import exit_codes
from nexgent.cli.api_client import ApiClient, add_connection_options
from nexgent.cli.demo_files import NamedToken, demo_tokens
from nexgent.cli.explain import agent_names, show_decisions
from nexgent.cli.hints import command
from nexgent.cli.options import percent
from nexgent.cli.running import load_settings, run_async
from nexgent.config.settings import Settings
from nexgent.domain.signals.models import SignalAction
from nexgent.shared.errors import InvalidInputError

MINT_ADDRESS = re.compile(r"[1-9A-HJ-NP-Za-km-z]{32,44}")
SIGNALS_TO_SEARCH = 1000


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "token",
        metavar="MINT|SYMBOL",
        help="mint address of the token, or the symbol of one of the demo's or of your earlier signals",
    )
    parser.add_argument("--symbol", help="symbol to show")
    parser.add_argument("--strength", type=int, default=3, choices=range(1, 6), help="1 to 5 (3)")
    parser.add_argument("--type", default="MANUAL", help="free text agents can filter on (MANUAL)")
    parser.add_argument(
        "--action",
        choices=tuple(SignalAction),
        default=SignalAction.BUY.value,
        help="what agents do with the token: buy it, sell all of it (close) or a part (reduce) (buy)",
    )
    parser.add_argument(
        "--percent", type=percent, metavar="N", help="with --action reduce: sell N percent of what is held"
    )
    parser.add_argument(
        "--test", action="store_true", help="only show what every agent would decide; nothing is traded"
    )
    add_connection_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Post the signal and say what to do next."""
    settings = load_settings(level="error")
    if arguments.test:
        test, names = run_async(_send(arguments, settings, "/trading-signals/test"))
        show_decisions(test["decisions"], names)
        return exit_codes.OK
    signal, _ = run_async(_send(arguments, settings, "/trading-signals"))
    signal_id = signal["id"]
    print(f"Signal {signal_id} is stored. What every agent made of it:")
    print(f"  {command('explain', str(signal_id), arguments=arguments)}")
    return exit_codes.OK


def choose_token(wanted: str, known: Iterable[NamedToken]) -> NamedToken:
    """Return the one known token with that symbol, in whatever case.

    Anybody can name a token as they like, so a symbol that stands for two mint addresses is never guessed. Raises
    `InvalidInputError`.
    """
    found = {token.mint: token for token in known if token.symbol.casefold() == wanted.casefold()}
    if len(found) == 1:
        return next(iter(found.values()))
    if found:
        raise InvalidInputError(
            f"{wanted!r} is the symbol of several tokens; give the mint address of one: {', '.join(sorted(found))}"
        )
    raise InvalidInputError(
        f"{wanted!r} is no mint address (32 to 44 base58 characters), and no token is known by that symbol"
    )


async def _send(
    arguments: argparse.Namespace, settings: Settings, path: str
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the answer, and with a test the names of the agents."""
    async with ApiClient.of(arguments, settings) as api:
        token = await token_of(api, arguments.token, demo_tokens(settings.storage.data_dir, api.url))
        body: dict[str, object] = {
            "tokenAddress": token.mint,
            "symbol": arguments.symbol or token.symbol or None,
            "signalType": arguments.type,
            "signalStrength": arguments.strength,
            "source": "nexgent signal",
        }
        if arguments.action != SignalAction.BUY:
            body["action"] = arguments.action
        if arguments.percent is not None:
            body["percent"] = arguments.percent
        answer: dict[str, Any] = await api.call("POST", path, body)
        return answer, await agent_names(api) if arguments.test else {}


async def token_of(api: ApiClient, wanted: str, demo: list[NamedToken]) -> NamedToken:
    """Return the token with that mint address, or the one known by that symbol. Raises `InvalidInputError`."""
    if MINT_ADDRESS.fullmatch(wanted):
        return next((token for token in demo if token.mint == wanted), NamedToken(wanted, ""))
    rows = await api.call("GET", f"/trading-signals?limit={SIGNALS_TO_SEARCH}")
    signals = [NamedToken(row["tokenAddress"], row["symbol"]) for row in rows if row["symbol"]]
    return choose_token(wanted, [*demo, *signals])
