"""`nexgent deposit SOL`: simulated SOL for an agent that trades on paper."""

from __future__ import annotations

import argparse
from datetime import UTC
from typing import Any

from nexgent.cli.agents import add_agent_option, find_agent
from nexgent.cli.api_client import ApiClient, add_connection_options
from nexgent.cli.options import amount_sol
from nexgent.cli.running import answer
from nexgent.config.settings import Settings
from nexgent.shared.clock import SystemClock
from nexgent.shared.money import SOL_MINT, SOL_SYMBOL


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("amount", type=amount_sol, metavar="SOL", help="how much")
    add_agent_option(parser, "the only one, if there is one")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_connection_options(parser)
    parser.epilog = "A live wallet is funded on the chain; what arrives there becomes an entry by itself."


def run(arguments: argparse.Namespace) -> int:
    """Deposit and say so."""
    return answer(arguments, _act)


async def _act(arguments: argparse.Namespace, settings: Settings) -> tuple[list[str], Any]:
    async with ApiClient.of(arguments, settings) as api:
        agent = await find_agent(api, arguments.agent)
        now = SystemClock().now().astimezone(UTC).isoformat()
        entered = await deposit(api, agent["id"], f"{arguments.amount:f}", now)
        return [f"{arguments.amount} simulated SOL are deposited for {agent['name']}."], entered


async def deposit(api: ApiClient, agent_id: str, amount_sol: str, at: str) -> Any:  # JSON of the transaction
    """Enter a deposit of simulated SOL."""
    body = {
        "agentId": agent_id,
        "transactionType": "DEPOSIT",
        "transactionTime": at,
        "transactionValueUsd": 0,
        "inputMint": SOL_MINT,
        "inputSymbol": SOL_SYMBOL,
        "inputAmount": amount_sol,
        "inputPrice": "1",
    }
    return await api.call("POST", "/agent-transactions", body)
