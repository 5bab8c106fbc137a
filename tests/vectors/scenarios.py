"""Run the executor scenarios through the real use cases, with scripted quotes: in memory, or at the sandbox over HTTP.

A scenario is a position's life: buy, take profit, DCA, sale, each with the quote (and in live mode the fill) it gets. Everything
a step returns and leaves behind is compared: results, quoted amounts, transactions, closed trades, balances, the position.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from nexgent.domain.agents.config import DEFAULT_CONFIG, update_config
from nexgent.domain.agents.models import Agent, TradingMode
from nexgent.domain.ledger.models import PriceEvidence, TradeSettled
from nexgent.domain.positions.models import CloseReason, Position
from nexgent.domain.trading.models import Fill
from nexgent.domain.trading.orders.average_down import AverageDownRequest
from nexgent.domain.trading.orders.buy_by_hand import BuyByHand, BuyByHandRequest
from nexgent.domain.trading.orders.sell import ClosePositionRequest
from nexgent.domain.trading.orders.take_profit_sale import TakeProfitRequest
from nexgent.domain.trading.rules.take_profit import evaluate_take_profit, take_profit_state
from nexgent.domain.transactions.models import ClosedTrade, TransactionRecord
from nexgent.shared.errors import NexgentError
from nexgent.shared.money import SOL_MINT, from_raw, sol, unit_price_sol
from nexgent.shared.types import WalletAddress
from tests.builders import USER, an_agent
from tests.fakes.engine import FakeEngine
from tests.fakes.signals import FakeSignals
from tests.vectors import deviations
from tests.vectors.scenario_compare import differences
from tests.vectors.scenario_swaps import SandboxSwaps, ScriptedSwaps, in_memory

SYMBOL = "TKN"
OpenMarket = Callable[[Mapping[str, Any]], AbstractAsyncContextManager[ScriptedSwaps]]
# The vectors' token is no address a chain would accept, so at the sandbox another one stands for it.
_NAMES = {SOL_MINT: "SOL", SandboxSwaps.token: ScriptedSwaps.token}


@dataclass
class Stage:
    """An engine with one agent, prepared as a scenario wants it."""

    engine: FakeEngine
    swaps: ScriptedSwaps
    agent: Agent
    decimals: int

    @property
    def wallet(self) -> WalletAddress:
        return self.agent.wallets[0].address

    @property
    def position(self) -> Position | None:
        return self.engine.ledger.head(self.wallet).position_of(self.swaps.token)


def check_scenario(vector: Mapping[str, Any], market: OpenMarket = in_memory) -> list[str]:
    """Return where a scenario differs from its vector, defects of the reference corrected."""
    return asyncio.run(_check(vector, market))


async def _check(vector: Mapping[str, Any], market: OpenMarket) -> list[str]:
    given = vector["input"]
    shadow = deviations.Shadow()
    lines: list[str] = []
    done: list[Mapping[str, Any]] = []
    async with market(given) as swaps:
        stage = await _prepare(given, swaps)
        for number, step in enumerate(vector["steps"]):
            op = step["op"]
            if deviations.is_refused_after_take_profit(step, done):
                result = await _apart(given, market, [*(earlier["op"] for earlier in done), op])
                if not result.get("success"):
                    lines.append(f"step {number}: expected the DCA to be bought, got {result}")
                continue
            actual = await _observe(stage, op)
            expected = deviations.corrected_step(step, shadow, stage.decimals)
            lines += [f"step {number} ({op['kind']}): {line}" for line in differences(expected, actual)]
            lines += [f"step {number} ({op['kind']}): {line}" for line in await _against_the_chain(stage)]
            done.append(step)
    return lines


async def _apart(
    given: Mapping[str, Any], market: OpenMarket, ops: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return what the last step gives on a stage of its own: the rest of the vector goes on without it."""
    async with market(given) as swaps:
        stage = await _prepare(given, swaps)
        return [await _run(stage, op) for op in ops][-1]


