"""`nexgent watch`: what it shows, and how it keeps following."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from rich.console import Console

from nexgent.cli.watch import Follower
from nexgent.cli.watch_view import AgentView, age_text, render, short_amount, status_line
from tests.patience import PATIENCE_SECONDS
from tests.unit.cli.conftest import AGENT_ID, SOL_MINT, FakeApi, FakeService

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
TRADE = {
    "id": "t1",
    "tokenSymbol": "TIRA",
    "closeReason": "stop_loss",
    "salePrice": "0.0008",
    "changePercent": "-20",
    "profitLossSol": "-0.21",
}


def a_position(**changes: object) -> dict[str, Any]:
    position = {
        "id": "p1",
        "tokenAddress": "MintInMixedCase",
        "tokenSymbol": "TIRA",
        "purchasePrice": "0.001",
        "purchaseAmount": 1000,
        "remainingAmount": None,
        "totalInvestedSol": "1.01",
        "realizedProfitSol": 0,
        "currentStopLossPercentage": -32,
        "peakPrice": "0.001",
        "createdAt": "2026-01-01T11:59:30.000Z",
    }
    return {**position, **changes}


def started(**changes: object) -> AgentView:
    view = AgentView("Demo", AGENT_ID)
    position = a_position(**{"currentPrice": "0.0012", "profitLossSol": "0.19", **changes})
    view.apply({"type": "initial_data", "data": {"positions": [position]}})
    return view


def updated(view: AgentView, **changes: object) -> list[str]:
    data = {"eventType": "position_updated", "position": a_position(**changes)}
    return view.apply({"type": "position_update", "data": data})


def priced(view: AgentView, price: str) -> list[str]:
    update = {"tokenAddress": "mintinmixedcase", "mint": "MintInMixedCase", "price": price, "priceUsd": 1}
    return view.apply({"type": "price_update_batch", "data": {"updates": [update]}})


def test_profit_follows_price_partial_sale_and_second_purchase() -> None:
    view = started()
    (row,) = view.rows
    assert (row.profit_sol, row.stop_sol) == (Decimal("0.19"), Decimal("0.00068"))

    priced(view, "0.0015")
    assert row.profit_sol == Decimal("0.49")

    updated(view, remainingAmount=400, realizedProfitSol="0.25")
    (row,) = view.rows
    assert row.cost_basis_sol == Decimal("0.404")
    assert row.profit_sol == Decimal("0.25") + Decimal("0.6") - Decimal("0.404")

    updated(
        view, remainingAmount=1400, purchaseAmount=2000, totalInvestedSol="2.01", realizedProfitSol="0.25"
    )
    (row,) = view.rows
    assert row.cost_basis_sol == Decimal("1.404")


def test_each_event_is_a_line_and_what_changes_nothing_is_none() -> None:
    view = AgentView("Demo", AGENT_ID)
    view.apply({"type": "initial_data", "data": {"positions": []}})
    opened = view.apply(
        {"type": "position_update", "data": {"eventType": "position_created", "position": a_position()}}
    )
    assert opened == ["opened TIRA: 1.00k at 0.001 SOL, stop 6.800e-4"]
    assert updated(view) == []
    assert updated(view, currentStopLossPercentage=10) == ["stop of TIRA moved to 0.0011 SOL"]
    assert priced(view, "0.002") == ["price TIRA 0.002 SOL, P/L +98.02 % +0.990000 SOL"]
    assert priced(view, "0.002") == []
    closed = {"type": "position_update", "data": {"eventType": "position_closed", "positionId": "p1"}}
    assert view.apply(closed) == ["left TIRA"]
    assert view.apply(closed) == []
    assert view.apply({"type": "something_new", "data": {}}) == []
    assert view.apply({"type": "error", "data": {"message": "oh"}}) == ["the service says: oh"]


def test_closed_trades_are_counted_once() -> None:
    view = AgentView("Demo", AGENT_ID)
    assert view.closed_trades([TRADE], announce=False) == []
    lines = view.closed_trades([{**TRADE, "id": "t2", "profitLossSol": "0.5"}, TRADE])
    assert lines == ["closed TIRA: stop_loss, sold at 8.000e-4 SOL (-20.00 %), P/L +0.500000 SOL"]
    assert (view.trade_count, view.trade_profit_sol) == (2, Decimal("0.29"))


def test_the_screen_shows_position_and_footer_within_80_columns() -> None:
    view = started(tokenSymbol="[bold]X", purchaseAmount=18_638_613, currentPrice="0.000000123")
    view.sol_balance = Decimal("8.415509987")
    console = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    with console.file:
        console.print(render(view, NOW, max_rows=5))
        text = console.export_text()
    assert "[bold]X" in text
    assert "18.64M" in text
    assert "1.230e-7" in text
    assert "30s" in text
    assert "SOL 8.415510   closed trades 0, P/L +0.000000 SOL   connecting" in text
    assert "…" not in text


def test_rows_that_do_not_fit_are_counted() -> None:
    view = AgentView("Demo", AGENT_ID)
    positions = [a_position(id=str(n), currentPrice="0.001", profitLossSol="0") for n in range(9)]
    view.apply({"type": "initial_data", "data": {"positions": positions}})
    console = Console(width=80)
    with console.capture() as capture:
        console.print(render(view, NOW, max_rows=4))
    assert "… and 5 older positions" in capture.get()


def test_figures_are_short() -> None:
    assert [short_amount(Decimal(n)) for n in (5, 1500, 2_000_000, 3 * 10**9)] == [
        "5",
        "1.50k",
        "2.00M",
        "3.00B",
    ]
    assert [age_text(n) for n in (-1, 59, 61, 3700, 90_000)] == ["0s", "59s", "1m 1s", "1h 1m", "1d 1h"]
    assert status_line(AgentView("x", "y")).startswith("SOL ?")


async def test_a_refused_token_is_renewed_and_following_goes_on(service: FakeService) -> None:
    service.refusals = 1
    position = a_position(currentPrice="0.001", profitLossSol="-0.01")
    service.frames = [
        {"type": "connected", "data": {}},
        {"type": "initial_data", "data": {"positions": [position]}},
        {"type": "ping", "timestamp": "now"},
        {"type": "position_update", "data": {"eventType": "position_closed", "positionId": "p1"}},
    ]
    api = FakeApi(f"http://127.0.0.1:{service.port}")
    api.answers = {
        "/agent-historical-swaps": [TRADE],
        "/agent-balances": [
            {"tokenAddress": SOL_MINT, "balance": "9.5"},
            {"tokenAddress": "MintInMixedCase", "balance": "1000"},
        ],
    }
    view = AgentView("Demo", AGENT_ID)
    lines: list[str] = []

    # The balance is fetched beside the frames: either may come first.
    await _until(
        Follower(api, view, lines.append),  # type: ignore[arg-type]
        lambda: view.sol_balance is not None and lines[-1:] == ["left TIRA"],
    )

    assert api.logins == 1
    assert view.connection == "connected"
    assert view.sol_balance == Decimal("9.5")
    assert view.trade_count == 1


async def test_a_service_that_is_away_is_tried_again_without_naming_the_token() -> None:
    api = FakeApi("http://127.0.0.1:1")
    view = AgentView("Demo", AGENT_ID)

    await _until(Follower(api, view, print), lambda: "trying again" in view.connection)  # type: ignore[arg-type]

    assert view.connection == "not connected (no connection), trying again"


async def _until(follower: Follower, condition: Callable[[], bool]) -> None:
    """Follow until the condition holds."""
    following = asyncio.create_task(follower.run())
    deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    while not condition():
        assert not following.done(), following
        assert asyncio.get_running_loop().time() < deadline, "did not happen"
        await asyncio.sleep(0.005)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
