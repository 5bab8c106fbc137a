"""What each part of a live check makes of what it was told. Pure: facts in, findings out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from nexgent.domain.agents.config_models import TradingConfig
from nexgent.domain.agents.models import Agent, TradingMode
from nexgent.domain.live_check.models import LiveWishes, NodeReading, PriceReading, RateTier
from nexgent.domain.protections.models import KillSwitch
from nexgent.domain.trading.models import Quote
from nexgent.shared.findings import Finding, Verdict
from nexgent.shared.money import SOL_MINT, from_raw, plain, sol

MAINNET_GENESIS = "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d"
CALLS_PER_TRADE = 2
"""Orders an agent asks for in a busy minute: it buys, and leaves again."""
TRADING_SHARE = Decimal("0.4")
"""What prices always leave of the swap provider's budget."""


def judge_mode(agent: Agent) -> Finding:
    """Does the agent trade live, and by itself?"""
    name = "agent"
    if agent.trading_mode is not TradingMode.LIVE:
        return Finding(
            name,
            Verdict.WARN,
            f"{agent.name} trades on paper",
            'Nothing else is needed to begin: PUT /api/v1/agents/ID {"tradingMode": "live"}',
        )
    if not agent.automated_trading_live:
        return Finding(
            name,
            Verdict.WARN,
            f"{agent.name} trades live, but buys nothing by itself",
            'PUT /api/v1/agents/ID {"automatedTradingLive": true}',
        )
    return Finding(name, Verdict.OK, f"{agent.name} trades live and by itself")


def judge_balance(
    lamports: int, booked_lamports: int, config: TradingConfig, wishes: LiveWishes
) -> list[Finding]:
    """Is there enough SOL, not more than the owner means to risk, and do the books know it?"""
    held = sol(lamports)
    least = wishes.minimum_sol
    if least is None:
        least = config.purchase_limits.minimum_agent_balance
    found = f"{plain(held)} SOL on the chain"
    if held <= least:
        balance = Finding(
            "balance", Verdict.FAIL, f"{found}, {plain(least)} SOL are kept back", "Send SOL to the wallet"
        )
    else:
        balance = Finding("balance", Verdict.OK, f"{found}, above the minimum of {plain(least)} SOL")
    cap = wishes.cap_sol
    if cap is None:
        capped = Finding("cap", Verdict.WARN, "no cap was named", "Say how much may be lost: --cap SOL")
    elif held > cap:
        capped = Finding(
            "cap",
            Verdict.FAIL,
            f"{plain(held)} SOL are above the cap of {plain(cap)} SOL",
            "Move the rest elsewhere",
        )
    else:
        capped = Finding("cap", Verdict.OK, f"{plain(held)} SOL are within the cap of {plain(cap)} SOL")
    if lamports == booked_lamports:
        books = Finding("books", Verdict.OK, "the books have the balance of the chain")
    else:
        books = Finding(
            "books",
            Verdict.FAIL,
            f"{found}, {plain(sol(booked_lamports))} SOL in the books",
            "Book it: POST /api/v1/wallets/ADDRESS/check-deposits",
        )
    return [balance, capped, books]


def judge_limits(config: TradingConfig) -> list[Finding]:
    """Is what can be lost limited: by position, by day, in all?"""
    stop, protections = config.stop_loss, config.protections
    if stop.enabled:
        stops = Finding("stop loss", Verdict.OK, f"{stop.mode}, {plain(stop.default_percentage)} %")
    else:
        stops = Finding(
            "stop loss", Verdict.FAIL, "off", "Turn it on: stopLoss.enabled of the agent's configuration"
        )
    daily = _set(
        ("SOL", protections.max_daily_loss_sol),
        ("%", protections.max_daily_loss_percent),
        ("% below the peak", protections.max_drawdown_percent),
    )
    most = _set(("SOL", protections.max_exposure_sol), ("%", protections.max_exposure_percent))
    return [
        stops,
        Finding("daily loss", Verdict.OK, f"at most {daily}")
        if daily
        else Finding("daily loss", Verdict.FAIL, "no limit", "Set protections.maxDailyLossSol or …Percent"),
        Finding("exposure", Verdict.OK, f"at most {most}")
        if most
        else Finding("exposure", Verdict.FAIL, "no limit", "Set protections.maxExposureSol or …Percent"),
    ]


def judge_switches(switches: Sequence[KillSwitch | None]) -> Finding:
    """Does a kill switch stop what is about to begin?"""
    engaged = [switch for switch in switches if switch is not None and switch.engaged]
    if not engaged:
        return Finding("kill switch", Verdict.OK, "released")
    return Finding(
        "kill switch", Verdict.WARN, "stops all entries", "Release it: `nexgent protections --resume`"
    )


