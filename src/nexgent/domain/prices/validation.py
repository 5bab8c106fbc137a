"""The price validator: no observation becomes a price unless it is finite, positive, fresh and plausible.

Plausible means near the last accepted price. A jump needs a witness: the other source saying the same, or the same source
saying it again at the next poll while the other source has not contradicted it since. An other source that denied the jump
just before it began gets one more poll to speak again, since answers of one poll arrive in any order. So one wild answer moves
nothing, one lying source moves nothing while the other is there, and a real crash is accepted at the third poll at the latest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from nexgent.domain.prices.models import PriceObservation, PriceSource, TokenPrice
from nexgent.shared.money import CONTEXT
from nexgent.shared.types import TokenAddress

_LOWEST, _HIGHEST = Decimal("1e-40"), Decimal("1e40")


class Verdict(StrEnum):
    """What the validator made of an observation."""

    ACCEPTED = "accepted"
    NOT_A_PRICE = "not_a_price"
    STALE = "stale"
    NO_SOL_PRICE = "no_sol_price"
    UNCONFIRMED = "unconfirmed"
    CONTRADICTED = "contradicted"
    NOT_PREFERRED = "not_preferred"
    OUT_OF_ORDER = "out_of_order"


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceValidationRules:
    """Limits of the validator."""

    max_age_seconds: float = 10.0
    max_jump_factor: Decimal = Decimal("1.25")
    """A price this many times higher or lower than the last accepted one needs a witness."""
    agreement_factor: Decimal = Decimal("1.10")
    """Two sources agree when they are within this factor."""


@dataclass(slots=True)
class _Candidate:
    price_sol: Decimal
    source: PriceSource
    since: datetime
    repeated: int = 0


@dataclass(slots=True)
class _TokenState:
    accepted: Decimal | None = None
    latest: dict[PriceSource, tuple[Decimal, datetime]] | None = None
    candidate: _Candidate | None = None


class PriceValidator:
    """Judge observations, one token at a time. Remembers per token what was accepted, what each source last said and which
    jump waits for a witness."""

    def __init__(self, rules: PriceValidationRules, preferred: PriceSource) -> None:
        self._rules = rules
        self._preferred = preferred
        self._max_age = timedelta(seconds=rules.max_age_seconds)
        self._low = CONTEXT.divide(Decimal(1), rules.max_jump_factor)
        self._agree_low = CONTEXT.divide(Decimal(1), rules.agreement_factor)
        self._tokens: dict[TokenAddress, _TokenState] = {}

    def seed(self, token: TokenAddress, price_sol: Decimal) -> None:
        """Give the validator something to compare a first observation with: what was just paid for the token."""
        state = self._tokens.setdefault(token, _TokenState())
        if state.accepted is None and price_sol > 0:
            state.accepted = price_sol

    def forget(self, token: TokenAddress) -> None:
        """Drop what is known of a token nobody holds any more.

        It is asked about no longer, so a jump that waits for a witness would wait for ever, and nobody could buy the token.
        """
        self._tokens.pop(token, None)

    def keep_only(self, tokens: Iterable[TokenAddress]) -> None:
        """Drop what is known of all other tokens."""
        wanted = set(tokens)
        for token in [token for token in self._tokens if token not in wanted]:
            del self._tokens[token]

    def doubtful(self, token: TokenAddress) -> bool:
        """Tell whether a jump of the token waits for a witness."""
        state = self._tokens.get(token)
        return state is not None and state.candidate is not None

    def judge(
        self, observation: PriceObservation, *, sol_usd: Decimal | None, now: datetime
    ) -> tuple[Verdict, TokenPrice | None]:
        """Return the verdict, and the price when it is accepted."""
        price = observation.price_sol
        if price is None and observation.price_usd is not None:
            if sol_usd is None:
                return Verdict.NO_SOL_PRICE, None
            if _is_price(observation.price_usd) and _is_price(sol_usd):
                price = CONTEXT.divide(observation.price_usd, sol_usd)
        if price is None or not _is_price(price):
            return Verdict.NOT_A_PRICE, None
        if now - observation.observed_at > self._max_age:
            return Verdict.STALE, None
        state = self._tokens.setdefault(observation.token_address, _TokenState())
        if state.latest is None:
            state.latest = {}
        before = state.latest.get(observation.source)
        if before is not None and observation.observed_at < before[1]:
            return Verdict.OUT_OF_ORDER, None
        state.latest[observation.source] = (price, observation.observed_at)
        verdict = self._plausible(state, price, observation, now)
        if verdict is not Verdict.ACCEPTED:
            return verdict, None
        state.accepted = price
        state.candidate = None
        return verdict, TokenPrice(
            observation.token_address,
            price,
            _usd(observation, price, sol_usd),
            observation.source,
            observation.observed_at,
        )

    def _plausible(
        self, state: _TokenState, price: Decimal, observation: PriceObservation, now: datetime
    ) -> Verdict:
        other = self._other(state, observation.source, now)
        if state.accepted is None or self._near(price, state.accepted):
            if observation.source is not self._preferred and other is not None:
                return Verdict.NOT_PREFERRED
            return Verdict.ACCEPTED
        if other is not None and self._agree(price, other[0]):
            return Verdict.ACCEPTED
        candidate = state.candidate
        if (
            candidate is None
            or candidate.source is not observation.source
            or not self._near(price, candidate.price_sol)
        ):
            if candidate is None or candidate.source is observation.source:
                state.candidate = _Candidate(price, observation.source, observation.observed_at)
            return Verdict.UNCONFIRMED
        if observation.observed_at <= candidate.since:
            return Verdict.UNCONFIRMED
        candidate.repeated += 1
        if other is not None and self._contradicts(other[0], price, state.accepted):
            if other[1] > candidate.since:
                return Verdict.CONTRADICTED
            if candidate.repeated == 1:
                return Verdict.UNCONFIRMED
        return Verdict.ACCEPTED

    def _other(
        self, state: _TokenState, source: PriceSource, now: datetime
    ) -> tuple[Decimal, datetime] | None:
        for name, said in (state.latest or {}).items():
            if name is not source and now - said[1] <= self._max_age:
                return said
        return None

    def _near(self, price: Decimal, reference: Decimal) -> bool:
        ratio = CONTEXT.divide(price, reference)
        return self._low <= ratio <= self._rules.max_jump_factor

    def _contradicts(self, said: Decimal, price: Decimal, accepted: Decimal) -> bool:
        """Tell whether what the other says denies a jump: it saw none, or one the other way. A smaller one is no denial."""
        ratio = CONTEXT.divide(said, accepted)
        return ratio >= self._low if price < accepted else ratio <= self._rules.max_jump_factor

    def _agree(self, price: Decimal, other: Decimal) -> bool:
        return self._agree_low <= CONTEXT.divide(price, other) <= self._rules.agreement_factor


def _is_price(value: Decimal) -> bool:
    """Tell whether a number can be a price at all; beyond these limits arithmetic with it would overflow."""
    return value.is_finite() and _LOWEST < value < _HIGHEST


def _usd(observation: PriceObservation, price_sol: Decimal, sol_usd: Decimal | None) -> Decimal | None:
    if observation.price_usd is not None and _is_price(observation.price_usd):
        return observation.price_usd
    return CONTEXT.multiply(price_sol, sol_usd) if sol_usd is not None else None
