"""`nexgent mcp`: every operation is decided about, and arguments become the request they mean."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from nexgent.cli.mcp_tools import (
    ApiTool,
    NotClassifiedError,
    Touches,
    WrongArgumentsError,
    operations,
    tools_of,
    touched_by,
)
from tests.openapi import openapi_document

ROOT = Path(__file__).resolve().parents[3]
DANGEROUS = re.compile(
    r"wallet|key|password|login|secret|user|session|audit|export|delete|adopt|rent", re.IGNORECASE
)


def tools() -> dict[str, ApiTool]:
    return {tool.name: tool for tool in tools_of(openapi_document())}


def test_every_operation_is_decided_about_and_nothing_else_is() -> None:
    known = {operation["operationId"] for _, _, operation in operations(openapi_document())}

    assert {name: touched_by(name) for name in known}
    with pytest.raises(NotClassifiedError):
        touched_by("agents.something_new.post")


def test_what_only_reads_changes_nothing_and_what_is_dangerous_is_no_tool() -> None:
    for tool in tools().values():
        if tool.touches is Touches.NOTHING:
            assert tool.method == "GET" or tool.operation in {
                "positions.preview_sale.post",
                "signal_webhooks.test_signal.post",
                "trades.preview_trade.post",
            }
        else:
            assert tool.method != "DELETE"
            assert not DANGEROUS.search(tool.operation), tool.operation


def test_names_are_what_clients_take_and_schemas_are_schemas() -> None:
    found = tools_of(openapi_document())

    assert len({tool.name for tool in found}) == len(found)
    for tool in found:
        assert re.fullmatch(r"[a-z0-9_]{1,64}", tool.name)
        jsonschema.Draft202012Validator.check_schema(tool.schema)
        assert "#/components" not in str(tool.schema), tool.name


def test_arguments_become_path_query_and_body() -> None:
    listed = tools()["transactions_list_transactions"]
    assert listed.request({"agentId": "a b", "limit": 5})[0] == "/agent-transactions?agentId=a+b&limit=5"

    sold = tools()["positions_close_position_of_agent"]
    path, body = sold.request({"id": "../admin", "positionId": "p/1"})
    # What stands in a path stays one part of it.
    assert path.startswith("/agents/..%2Fadmin/positions/p%2F1/close")
    assert body is None
    assert sold.agent({"id": "x", "positionId": "p"}) == "x"

    bought = tools()["trades_execute_trade"]
    order: dict[str, Any] = {"agentId": "x", "tokenAddress": "m"}
    assert bought.request({"body": order}) == ("/trades/execute", order)
    assert bought.agent({"body": order}) == "x"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [({}, "agentId is missing"), ({"agentId": "a", "agent": "b"}, "there is no agent. It takes: agentId,")],
)
def test_wrong_arguments_are_told_with_the_right_ones(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(WrongArgumentsError, match=re.escape(said)):
        tools()["transactions_list_transactions"].request(arguments)


def test_the_table_in_the_documentation_is_what_there_is() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (\w+) \| (.*) \|$", (ROOT / "docs" / "mcp.md").read_text(), re.MULTILINE
    )

    assert rows == [(tool.name, tool.touches.value, tool.title) for tool in tools_of(openapi_document())]
