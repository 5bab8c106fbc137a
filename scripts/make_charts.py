"""Write the charts of `docs/trading-rules.md` from the rules themselves; with `--check` only compare.

Each curve is what the engine's own functions answer, so a rule that changes changes its picture, and the gate says so.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from html import escape
from itertools import accumulate
from pathlib import Path
from typing import get_args

from nexgent.domain.agents.config_models import (
    DcaConfig,
    PresetMode,
    StopLossConfig,
    TakeProfitConfig,
)
from nexgent.domain.trading.rules.dca import DcaState, average_after_dca, evaluate_dca
from nexgent.domain.trading.rules.stop_loss import decide_stop_loss, initial_stop_pct, stop_loss_percentage
from nexgent.domain.trading.rules.take_profit import TakeProfitState, evaluate_take_profit
from nexgent.shared.money import install_decimal_context
from scripts.generated import out_of_date

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "charts"
COMMAND = "make charts"
WIDTH, HEIGHT = 720, 360
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 40, 48
COLOURS = ("#2563eb", "#d97706", "#059669", "#db2777")
"""Told apart on white and on black, also by those who see few colours; the dashes tell them apart without any."""
DASHES = ("", "8 4", "2 4", "12 4 2 4")
GREY = "#808080"
FONT = f'font-family="sans-serif" font-size="13" fill="{GREY}"'
ENTRY = Decimal(1)
PRESETS = tuple(mode for mode in get_args(PresetMode) if mode != "custom")
ONCE = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Curve:
    """A named line through points; a `step` holds its value until the next point."""

    name: str
    points: Sequence[tuple[float, float]]
    step: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """Curves over two axes, each with its name and the values that are written beside it."""

    title: str
    across: str
    up: str
    ticks_across: Sequence[int]
    ticks_up: Sequence[int]
    curves: Sequence[Curve]

    def svg(self) -> str:
        """Draw it."""
        first, last = self.ticks_across[0], self.ticks_across[-1]
        low, high = self.ticks_up[0], self.ticks_up[-1]

        def x(value: float) -> float:
            return round(LEFT + (value - first) / (last - first) * (WIDTH - LEFT - RIGHT), 1)

        def y(value: float) -> float:
            return round(HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM), 1)

        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" {FONT}>',
            f"<title>{escape(self.title)}</title>",
        ]
        line = f'stroke="{GREY}" stroke-opacity="0.25"'
        parts += [f'<path d="M{LEFT} {y(tick)}H{WIDTH - RIGHT}" {line}/>' for tick in self.ticks_up]
        parts += [
            f'<text x="{LEFT - 8}" y="{y(tick) + 4}" text-anchor="end">{tick} %</text>'
            for tick in self.ticks_up
        ]
        below = HEIGHT - BOTTOM + 18
        parts += [
            f'<text x="{x(tick)}" y="{below}" text-anchor="middle">{tick}</text>'
            for tick in self.ticks_across
        ]
        parts.append(
            f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{escape(self.across)}</text>'
            f'<text x="{LEFT - 44}" y="16">{escape(self.up)}</text>'
        )
        place = WIDTH - RIGHT
        for number, curve in reversed(list(enumerate(self.curves))):
            colour, dash = COLOURS[number], DASHES[number]
            stroke = f'stroke="{colour}" stroke-width="2" fill="none" stroke-dasharray="{dash}"'
            parts.append(f'<path d="{_path(curve, x, y)}" {stroke}/>')
            place -= 8 * len(curve.name)
            parts.append(f'<text x="{place}" y="32" fill="{colour}">{escape(curve.name)}</text>')
            place -= 30
            parts.append(f'<path d="M{place} 28h24" {stroke}/>')
            place -= 14
        return "\n".join([*parts, "</svg>", ""])


def _path(curve: Curve, x: Callable[[float], float], y: Callable[[float], float]) -> str:
    (start, begin), *rest = curve.points
    path = [f"M{x(start)} {y(begin)}"]
    for across, up in rest:
        path.append(f"H{x(across)}V{y(up)}" if curve.step else f"L{x(across)} {y(up)}")
    return "".join(path)


def stop_by_gain() -> Chart:
    """How far the stop has come when the price was so high."""
    curves = [
        Curve(mode, [(gain, float(stop_loss_percentage(Decimal(gain), _stop(mode)))) for gain in range(301)])
        for mode in ("fixed", "zones", "exponential")
    ]
    return Chart(
        "The stop over the highest gain, for the modes fixed, zones and exponential",
        "highest gain since the purchase, in percent",
        "stop, in percent of the entry",
        range(0, 301, 50),
        range(-50, 301, 50),
        curves,
    )


def stop_on_a_walk() -> Chart:
    """A price that rises in waves and falls, and the stop behind it until it sells."""
    prices = [Decimal(price).scaleb(-2) for price in _walk()]
    config = _stop("zones")
    peak: Decimal | None = ENTRY
    stop = initial_stop_pct(config)
    stops: list[tuple[float, float]] = []
    for minute, price in enumerate(prices):
        decision = decide_stop_loss(ENTRY, peak, stop, price, config)
        peak, stop = decision.peak_price_sol, decision.stop_pct
        stops.append((minute, _percent(decision.stop_price_sol)))
        if decision.triggered:
            break
    walked = [(minute, _percent(price)) for minute, price in enumerate(prices[: len(stops)])]
    return Chart(
        "A price that rises in waves, and its stop in the mode zones, which sells where the two meet",
        "minutes since the purchase",
        "in percent of the entry",
        range(0, 61, 10),
        range(-50, 151, 50),
        [Curve("price", walked), Curve("stop", stops, step=True)],
    )


def held_by_gain() -> Chart:
    """What is left of a position that rises through its take-profit levels."""
    curves = []
    for mode in PRESETS:
        config = TakeProfitConfig.model_validate({"enabled": True, "mode": mode})
        points: list[tuple[float, float]] = [(0, 100)]
        for gain, left in _taken_on_the_way_up(config):
            points.append((gain, left))
        points.append((650, points[-1][1]))
        curves.append(Curve(mode, points, step=True))
    return Chart(
        "What take profit leaves of a position, for the modes " + ", ".join(PRESETS),
        "gain over the entry, in percent",
        "tokens still held",
        range(0, 651, 50),
        range(0, 101, 20),
        curves,
    )


def average_by_fall() -> Chart:
    """How averaging down moves the average price of a token that falls and falls."""
    curves = []
    for mode in PRESETS:
        config = DcaConfig.model_validate({"enabled": True, "mode": mode})
        curves.append(Curve(mode, list(_averages_on_the_way_down(config)), step=True))
    return Chart(
        "The average price of a position that falls, for the modes " + ", ".join(PRESETS),
        "price below the first purchase, in percent",
        "average price, in percent of the first",
        range(0, 51, 10),
        range(60, 101, 10),
        curves,
    )


def _taken_on_the_way_up(config: TakeProfitConfig) -> Iterable[tuple[int, float]]:
    state = TakeProfitState(entry_price_sol=ENTRY, original_amount=Decimal(100))
    for gain in range(651):
        decision = evaluate_take_profit(state, ENTRY + Decimal(gain) / 100, config)
        if decision.should_execute:
            bag = decision.moon_bag_amount if decision.activate_moon_bag else state.moon_bag_amount
            state = TakeProfitState(
                entry_price_sol=ENTRY,
                original_amount=state.original_amount,
                remaining_amount=decision.new_remaining_amount,
                levels_hit=state.levels_hit + len(decision.levels),
                moon_bag_activated=state.moon_bag_activated or decision.activate_moon_bag,
                moon_bag_amount=bag,
            )
            yield gain, float(decision.new_remaining_amount)


def _averages_on_the_way_down(config: DcaConfig) -> Iterable[tuple[float, float]]:
    invested, amount, count, average = Decimal(1), Decimal(1), 0, ENTRY
    yield 0, 100
    for tenth in range(501):
        price = ENTRY - Decimal(tenth) / 1000
        state = DcaState(average_price_sol=average, purchased_amount=amount, dca_count=count)
        decision = evaluate_dca(state, price, ONCE, config)
        if decision.triggered and decision.buy_amount_sol is not None:
            spent = decision.buy_amount_sol
            average = average_after_dca(invested, amount, spent, spent / price)
            invested, amount, count = invested + spent, amount + spent / price, count + 1
            yield tenth / 10, float(average * 100)
    yield 50, float(average * 100)


def _stop(mode: str) -> StopLossConfig:
    return StopLossConfig.model_validate({"mode": mode})


def _walk() -> Sequence[int]:
    """Prices in hundredths of the entry, a minute apart."""
    steps = [*[5, 5, 5, 5, 4, -2, -2, -2] * 6, *[-7] * 12]
    return [100, *accumulate(steps, initial=100)]


def _percent(price_sol: Decimal | None) -> float:
    return float((price_sol - ENTRY) * 100) if price_sol is not None else 0.0


CHARTS: dict[str, Callable[[], Chart]] = {
    "stop-by-gain": stop_by_gain,
    "stop-on-a-walk": stop_on_a_walk,
    "held-by-gain": held_by_gain,
    "average-by-fall": average_by_fall,
}


def main(arguments: Sequence[str]) -> int:
    """Write or compare; 1 when a chart is not what the rules say."""
    install_decimal_context()
    made = {FOLDER / f"{name}.svg": chart().svg() for name, chart in CHARTS.items()}
    stale = out_of_date(made)
    if "--check" in arguments:
        for file in stale:
            name = file.relative_to(ROOT).as_posix()
            print(f"{name}: not what the rules say any more; `{COMMAND}` draws it anew", file=sys.stderr)
        return 1 if stale else 0
    FOLDER.mkdir(exist_ok=True)
    for file in stale:
        file.write_text(made[file], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