async def _against_the_chain(stage: Stage) -> list[str]:
    """Return where the ledger of a live wallet differs from what the chain says it holds."""
    held = await stage.swaps.holdings()
    if held is None or stage.agent.trading_mode is not TradingMode.LIVE:
        return []
    booked = {mint: one.amount_raw for mint, one in stage.engine.ledger.head(stage.wallet).balances.items()}
    return [
        f"{mint}: the chain holds {held.get(mint, 0)}, the ledger {booked.get(mint, 0)}"
        for mint in sorted(held.keys() | booked.keys())
        if held.get(mint, 0) != booked.get(mint, 0)
    ]


async def _prepare(given: Mapping[str, Any], swaps: ScriptedSwaps) -> Stage:
    decimals = int(given["tokenDecimals"])
    engine = FakeEngine(swaps=swaps, decimals=decimals)
    engine.sol_price.price_usd = Decimal(given["solPriceUsd"])
    sections = {
        **given["config"],
        "positionCalculator": {"randomization": {"enabled": False}},
    }
    agent = an_agent(update_config(DEFAULT_CONFIG, sections))
    if given["mode"] == "live":
        wallet = replace(agent.wallets[0], mode=TradingMode.LIVE, address=swaps.live_wallet)
        agent = replace(agent, trading_mode=TradingMode.LIVE, wallets=(wallet,))
        engine.keys.loaded.add(wallet.address)
    await engine.add_agent(agent, Decimal(given["startSol"]))
    return Stage(engine, swaps, agent, decimals)


async def _observe(stage: Stage, op: Mapping[str, Any]) -> dict[str, Any]:
    asked, written = len(stage.swaps.requests), len(stage.engine.journal.entries)
    result = await _run(stage, op)
    await stage.engine.settle(20)
    bodies = [entry.body for entry in stage.engine.journal.entries[written:]]
    settled = [body for body in bodies if isinstance(body, TradeSettled)]
    state = stage.engine.ledger.head(stage.wallet)
    balances = {
        _NAMES.get(mint, mint): from_raw(balance.amount_raw, balance.decimals)
        for mint, balance in state.balances.items()
    }
    return {
        "quotes": [request.amount_raw for request in stage.swaps.requests[asked:]],
        "result": result,
        "newTransactions": [_transaction(stage, body.transaction) for body in settled],
        "historicalSwapJobs": [_closed(body.closed) for body in settled if body.closed is not None],
        "state": {"balances": balances, "position": _position(stage)},
    }


async def _run(stage: Stage, op: Mapping[str, Any]) -> dict[str, Any]:
    await stage.swaps.begin(op)
    runners = {"buy": _buy, "sell": _sell, "tp": _take_profit, "dca": _dca}
    try:
        return await runners[op["kind"]](stage, op)
    except NexgentError as error:
        return {"errorCode": error.code}


async def _buy(stage: Stage, op: Mapping[str, Any]) -> dict[str, Any]:
    use_case = BuyByHand(
        directory=stage.engine.directory, purchases=stage.engine.purchases, signals=FakeSignals()
    )
    size = Decimal(op["size"]) if "size" in op else None
    bought = await use_case.execute(
        BuyByHandRequest(
            agent_id=stage.agent.id,
            user_id=USER,
            token_address=stage.swaps.token,
            token_symbol=SYMBOL,
            size_sol=size,
        )
    )
    return {
        "success": True,
        "transactionId": "<id>",
        "positionId": "<id>",
        "inputAmount": bought.input_amount,
        "outputAmount": bought.output_amount,
        "purchasePrice": bought.purchase_price,
        "transactionHash": stage.swaps.name_of(bought.transaction_hash),
        "stopLossInitialized": bought.stop_loss_initialized,
        "stopLossPercentage": bought.stop_loss_pct,
        "signalId": bought.signal_id,
    }


