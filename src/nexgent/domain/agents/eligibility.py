"""Decide whether an agent acts on a signal, and keep every gate for the decision record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from nexgent.domain.agents.config_models import SellSignals, SignalsConfig, TokenFilterMode
from nexgent.domain.signals.models import Gate, TokenMetrics


@dataclass(frozen=True, slots=True, kw_only=True)
class EligibilityFacts:
    """What is known of a signal and an agent. User ids are compared for equality only.

    `config` is None when the agent's configuration could not be read. `selling`: the signal asks for a sale.
    """

    signal_user_id: object | None
    token_address: str
    signal_type: str
    signal_strength: int
    agent_user_id: object
    agent_active: bool
    automated_trading: bool
    config: SignalsConfig | None
    selling: bool = False


@dataclass(frozen=True, slots=True)
class Eligibility:
    """The verdict with every gate that was looked at, in order, and one sentence for each that failed."""

    eligible: bool
    gates: tuple[Gate, ...]
    reasons: tuple[str, ...]


def needs_token_figures(config: SignalsConfig) -> bool:
    """Tell whether any market bound is set, so that figures have to be fetched."""
    return any(low is not None or high is not None for _, low, high in _bounds(config))


def evaluate_eligibility(facts: EligibilityFacts, figures: TokenMetrics | None) -> Eligibility:
    """Hold a signal against an agent.

    The gates of the agent stop at the first that fails; those of its filters all run.
    """
    gates: list[Gate] = []
    for gate in _agent_gates(facts):
        gates.append(gate)
        if not gate.passed:
            return _verdict(gates)
    if facts.config is not None and facts.selling:
        gates.extend(_sale_gates(facts, facts.config))
    elif facts.config is not None:
        gates.extend(_kind_gates(facts, facts.config))
        gates.extend(_token_gates(facts, facts.config))
        gates.extend(_figure_gates(facts.config, figures))
    return _verdict(gates)


def _verdict(gates: list[Gate]) -> Eligibility:
    failed = tuple(gate for gate in gates if not gate.passed)
    reasons = tuple(f"{gate.name} is {gate.value or 'unknown'}, must be {gate.limit}" for gate in failed)
    return Eligibility(not failed, tuple(gates), reasons)


def _agent_gates(facts: EligibilityFacts) -> Iterator[Gate]:
    owner = None if facts.signal_user_id is None else str(facts.signal_user_id)
    same_user = facts.signal_user_id is not None and facts.signal_user_id == facts.agent_user_id
    yield Gate("signal_user", owner, f"the agent's user {facts.agent_user_id}", same_user)
    yield Gate("agent_active", _yes_no(facts.agent_active), "yes", facts.agent_active)
    yield Gate("automated_trading", _yes_no(facts.automated_trading), "yes", facts.automated_trading)
    known = facts.config is not None
    yield Gate("configuration_available", _yes_no(known), "yes", known)


def _sale_gates(facts: EligibilityFacts, config: SignalsConfig) -> Iterator[Gate]:
    """Yield whether the agent follows a signal that sells. Filters of tokens say what to buy: what is held may be sold."""
    mode: SellSignals = config.sell_signals
    yield Gate("sell_signals", mode, "followed or all", mode != "none")
    if mode == "followed":
        yield from _kind_gates(facts, config)


def _kind_gates(facts: EligibilityFacts, config: SignalsConfig) -> Iterator[Gate]:
    yield Gate(
        "signal_strength",
        str(facts.signal_strength),
        f"at least {config.min_score}",
        facts.signal_strength >= config.min_score,
    )
    if config.allowed_signal_types:
        yield Gate(
            "signal_type",
            facts.signal_type,
            f"one of {', '.join(config.allowed_signal_types)}",
            facts.signal_type in config.allowed_signal_types,
        )


def _token_gates(facts: EligibilityFacts, config: SignalsConfig) -> Iterator[Gate]:
    listed = facts.token_address in config.token_list
    mode: TokenFilterMode = config.token_filter_mode
    if mode == "blacklist":
        limit = f"absent from the blacklist of {len(config.token_list)}"
        yield Gate("token_address", facts.token_address, limit, not listed)
    elif mode == "whitelist":
        limit = f"on the whitelist of {len(config.token_list)}"
        yield Gate("token_address", facts.token_address, limit, listed)


def _bounds(
    config: SignalsConfig,
) -> tuple[tuple[str, Decimal | int | None, Decimal | int | None], ...]:
    return (
        ("market_cap_usd", config.market_cap_min, config.market_cap_max),
        ("liquidity_usd", config.liquidity_min, config.liquidity_max),
        ("holder_count", config.holder_count_min, config.holder_count_max),
    )


def _figure_gates(config: SignalsConfig, figures: TokenMetrics | None) -> Iterator[Gate]:
    """Yield a gate for each bound that is set.

    A figure nobody knows fails its bounds: a filter must not guess.
    """
    values: dict[str, Decimal | int | None] = {
        "market_cap_usd": figures.market_cap_usd if figures is not None else None,
        "liquidity_usd": figures.liquidity_usd if figures is not None else None,
        "holder_count": figures.holder_count if figures is not None else None,
    }
    for name, low, high in _bounds(config):
        value = values[name]
        text = None if value is None else str(value)
        if low is not None:
            yield Gate(name, text, f"at least {low}", value is not None and value >= low)
        if high is not None:
            yield Gate(name, text, f"at most {high}", value is not None and value <= high)


def _yes_no(value: bool) -> str:
    return "yes" if value else "no"
