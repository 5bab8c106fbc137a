"""Observations become prices: with the SOL price of the moment, one after the other, and only where somebody asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from structlog.testing import capture_logs

from nexgent.domain.prices.events import PricesChanged
from nexgent.domain.prices.freshness import SourceFreshness
from nexgent.domain.prices.intake import PriceIntake
from nexgent.domain.prices.latest import LatestPrices
from nexgent.domain.prices.models import PriceObservation, SolPrice, TokenPrice
from nexgent.domain.prices.ports import newest_sol_usd
from nexgent.domain.prices.validation import PriceValidationRules, PriceValidator
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import TokenAddress
from tests.builders import T0, TOKEN
from tests.fakes.market import FakeSolPrice
from tests.unit.prices.polls import BOTH, DEX, JUP

OTHER = TokenAddress("OtherMint")


class Choking(PriceValidator):
    """Cannot judge one token."""

    def judge(self, observation: PriceObservation, **options: object) -> object:  # type: ignore[override]
        if observation.token_address == OTHER:
            raise RuntimeError("a bug")
        return super().judge(observation, **options)  # type: ignore[arg-type]


@dataclass
class World:
    """An intake with a validator of two sources."""

    validator: PriceValidator = field(default_factory=lambda: PriceValidator(PriceValidationRules(), BOTH))
    sol_price: FakeSolPrice = field(default_factory=FakeSolPrice)
    verdicts: list[str] = field(default_factory=list)
    published: list[object] = field(default_factory=list)

    def judged(self, verdict: str) -> None:
        self.verdicts.append(verdict)

    def polled(self, source: str, status: str, seconds: float) -> None: ...

    def intake(self, is_tracked: Callable[[TokenAddress], bool] | None = None) -> PriceIntake:
        rest: dict[str, Any] = {"is_tracked": is_tracked} if is_tracked is not None else {}
        return PriceIntake(
            validator=self.validator,
            sol_price=self.sol_price,
            publish=self.published.append,
            observer=self,
            **rest,
        )


def said(sol: str | None, usd: str | None = None, *, token: TokenAddress = TOKEN) -> list[PriceObservation]:
    """Return what both sources say of a token."""
    figures = [Decimal(one) if one is not None else None for one in (sol, usd)]
    return [PriceObservation(token, source, figures[0], figures[1], T0) for source in BOTH]


def a_price(token: TokenAddress, sol: int = 1) -> TokenPrice:
    return TokenPrice(token, Decimal(sol), None, DEX, T0)


def test_a_token_nobody_holds_any_more_is_not_judged() -> None:
    world = World()

    prices = world.intake(lambda token: token == TOKEN).judged([*said("1"), *said("1", token=OTHER)], T0)

    assert list(prices) == [TOKEN]
    assert world.verdicts == ["unconfirmed", "accepted"]
    assert len(world.validator) == 1
    assert list(World().intake().judged([*said("1"), *said("1", token=OTHER)], T0)) == [TOKEN, OTHER]


@pytest.mark.parametrize("tracked", [True, False])
def test_sol_is_heard_and_not_judged(tracked: bool) -> None:
    heard = list[PriceObservation]()

    class Hearing(SourceFreshness):
        def note(self, observation: PriceObservation) -> None:
            heard.append(observation)

    world = World(PriceValidator(PriceValidationRules(), BOTH))
    world.validator.freshness = Hearing(BOTH, timedelta(0))
    observations = said("1", "150", token=SOL_MINT)

    assert world.intake(lambda _: tracked).judged(observations, T0) == {}
    assert heard == observations
    assert (world.verdicts, len(world.validator)) == ([], 0)


def test_a_token_that_cannot_be_judged_keeps_no_other_from_its_price() -> None:
    world = World(Choking(PriceValidationRules(), BOTH))

    with capture_logs() as logs:
        prices = world.intake().judged([*said("1", token=OTHER), *said("2")], T0)

    assert [price.price_sol for price in prices.values()] == [2]
    assert world.verdicts == ["unconfirmed", "accepted"]
    assert [log["event"] for log in logs] == ["prices.not_judged"] * 2 + ["prices.refused"]


def test_usd_is_converted_with_the_sol_price_of_the_moment_and_not_without_one() -> None:
    assert World().intake().judged(said(None, "300"), T0)[TOKEN].price_sol == 2
    without = World(sol_price=FakeSolPrice(None))
    assert without.intake().judged(said(None, "300"), T0) == {}
    assert without.verdicts == ["no_sol_price"] * 2


def test_what_is_refused_is_logged_and_what_is_ordinary_is_not() -> None:
    world, late = World(), PriceObservation(TOKEN, DEX, Decimal(1), None, T0.replace(year=2025))
    world.validator.unanswered(JUP, [TOKEN])
    intake = world.intake()
    intake.judged(said("1"), T0)

    with capture_logs() as logs:
        intake.judged([*said("1"), PriceObservation(TOKEN, DEX, Decimal(0), None, T0)], T0)
        intake.judged([PriceObservation(TOKEN, DEX, Decimal(1), None, late.observed_at)], late.observed_at)

    # The preferred source says it, the other one need not; then nonsense, then something from before.
    assert world.verdicts[2:] == ["accepted", "not_preferred", "not_a_price", "out_of_order"]
    assert [log["verdict"] for log in logs] == ["not_a_price"]


def test_what_is_announced_is_what_everybody_reads_until_nobody_holds_it() -> None:
    world, latest = World(), LatestPrices()
    third = TokenAddress("ThirdMint")
    world.intake().announce([a_price(TOKEN), a_price(OTHER), a_price(third)], T0)
    (event,) = world.published
    assert isinstance(event, PricesChanged)
    latest.on_prices(event)
    latest.on_prices(PricesChanged([a_price(TOKEN, 2)], T0))
    assert latest.get(TOKEN) == a_price(TOKEN, 2)

    latest.forget(OTHER)
    latest.forget(OTHER)
    assert (len(latest), latest.get(OTHER)) == (2, None)
    latest.keep_only([TOKEN, OTHER])
    assert (len(latest), latest.get(third), latest.get(TOKEN)) == (1, None, a_price(TOKEN, 2))


def test_for_display_an_old_sol_price_serves_as_well() -> None:
    class Old(FakeSolPrice):
        def latest(self) -> SolPrice | None:
            return SolPrice(Decimal(140), T0, DEX)

    assert newest_sol_usd(Old(), T0) == 150
    assert newest_sol_usd(Old(None), T0) == 140
    assert newest_sol_usd(FakeSolPrice(None), T0) is None