async def _sell(stage: Stage, op: Mapping[str, Any]) -> dict[str, Any]:
    position = _open_position(stage)
    done = await stage.engine.sales.execute(
        ClosePositionRequest(
            wallet_address=stage.wallet,
            position_id=position.id,
            reason=CloseReason(op.get("reason", "manual")),
        )
    )
    closed = done.settled.closed
    assert closed is not None
    return {
        **_sale_figures(stage, done.fill, position),
        "historicalSwapId": "<id>",
        "profitLossSol": closed.profit_loss_sol,
        "profitLossUsd": closed.profit_loss_usd,
        "changePercent": closed.change_percent,
    }


async def _take_profit(stage: Stage, op: Mapping[str, Any]) -> dict[str, Any]:
    position, price = _open_position(stage), Decimal(op["price"])
    config = stage.agent.config.take_profit
    decision = evaluate_take_profit(take_profit_state(position), price, config)
    evaluation = {
        "shouldExecute": decision.should_execute,
        "levels": len(decision.levels),
        "sellAmount": decision.sell_amount,
        "activateMoonBag": decision.activate_moon_bag,
        "moonBagAmount": decision.moon_bag_amount,
        "newRemainingAmount": decision.new_remaining_amount,
    }
    if not decision.should_execute:
        return {"evaluation": evaluation}
    evidence = PriceEvidence(price_sol=price, source="script", age_ms=0)
    done = await stage.engine.take_profit.execute(
        TakeProfitRequest(wallet_address=stage.wallet, position_id=position.id, evidence=evidence)
    )
    after, closed = done.settled.position, done.settled.closed
    figures = _sale_figures(stage, done.fill, position)
    basis = position.cost_basis_lamports * done.fill.in_amount_raw // position.quantity_raw
    profit = (
        after.realized_lamports
        if after is not None
        else stage.engine.balance_raw(stage.agent) - _spent_and_received(stage, position) - basis
    )
    profit_sol = sol(profit - position.realized_lamports) if after is not None else sol(profit)
    entry = position.entry_price_sol
    change = (figures["salePrice"] - entry) / entry * 100
    usd = (stage.engine.sol_price.price_usd or Decimal(0)) * profit_sol
    result = {
        "success": True,
        "transactionId": "<id>",
        "positionId": "<id>",
        "tokensSold": figures["inputAmount"],
        "solReceived": figures["outputAmount"],
        "salePrice": figures["salePrice"],
        "profitLossSol": profit_sol,
        "profitLossUsd": usd,
        "changePercent": change if closed is None else closed.change_percent,
        "newRemainingAmount": after.quantity if after is not None else Decimal(0),
        "newLevelsHit": position.take_profit_levels_hit + len(decision.levels),
        "moonBagActivated": decision.activate_moon_bag,
        "transactionHash": figures["transactionHash"],
    }
    if closed is not None:
        result |= {"positionClosed": True, "historicalSwapId": "<id>"}
    return {"evaluation": evaluation, "result": result}


def _spent_and_received(stage: Stage, position: Position) -> int:
    """Return the SOL the wallet had before the last sale, from the deposit and the position's own books."""
    deposited = sum(
        posting.amount_raw
        for entry in stage.engine.journal.entries[:1]
        for posting in entry.postings
        if posting.account.value == "wallet"
    )
    return deposited - position.invested_lamports + position.received_lamports


async def _dca(stage: Stage, op: Mapping[str, Any]) -> dict[str, Any]:
    position = _open_position(stage)
    done = await stage.engine.average_down.execute(
        AverageDownRequest(
            wallet_address=stage.wallet, position_id=position.id, amount_sol=Decimal(op["amount"])
        )
    )
    after, fill = done.settled.position, done.fill
    assert after is not None
    spent = fill.total_in_raw if fill.total_in_raw is not None else fill.in_amount_raw
    return {
        "success": True,
        "transactionId": "<id>",
        "positionId": "<id>",
        "tokensAcquired": from_raw(fill.out_amount_raw, stage.decimals),
        "solSpent": sol(spent),
        "newAveragePrice": after.entry_price_sol,
        "newTotalAmount": after.purchased,
        "newDcaCount": after.dca_count,
        "transactionHash": stage.swaps.name_of(fill.signature),
    }


