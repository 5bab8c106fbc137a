"""A client of the Model Context Protocol and the running product: what it may do, and that real money is out of reach."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

from solders.keypair import Keypair

from tests.e2e.product import Product, until

if TYPE_CHECKING:
    from mcp import Client, StdioServerParameters


def server(product: Product, *options: str) -> StdioServerParameters:
    """Return how the client starts the command."""
    from mcp import StdioServerParameters  # noqa: PLC0415 -- two seconds that only the process with these tests takes

    environment = {**product.environment, "PATH": os.environ["PATH"]}
    return StdioServerParameters(
        command=sys.executable,
        args=["-m", "nexgent", "mcp", "--url", product.url, *options],
        env=environment,
        cwd=str(product.folder),
    )


async def told(client: Client, name: str, arguments: dict[str, Any]) -> tuple[bool, str]:
    """Call a tool; return whether it failed, and what it said."""
    from mcp_types import TextContent  # noqa: PLC0415 -- as above

    result = await client.call_tool(name, arguments)
    (content,) = result.content
    assert isinstance(content, TextContent)
    return bool(result.is_error), content.text


async def test_tools_read_trade_on_paper_and_keep_off_real_money(product: Product) -> None:
    from mcp import Client  # noqa: PLC0415 -- as above

    agent = await product.agent("Paper")
    token = (await product.tokens())[0]["mint"]

    async with Client(server(product)) as client:
        listed = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert "signals_create_signal" not in listed
        assert listed["agents_list_agents"].annotations is not None
        assert listed["agents_list_agents"].annotations.read_only_hint is True
        failed, text = await told(client, "agents_list_agents", {})
        assert (failed, [one["name"] for one in json.loads(text)]) == (False, ["Paper"])
        failed, text = await told(client, "signals_create_signal", {"body": {"tokenAddress": token}})
        assert (failed, "not allowed here" in text) == (True, True)
        failed, text = await told(client, "agents_get_agent", {"id": "nobody"})
        assert (failed, "agent ID" in text) == (True, True)
        failed, text = await told(client, "agents_get_agent", {})
        assert (failed, text.startswith("id is missing")) == (True, True)

    async with Client(server(product, "--allow", "paper")) as client:
        order = {"tokenAddress": token, "signalType": "TEST", "signalStrength": 3}
        failed, text = await told(client, "signals_create_signal", {"body": order})
        assert not failed, text
        held = await until(lambda: product.positions(agent["id"]), "the agent has bought")
        failed, text = await told(
            client, "agents_update_agent", {"id": agent["id"], "body": {"tradingMode": "live"}}
        )
        assert (failed, "by a person" in text) == (True, True)
        place = {"id": agent["id"], "positionId": held[0]["id"]}
        failed, text = await told(client, "positions_close_position_of_agent", place)
        assert not failed, text
        assert await product.positions(agent["id"]) == []

        # A person gives the agent a live wallet, and then one is set to live.
        key = Keypair()
        body = {"agentId": agent["id"], "passphrase": "a passphrase for tests", "privateKey": str(key)}
        await product.call("POST", "/wallets", body, expect=201)
        bought = {"body": {"agentId": agent["id"], "tokenAddress": token}}
        failed, text = await told(client, "trades_execute_trade", bought)
        assert (failed, text) == (True, "Paper has to do with real money. Only paper is allowed here")
        await product.call("POST", "/agents", {"name": "Real", "tradingMode": "live"}, expect=201)
        failed, text = await told(client, "signals_create_signal", {"body": order})
        assert (failed, "It would concern Real as well" in text) == (True, True)
        assert await product.positions(agent["id"]) == []
