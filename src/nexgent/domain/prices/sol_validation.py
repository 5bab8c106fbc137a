"""The validator of SOL/USD: a jump of one source converts nothing until somebody confirms it.

Every token whose price is known in USD only is converted with this one number, so a wrong one would move them all at once. What
is near the last accepted price is accepted. A jump needs a witness: another source that says the same, or the same source
saying it again and again for a while, with no other source contradicting it meanwhile. As long as a jump is open, there is no
price: the old one may be as wrong as the new one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from nexgent.domain.prices.models import PriceSource, SolPrice
from nexgent.shared.money import CONTEXT

_LOWEST, _HIGHEST = Decimal("1e-9"), Decimal("1e9")


@dataclass(frozen=True, slots=True, kw_only=True)
class SolGateRules:
    """Limits of the validator."""

    max_age: timedelta = timedelta(seconds=30)
    max_jump_factor: Decimal = Decimal("1.05")
    """SOL moves this much within minutes; updates come every second."""
    agreement_factor: Decimal = Decimal("1.03")
    """Two sources agree when they are within this factor."""
    confirmations: int = 5
    """So often a source that nobody else confirms or contradicts has to repeat itself,"""
    confirmed_after: timedelta = timedelta(seconds=10)
    """and for so long."""


@dataclass(slots=True)
class _Jump:
    price_usd: Decimal
    since: datetime
    times: int = 1


class SolPriceValidator:
    """Judge SOL/USD of several sources. Remembers what was accepted, what each source last said, and jumps in doubt."""

    def __init__(self, rules: SolGateRules) -> None:
        self._rules = rules
        self._accepted: SolPrice | None = None
        self._too_old: SolPrice | None = None
        self._said: dict[PriceSource, SolPrice] = {}
        self._jumps: dict[PriceSource, _Jump] = {}

    def judge(self, price: SolPrice, now: datetime) -> bool:
        """Tell whether a price is accepted. What is older than the source's last word is not looked at."""
        usd = price.price_usd
        before = self._said.get(price.source)
        if not (usd.is_finite() and _LOWEST < usd < _HIGHEST):
            return False
        if now - price.published_at > self._rules.max_age:
            self._too_old = price
            return False
        if before is not None and price.published_at < before.published_at:
            return False
        self._said[price.source] = price
        if not self._plausible(price, now):
            return False
        if self._accepted is not None and not self._near(usd, self._accepted.price_usd):
            # The jump was real: what others have been saying all the time is measured against it from now on.
            self._jumps.clear()
        self._jumps.pop(price.source, None)
        self._accepted = price
        return True

    def current(self, now: datetime) -> SolPrice | None:
        """Return the accepted price, or None when it is old or in doubt."""
        accepted = self._accepted
        if accepted is None or now - accepted.published_at > self._rules.max_age or self.doubtful(now):
            return None
        return accepted

    def latest(self) -> SolPrice | None:
        """Return the last price that was accepted, however old; without one, what came too late to be judged."""
        return self._accepted or self._too_old

    def doubtful(self, now: datetime) -> bool:
        """Tell whether a jump is open: said lately, and neither confirmed nor contradicted."""
        return any(
            now - self._said[source].published_at <= self._rules.max_age
            and not self._contradicted(source, jump, now)
            for source, jump in self._jumps.items()
        )

    def heard(self, source: PriceSource, now: datetime) -> bool:
        """Tell whether a source has been heard lately and is believed."""
        said = self._said.get(source)
        return (
            said is not None and now - said.published_at <= self._rules.max_age and source not in self._jumps
        )

    def _plausible(self, price: SolPrice, now: datetime) -> bool:
        usd, accepted = price.price_usd, self._accepted
        if accepted is None or self._near(usd, accepted.price_usd):
            return True
        if any(self._agree(usd, other.price_usd) for other in self._others(price.source, now)):
            return True
        jump = self._jumps.get(price.source)
        if jump is None or not self._agree(usd, jump.price_usd):
            self._jumps[price.source] = _Jump(usd, now)
            return False
        jump.times += 1
        if now - jump.since < self._rules.confirmed_after or jump.times < self._rules.confirmations:
            return False
        return not self._contradicted(price.source, jump, now)

    def _contradicted(self, source: PriceSource, jump: _Jump, now: datetime) -> bool:
        accepted = self._accepted
        return accepted is not None and any(
            other.published_at > jump.since and self._near(other.price_usd, accepted.price_usd)
            for other in self._others(source, now)
        )

    def _others(self, source: PriceSource, now: datetime) -> list[SolPrice]:
        return [
            said
            for name, said in self._said.items()
            if name != source and now - said.published_at <= self._rules.max_age
        ]

    def _near(self, usd: Decimal, reference: Decimal) -> bool:
        return _within(usd, reference, self._rules.max_jump_factor)

    def _agree(self, usd: Decimal, other: Decimal) -> bool:
        return _within(usd, other, self._rules.agreement_factor)


def _within(one: Decimal, other: Decimal, factor: Decimal) -> bool:
    return CONTEXT.multiply(min(one, other), factor) >= max(one, other)