def _open_position(stage: Stage) -> Position:
    position = stage.position
    if position is None:
        raise AssertionError("the scenario has no open position at this step")
    return position


def _sale_figures(stage: Stage, fill: Fill, position: Position) -> dict[str, Any]:
    return {
        "success": True,
        "transactionId": "<id>",
        "positionId": "<id>",
        "inputAmount": from_raw(fill.in_amount_raw, position.decimals),
        "outputAmount": sol(fill.out_amount_raw),
        "salePrice": unit_price_sol(fill.out_amount_raw, fill.in_amount_raw, position.decimals),
        "transactionHash": stage.swaps.name_of(fill.signature),
    }


def _transaction(stage: Stage, record: TransactionRecord) -> dict[str, Any]:
    return {
        "isDca": record.is_dca,
        "isTakeProfit": record.is_take_profit,
        "signalId": record.signal_id,
        "transactionType": record.type.value,
        "transactionValueUsd": record.value_usd,
        "fees": record.fees,
        "inputMint": _mint(record.input_mint),
        "inputSymbol": record.input_symbol,
        "inputAmount": record.input_amount,
        "inputPrice": record.input_price,
        "outputMint": _mint(record.output_mint),
        "outputSymbol": record.output_symbol,
        "outputAmount": record.output_amount,
        "outputPrice": record.output_price,
        "slippage": record.slippage,
        "priceImpact": record.price_impact,
        "transactionHash": stage.swaps.name_of(record.transaction_hash),
        "protocolFeeSol": record.protocol_fee_sol,
        "networkFeeSol": record.network_fee_sol,
    }


def _mint(mint: str | None) -> str | None:
    """Return a mint as the vectors call it."""
    return ScriptedSwaps.token if mint == SandboxSwaps.token else mint


def _closed(trade: ClosedTrade) -> dict[str, Any]:
    return {
        "tokenAddress": _mint(trade.token_address),
        "tokenSymbol": trade.token_symbol,
        "amount": trade.amount,
        "purchasePrice": trade.purchase_price,
        "salePrice": trade.sale_price,
        "changePercent": trade.change_percent,
        "profitLossUsd": trade.profit_loss_usd,
        "profitLossSol": trade.profit_loss_sol,
        "signalId": trade.signal_id,
        "closeReason": trade.close_reason.value if trade.close_reason is not None else None,
    }


def _position(stage: Stage) -> dict[str, Any] | None:
    position = stage.position
    if position is None:
        return None
    mark = stage.engine.held(stage.agent).trail
    bag = position.moon_bag_raw
    return {
        "dcaCount": position.dca_count,
        "takeProfitLevelsHit": position.take_profit_levels_hit,
        "moonBagActivated": position.moon_bag_activated,
        "moonBagAmount": from_raw(bag, position.decimals) if bag is not None else None,
        "remainingAmount": position.remaining,
        "realizedProfitSol": sol(position.realized_lamports),
        "tpBatchStartLevel": position.take_profit_batch_start,
        "totalTakeProfitLevels": position.take_profit_levels_total,
        "tokenAddress": _mint(position.token_address),
        "tokenSymbol": position.token_symbol,
        "purchasePrice": position.entry_price_sol,
        "purchaseAmount": position.purchased,
        "totalInvestedSol": position.invested_sol,
        "lowestPrice": mark.lowest_price_sol,
        "currentStopLossPercentage": mark.stop_loss_pct,
        # The peak goes on being tracked while stop loss is off; the contract shows it only with a stop.
        "peakPrice": mark.peak_price_sol if mark.stop_loss_pct is not None else None,
        "dcaTransactionCount": len(position.dca_transaction_ids),
        "takeProfitTransactionCount": len(position.take_profit_transaction_ids),
    }
