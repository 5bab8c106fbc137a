"""A validator that is told prices second by second, as the poller would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal

from nexgent.domain.prices.models import PriceObservation, PriceSource
from nexgent.domain.prices.validation import PriceValidationRules, PriceValidator, Verdict
from nexgent.shared.money import SOL_MINT
from tests.builders import T0, TOKEN

DEX, JUP, THIRD = PriceSource("dexscreener"), PriceSource("jupiter"), PriceSource("third")
BOTH = (DEX, JUP)
SOL_USD = Decimal(150)


class Polls:
    """Tell a validator what sources say. `accepted` is the price that was published last."""

    def __init__(
        self, *, sources: Sequence[PriceSource] = (DEX,), paid: str | None = None, paid_ago: float = 0.0
    ) -> None:
        self.validator = PriceValidator(PriceValidationRules(), sources)
        self.sources = tuple(sources)
        self.now = T0
        self.accepted: Decimal | None = None
        self.published: list[Decimal] = []
        if paid is not None:
            self.validator.seed(TOKEN, Decimal(paid), self.now - timedelta(seconds=paid_ago))

    @classmethod
    def at(cls, price: str, sources: Sequence[PriceSource] = BOTH) -> Polls:
        """Return polls of sources that have just said a price together."""
        polls = cls(sources=sources, paid=price)
        polls.poll(dict.fromkeys(sources, price))
        assert polls.accepted == Decimal(price)
        return polls

    def wait(self, seconds: float = 1.0) -> Polls:
        self.now += timedelta(seconds=seconds)
        return self

    def says(
        self,
        price: str | Decimal | None,
        source: PriceSource = DEX,
        *,
        usd: str | Decimal | None = None,
        sol_usd: str | None = "150",
        age_seconds: float = 0.0,
    ) -> Verdict:
        observation = PriceObservation(
            TOKEN,
            source,
            Decimal(price) if price is not None else None,
            Decimal(usd) if usd is not None else None,
            self.now - timedelta(seconds=age_seconds),
        )
        rate = Decimal(sol_usd) if sol_usd is not None else None
        verdict, accepted = self.validator.judge(observation, sol_usd=rate, now=self.now)
        assert (accepted is not None) == (verdict is Verdict.ACCEPTED)
        if accepted is not None:
            self.accepted = accepted.price_sol
            self.published.append(accepted.price_sol)
        return verdict

    def silent(self, source: PriceSource) -> Polls:
        """Let a source be asked in vain."""
        self.validator.unanswered(source, [TOKEN])
        return self

    def poll(self, said: Mapping[PriceSource, str | Decimal | None], *, seconds: float = 1.0) -> Polls:
        """Let a second pass and the sources answer in this order; None is no answer. In USD as well, which moves with SOL."""
        self.wait(seconds)
        for source, price in said.items():
            if price is None:
                self.silent(source)
            else:
                self.says(price, source, usd=Decimal(price) * SOL_USD)
        return self

    def news(self, source: PriceSource, number: int) -> None:
        """Let a source say something new of SOL: it is alive."""
        self.validator.freshness.note(
            PriceObservation(SOL_MINT, source, Decimal(1), SOL_USD + number % 7, self.now)
        )

    @property
    def doubtful(self) -> bool:
        return self.validator.doubtful(TOKEN)
