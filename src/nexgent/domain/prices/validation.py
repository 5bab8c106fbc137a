"""The price validator: no observation becomes a price unless it is finite, positive, fresh and plausible.

Several sources are one jury. The price of a token moves only as far as the jury's middle has moved: with two sources as far as
both of them have, with three as far as two of them have. What one source says alone, however large or small the step and however
often repeated, moves nothing while another one is there and says otherwise; what both say is believed at once.

A source is there as long as it answers. One that does not answer any more has no say after a poll or two, nor has one that is
frozen, repeating what it said while others move, nor one that has never agreed with anybody about a token. Who is left alone is
believed in small steps at once, and in a jump when it says it again at the next poll.

`docs/prices.md` has the table, which a test holds against this code.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from nexgent.domain.prices.freshness import SourceFreshness
from nexgent.domain.prices.models import PriceObservation, PriceSource, SourceWord, TokenPrice
from nexgent.shared.money import CONTEXT
from nexgent.shared.types import TokenAddress

_LOWEST, _HIGHEST = Decimal("1e-40"), Decimal("1e40")
ROUNDING_FACTOR = Decimal("1.001")
"""Sources round, and look at a pool milliseconds apart: figures within a tenth of a percent are the same statement."""
SILENT_AFTER = timedelta(seconds=1.5)
"""A source that was asked in vain has no say when its last word is as old as this: at the second poll in a row."""
FIRST_WORD_WAITS = timedelta(seconds=0.5)
"""The first word of a token waits so long for the other answers of the same poll."""
DISPUTE_ENDS_AFTER = timedelta(seconds=60)
"""So long after a purchase, or after a dispute about a first price began, what was paid decides whom to believe."""


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
    FROZEN = "frozen"


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceValidationRules:
    """Limits of the validator."""

    max_age_seconds: float = 10.0
    """Older words are not looked at; a source that has said nothing new for so long while others moved is frozen."""
    max_jump_factor: Decimal = Decimal("1.25")
    """A source that is alone has to say it twice when a price is this many times higher or lower than the last accepted one."""
    agreement_factor: Decimal = Decimal("1.10")
    """Two sources agree when they are within this factor."""


@dataclass(slots=True)
class _Word:
    """What a source said last of a token."""

    price_sol: Decimal
    at: datetime
    credible: bool = False
    """It has agreed with the accepted price or with another source at some time: only then can it deny anything."""
    denied: bool = False
    """It has been contradicted ever since it first spoke: it is not believed when it is alone either."""
    missed: bool = False
    """It was asked again and has not answered."""
    jump: tuple[Decimal, datetime] | None = None
    """Where and since when it has been far from the last accepted price."""
    apart_since: datetime | None = None
    """Since when it has disagreed with the accepted price."""


@dataclass(slots=True)
class _TokenState:
    accepted: Decimal | None = None
    paid: Decimal | None = None
    paid_at: datetime | None = None
    """When it was paid; None is just now."""
    words: dict[PriceSource, _Word] = field(default_factory=dict)
    missing: set[PriceSource] = field(default_factory=set)
    """Who was asked and has never answered."""
    first_at: datetime | None = None
    disputed_since: datetime | None = None
    doubt: bool = False

    @property
    def reference(self) -> Decimal | None:
        return self.accepted if self.accepted is not None else self.paid


_Jury = list[tuple[PriceSource, _Word]]
_Judgement = tuple[Verdict, PriceSource | None]
"""The verdict and, when there is a price, whose word it is."""


class PriceValidator:
    """Judge observations, one token at a time. Remembers per token what was accepted and what each source said last."""

    def __init__(self, rules: PriceValidationRules, sources: Sequence[PriceSource]) -> None:
        """`sources` are all there are, the preferred one first."""
        self._rules = rules
        self._sources = tuple(sources)
        self._max_age = timedelta(seconds=rules.max_age_seconds)
        self.freshness = SourceFreshness(self._sources, self._max_age)
        """Hears every word that is judged, and from whoever has them those of SOL, which are not: they show who is alive."""
        self._tokens: dict[TokenAddress, _TokenState] = {}

    def __len__(self) -> int:
        return len(self._tokens)

    def seed(self, token: TokenAddress, price_sol: Decimal, paid_at: datetime | None = None) -> None:
        """Give the validator something to compare a first observation with: what was paid for the token, last and when."""
        state = self._tokens.get(token)
        if state is None:
            state = self._tokens[token] = _TokenState()
        older = paid_at is not None and state.paid_at is not None and paid_at < state.paid_at
        if price_sol > 0 and not older:
            state.paid, state.paid_at = price_sol, paid_at

    def forget(self, token: TokenAddress) -> None:
        """Drop what is known of a token nobody holds any more.

        It is asked about no longer, so a jump that waits for a witness would wait for ever, and nobody could buy the token.
        """
        self._tokens.pop(token, None)
        self.freshness.forget(token)

    def keep_only(self, tokens: Iterable[TokenAddress]) -> None:
        """Drop what is known of all other tokens."""
        wanted = set(tokens)
        for token in [token for token in self._tokens if token not in wanted]:
            self.forget(token)

    def doubtful(self, token: TokenAddress) -> bool:
        """Tell whether somebody who counts says another price of the token than the accepted one."""
        state = self._tokens.get(token)
        return state is not None and state.doubt

    def waits(self, token: TokenAddress) -> bool:
        """Tell whether another word about the token would decide something: it is in doubt, or there is a first one."""
        state = self._tokens.get(token)
        return state is not None and (state.doubt or (state.accepted is None and state.first_at is not None))

    def said_after(self, moment: datetime) -> list[SourceWord]:
        """Return what each source said last of each token, if that was after a moment."""
        return [
            SourceWord(token, source, word.price_sol, word.at)
            for token, state in self._tokens.items()
            for source, word in state.words.items()
            if word.at > moment
        ]

    def unanswered(self, source: PriceSource, tokens: Collection[TokenAddress]) -> None:
        """Note that a source was asked for these tokens and has not answered: an error, unknown to it, or late."""
        for token in tokens:
            state = self._tokens.get(token)
            if state is None:
                continue
            word = state.words.get(source)
            if word is None:
                state.missing.add(source)
            else:
                word.missed = True

    def judge(
        self, observation: PriceObservation, *, sol_usd: Decimal | None, now: datetime
    ) -> tuple[Verdict, TokenPrice | None]:
        """Return the verdict, and the price when one is accepted: where the jury stands, not always what was just said."""
        source, at = observation.source, observation.observed_at
        price = observation.price_sol
        if price is None and observation.price_usd is not None:
            if sol_usd is None:
                return self._no_answer(observation, Verdict.NO_SOL_PRICE)
            if _is_price(observation.price_usd) and _is_price(sol_usd):
                price = CONTEXT.divide(observation.price_usd, sol_usd)
        if price is None or not _is_price(price):
            return self._no_answer(observation, Verdict.NOT_A_PRICE)
        if now - at > self._max_age:
            return self._no_answer(observation, Verdict.STALE)
        state = self._tokens.setdefault(observation.token_address, _TokenState())
        word = state.words.get(source)
        if word is None:
            word = state.words[source] = _Word(price, at)
        elif at < word.at:
            return Verdict.OUT_OF_ORDER, None
        self.freshness.note(observation)
        word.price_sol, word.at, word.missed = price, at, False
        self._measure(state, word)
        if self.freshness.frozen(source, now):
            return Verdict.FROZEN, None
        jury = self._jury(state, now)
        if state.accepted is None:
            verdict, speaker = self._first_price(state, source, word, jury, now)
        else:
            verdict, speaker = self._next_price(state, source, word, jury)
        self._note_doubt(state, jury)
        if speaker is None or state.accepted is None:
            return verdict, None
        accepted = state.accepted
        return verdict, TokenPrice(
            observation.token_address, accepted, _usd(observation, price, accepted, sol_usd), speaker, at
        )

    def _no_answer(self, observation: PriceObservation, verdict: Verdict) -> tuple[Verdict, None]:
        """Take what cannot be used for no answer: it denies nothing, and nobody waits for it."""
        self.unanswered(observation.source, [observation.token_address])
        return verdict, None

    def _measure(self, state: _TokenState, word: _Word) -> None:
        """Hold a new word against the accepted price: is it a jump, is it the same jump as before, has it ever been near?"""
        reference, price = state.reference, word.price_sol
        if reference is None or self._near(price, reference):
            word.jump = None
            word.credible = word.credible or state.accepted is not None
        elif word.jump is None or not self._near(price, word.jump[0]):
            word.jump = (price, word.at)
        if not word.credible and state.accepted is not None:
            word.credible = any(
                other is not word
                and self._agree(price, other.price_sol)
                and word.at - other.at <= self._max_age
                for other in state.words.values()
            )

    def _jury(self, state: _TokenState, now: datetime) -> _Jury:
        """Return who has a say now, the preferred source first. Before there is a first price, whoever answers has."""
        jury: _Jury = []
        for source in self._sources:
            word = state.words.get(source)
            if word is None or not (word.credible or state.accepted is None):
                continue
            age = now - word.at
            if age > self._max_age or (word.missed and age >= SILENT_AFTER):
                continue
            if not self.freshness.frozen(source, now):
                jury.append((source, word))
        return jury

    def _first_price(
        self, state: _TokenState, source: PriceSource, word: _Word, jury: _Jury, now: datetime
    ) -> _Judgement:
        """Nothing was accepted since the start or the purchase: everybody gets the chance to speak, and they have to agree."""
        if state.first_at is None:
            state.first_at = now
        if self._somebody_else_may_speak(state, now):
            return Verdict.UNCONFIRMED, None
        if len(jury) == 1:
            return self._alone(state, source, word)
        prices = [one.price_sol for _, one in jury]
        believed = jury
        if not self._agree(min(prices), max(prices)):
            believed = self._nearest_to_what_was_paid(state, jury, now)
            if not believed:
                return Verdict.UNCONFIRMED, None
        for _, one in jury:
            one.credible = any(one is other for _, other in believed)
            one.denied = not one.credible
        reference = state.paid if state.paid is not None else believed[0][1].price_sol
        state.accepted = _moved(reference, believed)
        state.disputed_since = None
        return Verdict.ACCEPTED, _speaker(believed, state.accepted)

    def _somebody_else_may_speak(self, state: _TokenState, now: datetime) -> bool:
        return (state.first_at is None or now - state.first_at < FIRST_WORD_WAITS) and any(
            source not in state.words
            and source not in state.missing
            and not self.freshness.frozen(source, now)
            for source in self._sources
        )

    def _nearest_to_what_was_paid(self, state: _TokenState, jury: _Jury, now: datetime) -> _Jury:
        """Return whom to believe when the first words disagree, nobody as long as that cannot be known.

        What was paid a moment ago was the market. What was paid long ago may be far from it, so the sources get time to agree.
        """
        if state.disputed_since is None:
            state.disputed_since = now
        paid = state.paid
        just_paid = state.paid_at is None or now - state.paid_at < DISPUTE_ENDS_AFTER
        if paid is None or not (just_paid or now - state.disputed_since >= DISPUTE_ENDS_AFTER):
            return []
        near = [(source, one) for source, one in jury if self._near(one.price_sol, paid)]
        if near or just_paid:
            return near
        return [min(jury, key=lambda one: _distance(one[1].price_sol, paid))]

    def _next_price(self, state: _TokenState, source: PriceSource, word: _Word, jury: _Jury) -> _Judgement:
        assert state.accepted is not None
        if not word.credible and jury:
            word.denied = True
            return Verdict.CONTRADICTED, None
        if word.denied and not word.credible:
            return Verdict.CONTRADICTED, None
        if len(jury) <= 1:
            return self._alone(state, source, word)
        before = state.accepted
        state.accepted = after = _moved(before, jury)
        if self._agree(word.price_sol, after):
            word.apart_since = None
        elif word.apart_since is None:
            word.apart_since = word.at
        if after != before:
            return Verdict.ACCEPTED, _speaker(jury, after)
        if word.apart_since is None:
            renews = self._renews(after, jury) == source
            return (Verdict.ACCEPTED, source) if renews else (Verdict.NOT_PREFERRED, None)
        denied = any(one.at > word.apart_since for _, one in jury if one is not word)
        return Verdict.CONTRADICTED if denied else Verdict.UNCONFIRMED, None

    def _alone(self, state: _TokenState, source: PriceSource, word: _Word) -> _Judgement:
        """Judge the only source there is: a jump has to be said again, later."""
        if word.jump is not None and word.at <= word.jump[1]:
            return Verdict.UNCONFIRMED, None
        state.accepted = word.price_sol
        word.credible, word.jump, word.apart_since = True, None, None
        return Verdict.ACCEPTED, source

    def _renews(self, accepted: Decimal, jury: _Jury) -> PriceSource | None:
        """Return whose words keep an unmoved price fresh: the first of the jury that agrees with it."""
        return next((source for source, one in jury if self._agree(one.price_sol, accepted)), None)

    def _note_doubt(self, state: _TokenState, jury: _Jury) -> None:
        reference = state.reference
        if reference is None or not jury:
            state.doubt = False
            return
        factor = self._rules.agreement_factor if state.accepted is not None else self._rules.max_jump_factor
        prices = [word.price_sol for _, word in jury]
        state.doubt = not (
            _within(min(prices), reference, factor) and _within(max(prices), reference, factor)
        )

    def _near(self, price: Decimal, reference: Decimal) -> bool:
        return _within(price, reference, self._rules.max_jump_factor)

    def _agree(self, price: Decimal, other: Decimal) -> bool:
        return _within(price, other, self._rules.agreement_factor)


def _moved(reference: Decimal, jury: _Jury) -> Decimal:
    """Return where a price stands after the words of a jury: as far from where it stood as the middle of the words has gone.

    With one liar among two it stays between where it was and what the honest one says. Where the words are the same but for
    rounding, it is the preferred source's figure.
    """
    prices = sorted([word.price_sol for _, word in jury])
    low, high = prices[(len(prices) - 1) // 2], prices[len(prices) // 2]
    preferred = jury[0][1].price_sol
    if _within(preferred, low, ROUNDING_FACTOR) and _within(preferred, high, ROUNDING_FACTOR):
        return preferred
    return min(max(reference, low), high)


def _speaker(jury: _Jury, price: Decimal) -> PriceSource:
    """Return who said a price, else the first of those who moved it."""
    return next((source for source, word in jury if word.price_sol == price), jury[0][0])


def _distance(price: Decimal, reference: Decimal) -> Decimal:
    return CONTEXT.divide(max(price, reference), min(price, reference))


def _within(one: Decimal, other: Decimal, factor: Decimal) -> bool:
    return one <= other * factor and other <= one * factor


def _is_price(value: Decimal) -> bool:
    """Tell whether a number can be a price at all; beyond these limits arithmetic with it would overflow."""
    return value.is_finite() and _LOWEST < value < _HIGHEST


def _usd(
    observation: PriceObservation, said_sol: Decimal, accepted_sol: Decimal, sol_usd: Decimal | None
) -> Decimal | None:
    """Return the accepted price in USD, by what the source says a SOL costs, else by what we know."""
    said_usd = observation.price_usd
    if said_usd is None or not _is_price(said_usd):
        return CONTEXT.multiply(accepted_sol, sol_usd) if sol_usd is not None else None
    return CONTEXT.multiply(said_usd, CONTEXT.divide(accepted_sol, said_sol))
