"""`nexgent mcp`: the running service as tools for programs that speak the Model Context Protocol, over standard input and output.

What a tool may touch is decided here and not by who calls it: without `--allow paper` everything only reads, and nothing that
concerns real money can be done at all. Each call looks at the agent as it is now.
"""

from __future__ import annotations

import argparse
import importlib.metadata
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from nexgent.cli import exit_codes
from nexgent.cli.api_client import ApiClient, add_connection_options
from nexgent.cli.mcp_tools import ApiTool, Touches, WrongArgumentsError, tools_of
from nexgent.cli.running import load_settings, run_async
from nexgent.config.settings import Settings
from nexgent.shared.errors import InvalidInputError, NexgentError

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server

MOST_CHARACTERS = 100_000
"""An answer that is longer is cut: lists have `limit`."""
LIVE = "live"
INSTRUCTIONS = (
    "A self-hosted trading engine for Solana tokens. Agents buy on signals and sell by their rules. Amounts are SOL or tokens as "
    "decimal text. `signals_list_decisions` says why an agent did or did not buy; `signal_webhooks_test_signal`, "
    "`trades_preview_trade` and `positions_preview_sale` tell what would happen without doing it."
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--allow",
        choices=["read", "paper"],
        default="read",
        help="what tools may do: only read (default), or trade on paper as well; real money is never touched",
    )
    parser.add_argument(
        "--list", action="store_true", help="print the tools there are and what they may touch, and end"
    )
    add_connection_options(parser)
    parser.epilog = "Needs the extra mcp: pip install 'nexgent[mcp]'."


def run(arguments: argparse.Namespace) -> int:
    """Serve until standard input ends."""
    settings = load_settings(level="error")
    tools = _tools(arguments.allow)
    if arguments.list:
        for tool in tools:
            print(f"{tool.name:<38}  {tool.touches.value:<8}  {tool.title}")
        return exit_codes.OK
    run_async(_serve(arguments, settings, tools))
    return exit_codes.OK


def _tools(allow: str) -> list[ApiTool]:
    from nexgent.api.app import create_api  # noqa: PLC0415 -- a second of imports that `--help` does not need

    allowed = {Touches.NOTHING} if allow == "read" else {Touches.NOTHING, Touches.PAPER}
    return [tool for tool in tools_of(create_api().openapi()) if tool.touches in allowed]


async def _serve(arguments: argparse.Namespace, settings: Settings, tools: list[ApiTool]) -> None:
    try:
        from mcp.server.stdio import stdio_server  # noqa: PLC0415 -- an extra
    except ImportError:
        raise InvalidInputError(
            "`nexgent mcp` needs the extra mcp, which is not installed: pip install 'nexgent[mcp]'"
        ) from None
    async with ApiClient.of(arguments, settings) as api:
        server = server_of(Caller(api, tools))
        async with stdio_server() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())


class RefusedError(NexgentError):
    """The tool may not do that."""

    code = "REFUSED"


class Caller:
    """Carries tools out against the API, each within what it may touch."""

    def __init__(self, api: ApiClient, tools: list[ApiTool]) -> None:
        self._api = api
        self.tools = {tool.name: tool for tool in tools}

    async def call(self, name: str, arguments: Mapping[str, Any]) -> str:
        """Return the answer's text. Raises `NexgentError` in the service's words, `RefusedError`, `WrongArgumentsError`."""
        tool = self.tools.get(name)
        if tool is None:
            raise RefusedError(f"There is no tool {name}, or it is not allowed here (see --allow)")
        path, body = tool.request(arguments)
        if tool.touches is Touches.PAPER:
            await self._keep_off_real_money(tool, arguments)
        answer = await self._api.answer(tool.method, path, body)
        text = answer.text
        if len(text) > MOST_CHARACTERS:
            text = f"{text[:MOST_CHARACTERS]}\n… cut after {MOST_CHARACTERS} characters; ask for less with `limit`"
        cursor = answer.headers.get("x-next-cursor")
        return f"{text}\nnext page: cursor={cursor}" if cursor else text

    async def _keep_off_real_money(self, tool: ApiTool, arguments: Mapping[str, Any]) -> None:
        body = arguments.get("body")
        if isinstance(body, dict) and body.get("tradingMode") == LIVE:
            raise RefusedError(
                "An agent is set to trade with real money by a person: in the dashboard or by `nexgent agents`"
            )
        if tool.concerns_every_agent:
            real = [
                one["name"] for one in await self._api.call("GET", "/agents") if one["tradingMode"] == LIVE
            ]
            if real:
                raise RefusedError(
                    f"It would concern {', '.join(real)} as well, which trade with real money. Only paper is allowed here"
                )
            return
        agent = tool.agent(arguments)
        if agent is not None:
            place = quote(agent, safe="")
            known = await self._api.call("GET", f"/agents/{place}")
            wallets = await self._api.call("GET", f"/wallets/agent/{place}")
            # An agent that trades on paper again may still hold what it bought with real money.
            if known["tradingMode"] == LIVE or any(
                one["walletType"] == LIVE for one in wallets["agentWallets"]
            ):
                raise RefusedError(f"{known['name']} has to do with real money. Only paper is allowed here")


def server_of(caller: Caller) -> Server[Any]:
    """Return the protocol's server around a caller."""
    import mcp_types as types  # noqa: PLC0415 -- an extra
    from mcp.server.lowlevel import Server  # noqa: PLC0415

    listed = [
        types.Tool(
            name=tool.name,
            title=tool.title,
            description=tool.description,
            input_schema=tool.schema,
            annotations=types.ToolAnnotations(
                title=tool.title,
                read_only_hint=tool.touches is Touches.NOTHING,
                destructive_hint=tool.touches is not Touches.NOTHING,
                open_world_hint=False,
            ),
        )
        for tool in caller.tools.values()
    ]

    async def list_tools(_context: Any, _params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=listed)

    async def call_tool(_context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        try:
            text, failed = await caller.call(params.name, params.arguments or {}), False
        except (NexgentError, WrongArgumentsError) as error:
            text, failed = str(error), True
        return types.CallToolResult(content=[types.TextContent(text=text)], is_error=failed)

    return Server(
        "nexgent",
        version=importlib.metadata.version("nexgent"),
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )
