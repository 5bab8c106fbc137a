"""What the bot says, as Telegram's HTML. Pure.

Names and symbols are chosen by strangers: they are escaped, cut, without what hides in a line, and in `<code>`, in which Telegram
makes no link, mention or command of anything. Sentences that others' names may stand in are `prose`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from nexgent.cli.positions import number
from nexgent.cli.tables import printable
from nexgent.cli.watch_view import age_text, short_amount, short_price

MOST_CHARACTERS = 4096
"""Of a message. Telegram counts what is left of the markup; we count all, in the units it counts in (UTF-16)."""
MOST_MESSAGES = 4
LONGEST_NAME = 48
"""An address of Solana has 44 characters."""
LONGEST_TEXT = 400
SHOWN_NOTICES = 10
SHOWN_AGENTS = 20
SHOWN_DECISIONS = 12
_LONGEST_LINE = 800
_COMES_ALIVE = re.compile(r"[@/#$]|:\S|[.\u3002\uff0e\uff61]\d*[^\W\d]")
"""Also a dot before a letter: that is the name of a host. `1.5` and `done.` are none."""
_TAG = re.compile(r"<[^>]*>")
_SIGNS = {"danger": "🔴", "warning": "🟡", "info": "🔵"}
_MODES = {"simulation": "paper", "live": "real money"}
_PERIODS = {"today": "today", "7d": "7 days", "30d": "30 days", "all": "in all"}


@dataclass(frozen=True, slots=True)
class Failed:
    """A part of an answer that could not be had, and why."""

    why: str


Part = Any
"""The JSON of an answer, or `Failed`."""


def plain(value: object, most: int = LONGEST_TEXT) -> str:
    """Return a text of others as it is safe in a message."""
    return html.escape(bare(value, most), quote=False)


def prose(value: object, most: int = LONGEST_TEXT) -> str:
    """Return a sentence that names of others may stand in: what Telegram would make a link, mention or command of is `<code>`."""
    words = bare(value, most).split(" ")
    return " ".join(
        f"<code>{html.escape(word, quote=False)}</code>"
        if _COMES_ALIVE.search(word)
        else html.escape(word, quote=False)
        for word in words
    )


def bare(value: object, most: int) -> str:
    """Return a text of others in a line, without what hides in it: for where there is no markup and no link, such as a button."""
    text = printable(" ".join(str(value).split()))
    return text if len(text) <= most else f"{text[: most - 1]}…"


def name(value: object) -> str:
    """Return a name of others, such as a symbol, so that it stays a name."""
    return f"<code>{plain(value, LONGEST_NAME) or '?'}</code>"


def bold(text: str) -> str:
    """Return a text as a heading. It holds no name: in Telegram, `<code>` is no part of anything else."""
    return f"<b>{text}</b>"


def units(text: str) -> int:
    """Return how long a text is for Telegram at most."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def messages(lines: Sequence[str]) -> list[str]:
    """Return lines as few messages; what is too much for them is left out, and said so. Markup never spans lines."""
    found: list[str] = []
    present = ""
    for line in lines:
        fitting = line if units(line) <= MOST_CHARACTERS else _cut(line)
        longer = f"{present}\n{fitting}" if present else fitting
        if units(longer) <= MOST_CHARACTERS:
            present = longer
            continue
        found.append(present)
        present = fitting
        if len(found) == MOST_MESSAGES:
            present = "… and more; the dashboard has all of it."
            break
    found.append(present)
    return [one for one in found if one.strip()]


def _cut(line: str) -> str:
    text = html.unescape(_TAG.sub("", line))
    return f"{html.escape(text[:_LONGEST_LINE], quote=False)}…"


def sol(value: Decimal, *, signed: bool = False) -> str:
    """Return an amount of SOL with as many places as say something."""
    places = 4 if abs(value) >= 1 or not value else 6
    return f"{value:{'+' if signed else ''}.{places}f} SOL"


def ago(moment: str | None, now: datetime) -> str:
    """Return how long ago something of the API was."""
    return (
        "never"
        if moment is None
        else f"{age_text((now - datetime.fromisoformat(moment)).total_seconds())} ago"
    )


def reference(position_id: str) -> str:
    """Return a position as a command that sells it; tapping it asks before anything is sold."""
    return f"/exit_{position_id[:8]}"


# --- /status


def status_lines(
    *,
    health: Mapping[str, Any],
    switches: Part,
    sol_price: Part,
    overviews: Mapping[str, Part],
    notices: Part,
    now: datetime,
) -> list[str]:
    """Return how the service is, who trades with what, and what needs attention."""
    lines = _health_lines(health)
    lines += _price_lines(sol_price, now)
    lines += switch_lines(switches, now)
    for mode, overview in overviews.items():
        lines += _money_lines(mode, overview)
    return [*lines, *_notice_lines(notices)]


def away_lines(why: Failed) -> list[str]:
    """Return what there is to say of a service that cannot be asked."""
    return [f"🔴 {bold('The service does not answer')}", prose(why.why)]


def _health_lines(health: Mapping[str, Any]) -> list[str]:
    sign = {"healthy": "🟢", "degraded": "🟡"}.get(health["status"], "🔴")
    up = age_text(float(health["uptime"]))
    lines = [
        f"{sign} {bold(plain(health['status']).capitalize())} – nexgent {plain(health['version'])}, up {up}"
    ]
    away = [part for part, state in health["services"].items() if state["status"] != "healthy"]
    if away:
        lines.append(f"Not well: {plain(', '.join(away))}")
    engine = health.get("engine")
    if engine:
        age = engine.get("ageSeconds")
        seen = f", last round of prices {float(age):.1f} s ago" if age is not None else ""
        lines.append(f"Engine: {plain(engine['role'])}{seen}")
        if engine.get("unresolved"):
            lines.append(f"Trades being brought to an end: {engine['unresolved']}")
    if health.get("message"):
        lines.append(prose(health["message"]))
    return lines


def _price_lines(price: Part, now: datetime) -> list[str]:
    if isinstance(price, Failed):
        return [f"SOL price: {prose(price.why)}"]
    if price["lastUpdated"] is None:
        return ["SOL price: none yet"]
    stale = " – too old" if price["isStale"] else ""
    usd = number(price["price"])
    return [f"SOL: {usd:.2f} USD ({plain(price['source'])}, {ago(price['lastUpdated'], now)}){stale}"]


def switch_lines(switches: Part, now: datetime) -> list[str]:
    """Return whether agents may buy."""
    if isinstance(switches, Failed):
        return [f"Entries: {prose(switches.why)}"]
    lines = []
    for whose, words in (("user", "your agents"), ("system", "everybody")):
        switch = switches[whose]
        if switch["engaged"]:
            because = f": {prose(switch['reason'])}" if switch["reason"] else ""
            selling = ", and everything is being sold" if switch["flatten"] else ""
            lines.append(
                f"⛔ Entries of {words} are stopped ({ago(switch['changedAt'], now)}{selling}){because}"
            )
    return lines or ["Entries: allowed"]


def _money_lines(mode: str, overview: Part) -> list[str]:
    words = _MODES[mode]
    if isinstance(overview, Failed):
        return [f"{words.capitalize()}: {prose(overview.why)}"]
    if not overview["agents"]:
        return []
    worth, free = sol(number(overview["portfolioBalanceSol"])), sol(number(overview["solBalance"]))
    held = overview["openPositions"]
    return [
        f"{words.capitalize()}: {overview['agents']} agents, {held} open, worth {worth}, of it {free} free"
    ]


def _notice_lines(notices: Part) -> list[str]:
    if isinstance(notices, Failed):
        return [f"Attention: {prose(notices.why)}"]
    items = notices["items"]
    if not items:
        return ["Nothing needs attention."]
    lines = [bold("Needs attention")]
    lines += [f"{_SIGNS.get(one['severity'], '•')} {prose(one['text'])}" for one in items[:SHOWN_NOTICES]]
    if len(items) > SHOWN_NOTICES:
        lines.append(f"… and {len(items) - SHOWN_NOTICES} more")
    return lines


# --- /profit


def profit_lines(
    overviews: Mapping[str, Part], agents: Sequence[tuple[Mapping[str, Any], Part]], more: int
) -> list[str]:
    """Return what closed trades brought, and how agents stand. `more` is how many agents are not among them."""
    lines: list[str] = []
    for mode, overview in overviews.items():
        words = _MODES[mode].capitalize()
        if isinstance(overview, Failed):
            lines.append(f"{words}: {prose(overview.why)}")
            continue
        if not overview["agents"] and not any(one["closedTrades"] for one in overview["periods"]):
            continue
        lines.append(bold(words))
        lines += [_period_line(one) for one in overview["periods"]]
        lines.append(f"open: {sol(number(overview['unrealizedProfitLossSol']), signed=True)}")
    if not lines:
        return ["No agent has traded yet."]
    if agents:
        lines += ["", bold("By agent, in all")]
    lines += [_agent_line(agent, figures) for agent, figures in agents]
    if more:
        lines.append(f"… and {more} more agents")
    return lines


def _period_line(period: Mapping[str, Any]) -> str:
    trades = period["closedTrades"]
    words = _PERIODS.get(period["period"], plain(period["period"]))
    if not trades:
        return f"{words}: no closed trades"
    amount = sol(number(period["profitLossSol"]), signed=True)
    return f"{words}: {amount}, {trades} trades, {number(period['winRate']):.0f} % won"


def _agent_line(agent: Mapping[str, Any], figures: Part) -> str:
    who = f"{name(agent['name'])} ({_MODES.get(agent['tradingMode'], '?')})"
    if isinstance(figures, Failed):
        return f"{who}: {prose(figures.why)}"
    realized = sol(number(figures["realizedProfitLossSol"]), signed=True)
    line = f"{who}: {realized}, {figures['totalClosedTrades']} trades"
    if figures["totalOpenPositions"]:
        rest = sol(number(figures["unrealizedProfitLossSol"]), signed=True)
        line += f"; {figures['totalOpenPositions']} open {rest}"
    return line


# --- /positions


def position_lines(
    remaining: Mapping[str, Any], position: Mapping[str, Any] | None, now: datetime
) -> list[str]:
    """Return an open position: `remaining` as the list of what is open has it, `position` with its figures."""
    money = " – real money" if remaining["walletType"] == "live" else ""
    first = f"{name(remaining['tokenSymbol'])} of {name(remaining['agentName'])}{money}"
    if position is None:
        return [first, f"  its figures could not be had  {reference(remaining['positionId'])}"]
    profit = position["profitLoss"]
    gain = number(profit["native"])
    sign = "🟢" if gain > 0 else "🔴" if gain < 0 else "⚪"
    value = sol(number(position["current"]["valueNative"]))
    bought, price = (short_price(number(position[which]["priceNative"])) for which in ("purchase", "current"))
    stop = f"{number(position['stopLoss']['percentage']):+.1f} %"
    held = age_text((now - datetime.fromisoformat(position["createdAt"])).total_seconds())
    lines = [
        f"{sign} {first}",
        f"  {sol(gain, signed=True)} ({number(profit['percent']):+.1f} %), worth {value}, held {held}",
        f"  bought at {bought}, now {price} SOL, stop {stop}  {reference(position['id'])}",
    ]
    if remaining["exitReason"]:
        trouble = (
            f", {remaining['attempts']} attempts, {plain(remaining['code'])}" if remaining["code"] else ""
        )
        lines.append(f"  being sold ({plain(remaining['exitReason'])}{trouble})")
    return lines


# --- /exit


def exit_question_lines(
    remaining: Mapping[str, Any], forecast: Mapping[str, Any], seconds: float
) -> list[str]:
    """Return what is asked before a position is sold: what it is, and what it would bring."""
    amount, price = short_amount(number(forecast["amount"])), short_price(number(forecast["priceSol"]))
    received, impact = sol(number(forecast["receivedSol"])), number(forecast["priceImpactPercent"])
    profit = f"{sol(number(forecast['profitLossSol']), signed=True)} ({number(forecast['profitLossPercent']):+.1f} %)"
    money = "⚠️ real money" if remaining["walletType"] == "live" else "paper"
    age = number(forecast["ageMs"]) / 1000
    return [
        f"{bold('Sell all of')} {name(remaining['tokenSymbol'])}?",
        f"Agent {name(remaining['agentName'])}, {money}",
        f"Token {name(remaining['tokenAddress'])}",
        f"{amount} would bring {received} after fees, at {price} SOL ({impact:.2f} % price impact): {profit}",
        f"Quote of {plain(forecast['source'])}, {age:.1f} s old.",
        f"What counts is the price when you confirm, within {seconds:.0f} seconds.",
    ]


def sold_lines(what: str, done: Mapping[str, Any]) -> list[str]:
    """Return what a sale brought. `what` is markup already."""
    amount = short_amount(number(done["inputAmount"]))
    profit = f"{sol(number(done['profitLossSol']), signed=True)} ({number(done['changePercent']):+.1f} %)"
    received, price = sol(number(done["outputAmount"])), short_price(number(done["salePrice"]))
    return [
        f"✅ Sold {amount} {what} for {received}, at {price} SOL: {profit}",
    ]


# --- /explain


def explain_lines(
    signal: Mapping[str, Any], answer: Mapping[str, Any], names: Mapping[str, str], now: datetime
) -> list[str]:
    """Return what every agent made of a signal: what came of it, and which gates it did not pass."""
    action, number_of = signal.get("action", "buy"), signal["id"]
    token = name(signal["symbol"]) if signal.get("symbol") else name(signal["tokenAddress"])
    lines = [
        f"{bold(f'Signal {number_of}: {plain(action)}')} {token}",
        f"{prose(signal['signalType'], 60)}, strength {signal['signalStrength']}, {ago(signal['createdAt'], now)}",
    ]
    if answer.get("note"):
        lines.append(prose(answer["note"]))
    decisions = answer["decisions"]
    if not decisions:
        return [*lines, "No agent has decided on it yet."]
    for decision in decisions[:SHOWN_DECISIONS]:
        lines += ["", *_decision_lines(decision, names)]
    if len(decisions) > SHOWN_DECISIONS:
        lines += ["", f"… and {len(decisions) - SHOWN_DECISIONS} more agents"]
    return lines


def _decision_lines(decision: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    who = names.get(decision["agentId"], decision["agentId"])
    lines = [f"{name(who)}: {bold(plain(decision['outcome']))}"]
    if decision.get("reason"):
        lines.append(f"{prose(decision['reason'])} ({plain(decision.get('code') or 'no code')})")
    failed = [gate for gate in decision["gates"] if not gate["passed"]]
    lines += [
        f"✗ {plain(gate['name'])}: {prose(gate['value'] or '–', 80)}, limit {prose(gate['limit'] or '–', 80)}"
        for gate in failed
    ]
    passed = len(decision["gates"]) - len(failed)
    if passed:
        lines.append(f"✓ {passed} gates passed")
    if decision.get("sizeSol"):
        price = decision.get("priceSol")
        at = f" at {short_price(number(price))} SOL" if price else ""
        lines.append(f"{sol(number(decision['sizeSol']))}{at}")
    return lines