def judge_sol_price(published_at: datetime | None, now: datetime) -> Finding:
    """Is the price of SOL known?"""
    name = "SOL/USD"
    if published_at is None:
        return Finding(name, Verdict.FAIL, "no fresh price", "Look at Pyth, Jupiter and DexScreener below")
    return Finding(name, Verdict.OK, f"{_age(published_at, now):.0f} s old")


def judge_prices(readings: Sequence[PriceReading], now: datetime, max_age_seconds: float) -> list[Finding]:
    """Does each source have a fresh price of the token?"""
    findings = []
    for reading in readings:
        name = f"price of {reading.source}"
        if reading.observed_at is None:
            findings.append(
                Finding(
                    name, Verdict.FAIL, "none for the token", "Choose another token with --token, or wait"
                )
            )
            continue
        age = _age(reading.observed_at, now)
        fresh = age <= max_age_seconds
        advice = (
            "" if fresh else f"Prices older than {max_age_seconds:.0f} s are not traded on; look at the clock"
        )
        findings.append(Finding(name, Verdict.OK if fresh else Verdict.FAIL, f"{age:.0f} s old", advice))
    return findings


def judge_node(node: NodeReading) -> list[Finding]:
    """Is the node at the head of the chain, and of which chain?"""
    moved = node.second_slot - node.first_slot
    found = f"slot {node.first_slot} → {node.second_slot} in {node.seconds:.1f} s"
    slot = (
        Finding("slot", Verdict.OK, found)
        if moved > 0
        else Finding("slot", Verdict.FAIL, found, "The node stands still; use another one: SOLANA_RPC_URL")
    )
    if node.genesis == MAINNET_GENESIS:
        return [slot, Finding("chain", Verdict.OK, "mainnet")]
    advice = "Nothing on it is real money. For mainnet set SOLANA_RPC_URL to a mainnet node"
    return [slot, Finding("chain", Verdict.WARN, f"not mainnet, genesis {node.genesis}", advice)]


def judge_rate(tier: RateTier, live_agents: int) -> Finding:
    """Can all live agents trade at once within the swap provider's budget?"""
    name = "rate budget"
    if not tier.has_key and not tier.local:
        return Finding(name, Verdict.FAIL, "no key for Jupiter", "Set JUPITER_API_KEY")
    agents = f"{live_agents} live agent{'' if live_agents == 1 else 's'}"
    if tier.requests_per_minute == 0:
        return Finding(name, Verdict.OK, f"no limit is set, {agents}")
    needed = live_agents * CALLS_PER_TRADE
    trades = int(tier.requests_per_minute * TRADING_SHARE)
    found = (
        f"{tier.requests_per_minute} a minute, {trades} of them always for trades; {agents} may need {needed}"
    )
    if needed <= trades:
        return Finding(name, Verdict.OK, found)
    advice = "Trades of a burst will wait: a larger plan (JUPITER_REQUESTS_PER_MINUTE), or fewer live agents"
    return Finding(name, Verdict.WARN if needed <= tier.requests_per_minute else Verdict.FAIL, found, advice)


def judge_quote(quote: Quote, max_impact: Decimal | None) -> Finding:
    """Is the offer for the agent's size one that the agent would take?"""
    impact = quote.price_impact_ratio.copy_abs()
    network = sol(quote.fees.network_and_rent_lamports)
    found = (
        f"{plain(from_raw(quote.in_amount_raw, 9))} SOL, impact {_percent(impact)} %, "
        f"slippage up to {_percent(Decimal(quote.slippage_bps) / 10_000)} %, network and rent {plain(network)} SOL, "
        f"platform {_percent(Decimal(quote.fees.protocol_fee_bps) / 10_000)} %"
    )
    if max_impact is not None and impact > max_impact:
        return Finding(
            "quote",
            Verdict.FAIL,
            found,
            f"Impact above purchaseLimits.maxPriceImpact ({_percent(max_impact)} %): smaller sizes, or a deeper token",
        )
    return Finding("quote", Verdict.OK, found)


def token_to_try(config: TradingConfig, wishes: LiveWishes, otherwise: str) -> str:
    """Return the token of the quote: the one that was named, else the first the agent is limited to, else a usual one."""
    if wishes.token is not None:
        return wishes.token
    listed = config.signals.token_list
    if config.signals.token_filter_mode == "whitelist" and listed:  # noqa: S105 -- a mode
        return next((token for token in listed if token != SOL_MINT), otherwise)
    return otherwise


def _set(*limits: tuple[str, Decimal | None]) -> str:
    return ", ".join(f"{plain(value)} {unit}" for unit, value in limits if value is not None)


def _age(at: datetime, now: datetime) -> float:
    return max(0.0, (now - at).total_seconds())


def _percent(ratio: Decimal) -> str:
    return plain((ratio * 100).quantize(Decimal("0.01")))
