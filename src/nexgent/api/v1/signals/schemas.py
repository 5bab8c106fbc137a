"""Shapes of trading signals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Annotated, ClassVar, Literal
from uuid import UUID

import msgspec
from pydantic import BeforeValidator, ConfigDict, Field, Strict, WithJsonSchema, model_validator

from nexgent.api.encoding import encode, iso, iso_or_none
from nexgent.api.fields import shown
from nexgent.api.http.confirmation import Confirmed
from nexgent.api.http.models import ApiModel, Body, Query, left_out
from nexgent.api.http.problems import problem, problem_text
from nexgent.api.http.queries import ExportQuery, PageQuery, PeriodQuery, not_after, not_before
from nexgent.api.http.types import (
    DecimalNumber,
    DecimalText,
    GivenNumber,
    GivenTradedMint,
    Instant,
    NotBlank,
    OptionalText,
    OptionalTime,
    Trimmed,
)
from nexgent.domain.signals.models import (
    MAX_REASON_LENGTH,
    DecisionOutcome,
    Gate,
    Signal,
    SignalAction,
    SignalChanges,
    SignalDecision,
    SignalDraft,
)
from nexgent.domain.signals.queries import SignalFilter, SignalRow
from nexgent.shared.money import plain
from nexgent.shared.types import TokenAddress, UserId

_ACTION = "What agents do with the token: buy it, sell all they hold of it, or sell a part"


def _is_number(value: object) -> bool:
    return isinstance(value, (int, Decimal)) and not isinstance(value, bool)


def _strength(given: object) -> object:
    # Numeric texts are refused, and 3.0 is 3.
    if isinstance(given, Decimal) and given == given.to_integral_value() and abs(given) < 10:
        given = int(given)
    if given is None or (isinstance(given, int) and not isinstance(given, bool) and 1 <= given <= 5):
        return given
    raise problem(f"an integer from 1 to 5 is required, received {shown(given)}")


def _share(given: object) -> object:
    if given is not None and not (_is_number(given) and 0 <= Decimal(str(given)) <= 1):
        raise problem(f"a number from 0 to 1 is required, received {shown(given)}")
    return None


def _components(given: object) -> object:
    if given is not None and not isinstance(given, dict):
        raise problem(f"an object is required, received {shown(given)}")
    move = given.get("expectedMovePct") if given is not None else None
    if move is not None and not _is_number(move):
        raise problem_text("Invalid scoreComponents.expectedMovePct: a number is required")
    return None


Strength = Annotated[
    int, BeforeValidator(_strength), WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 5})
]
Kind = Annotated[str, Field(max_length=50), NotBlank]
Symbol = Annotated[str, Field(max_length=50)]
Reason = Annotated[Annotated[str, Field(max_length=MAX_REASON_LENGTH)] | None, Trimmed]
Source = Annotated[Annotated[str, Field(max_length=100)] | None, Trimmed]
# What clients of a fork send in addition is checked and not used.
Share = Annotated[
    None,
    BeforeValidator(_share),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, {"type": "null"}]}),
]
Components = Annotated[
    None,
    BeforeValidator(_components),
    WithJsonSchema({"anyOf": [{"type": "object"}, {"type": "null"}]}),
]


Action = Annotated[Annotated[SignalAction, Strict(False)] | None, Field(description=_ACTION)]
Part = Annotated[Decimal, GivenNumber(below=Decimal(100), more_than=Decimal(0))]


def _is_to_buy(action: SignalAction) -> bool:
    return action is SignalAction.BUY


def _is_none(value: object) -> bool:
    return value is None


class SignalIn(Body):
    """A signal to trade on.

    `action` says what for: `buy`, which it is when left out, `close` (agents that hold the token sell all of it) or `reduce`
    (they sell `percent` of it).
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "tokenAddress": "6FYwxnApS3eRB8BcAafmbTisg8SphzKHXbjYFd82sXrf",
                    "symbol": "EXM",
                    "signalType": "Velocity (Breakout Confirmation)",
                    "signalStrength": 4,
                }
            ]
        }
    )

    token_address: GivenTradedMint
    signal_type: Kind
    signal_strength: Strength
    symbol: Annotated[Symbol | None, Trimmed] = None
    activation_reason: Reason = None
    source: Source = None
    action: Action = None
    percent: Part | None = Field(default=None, description="How much of a position is sold; of `reduce` only")
    position_size_multiplier: Share = Field(default=None, description="Accepted, and not used")
    signal_score: Share = Field(default=None, description="Accepted, and not used")
    score_components: Components = Field(default=None, description="Accepted, and not used")

    @model_validator(mode="after")
    def _says_how_much(self) -> SignalIn:
        if self.action is SignalAction.REDUCE and self.percent is None:
            raise problem_text("percent is required for action reduce")
        if self.action is not SignalAction.REDUCE and self.percent is not None:
            raise problem_text("Invalid percent: it belongs to action reduce")
        return self

    def draft(self, user_id: UserId) -> SignalDraft:
        """Return the signal, as a user's."""
        return SignalDraft(
            user_id=user_id,
            token_address=self.token_address,
            signal_type=self.signal_type,
            signal_strength=self.signal_strength,
            symbol=self.symbol,
            activation_reason=self.activation_reason,
            source=self.source,
            action=self.action or SignalAction.BUY,
            percent=self.percent,
        )


class SignalChangesIn(Body):
    """What is to be changed of a signal; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"signalStrength": 5, "source": "desk"}]})

    token_address: GivenTradedMint = left_out()
    symbol: Annotated[Symbol | None, NotBlank] = None
    signal_type: Kind = left_out()
    activation_reason: Reason = None
    signal_strength: Strength = left_out()
    source: Source = None

    def changes(self) -> SignalChanges:
        """Return what was given, be it as null."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class SignalsQuery(PeriodQuery):
    """Which of the caller's signals."""

    token_address: OptionalText = Field(
        default=None,
        description="Only this token",
        examples=["6FYwxnApS3eRB8BcAafmbTisg8SphzKHXbjYFd82sXrf"],
    )
    signal_type: OptionalText = Field(
        default=None, description="Only this type", examples=["Velocity (Breakout Confirmation)"]
    )
    start_date: OptionalTime = Field(default=None, description="Not before")
    end_date: OptionalTime = Field(default=None, description="Not after")
    from_: OptionalTime = not_before("startDate")
    to: OptionalTime = not_after("endDate")

    def wanted(self, user_id: UserId) -> SignalFilter:
        """Return which signals of a user are asked for. Raises `InvalidInputError`."""
        start, end = self.bounds("start_date", "end_date")
        return SignalFilter(
            user_id=user_id,
            token_address=TokenAddress(self.token_address) if self.token_address is not None else None,
            signal_type=self.signal_type,
            start_date=start,
            end_date=end,
        )


class SignalsPageQuery(PageQuery, SignalsQuery):
    """A page of the caller's signals."""


class SignalsExportQuery(ExportQuery, SignalsQuery):
    """A file of the caller's signals."""


class AllSignalsQuery(Confirmed, Query):
    """That really all of them are meant."""

    asks: ClassVar[str] = "Add ?confirm=true to delete all your trading signals"

    confirm: Literal["true"] = Field(description="Must be true")


class SignalsDeletedOut(ApiModel):
    """How many signals were deleted."""

    message: str
    deleted_count: int


# What a signal asks for is left out of one that is to buy: clients of the reference never meet it unless somebody uses it.
ShownAction = Annotated[SignalAction, Field(exclude_if=_is_to_buy)]
ShownPart = Annotated[DecimalNumber | None, Field(exclude_if=_is_none)]


class SignalOut(ApiModel):
    """A stored signal. `action` and `percent` are there when it asks for a sale."""

    id: int
    created_at: Instant
    updated_at: Instant
    token_address: str
    symbol: str | None
    signal_type: str
    activation_reason: str | None
    signal_strength: int
    source: str | None
    action: ShownAction = SignalAction.BUY
    percent: ShownPart = None

    @classmethod
    def of(cls, signal: Signal | SignalRow) -> SignalOut:
        """Return a signal; whose it is stays inside."""
        return cls.showing(signal)


class GateOut(ApiModel):
    """One check: what was looked at, the limit, and whether it passed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "signal_strength", "value": "4", "limit": ">= 1", "passed": True}]
        }
    )

    name: str
    value: str | None
    limit: str | None
    passed: bool


class DecisionOut(ApiModel):
    """What one agent made of a signal, and why. `sizeSol` is what a purchase spends, or what a sale brings."""

    agent_id: UUID
    outcome: str
    code: str | None
    reason: str | None
    gates: list[GateOut]
    intent_id: UUID | None
    transaction_id: UUID | None
    position_id: UUID | None
    size_sol: DecimalText | None
    price_sol: DecimalText | None
    price_source: str | None
    price_age_ms: int | None
    latency_ms: dict[str, float]
    decided_at: Instant

    @classmethod
    def of(cls, decision: SignalDecision, *, would: str = DecisionOutcome.EXECUTED.value) -> DecisionOut:
        """Return what an agent made of a signal. `would` is what a trade is called."""
        executed = decision.outcome is DecisionOutcome.EXECUTED
        return cls.showing(
            decision,
            outcome=would if executed else decision.outcome.value,
            gates=[GateOut.showing(gate) for gate in decision.gates],
        )


class DecisionsOut(ApiModel):
    """All decisions on a signal. `processedAt` is null until every agent's is recorded.

    `action` and `percent` are there when it asks for a sale.
    """

    signal_id: int
    processed_at: Instant | None
    note: str | None
    decisions: list[DecisionOut]
    action: ShownAction = SignalAction.BUY
    percent: ShownPart = None


class _WrittenDecision(msgspec.Struct, rename="camel", gc=False):
    """A `DecisionOut` that is only written."""

    agent_id: UUID
    outcome: DecisionOutcome
    code: str | None
    reason: str | None
    gates: tuple[Gate, ...]
    intent_id: UUID | None
    transaction_id: UUID | None
    position_id: UUID | None
    size_sol: str | None
    price_sol: str | None
    price_source: str | None
    price_age_ms: int | None
    latency_ms: Mapping[str, float]
    decided_at: str


def written(row: SignalRow, decisions: Iterable[SignalDecision] | str) -> bytes:
    """Return the JSON of what all agents made of a signal as `DecisionsOut` shows it, in a fraction of the time.

    A thousand agents make ten thousand checks of a signal. Decisions may come as JSON already, the items of an array.
    """
    shown: dict[str, object] = {
        "signalId": row.id,
        "processedAt": iso_or_none(row.processed_at),
        "note": row.process_note,
        "decisions": msgspec.Raw(f"[{decisions}]".encode())
        if isinstance(decisions, str)
        else [
            _WrittenDecision(
                one.agent_id,
                one.outcome,
                one.code,
                one.reason,
                one.gates,
                one.intent_id,
                one.transaction_id,
                one.position_id,
                _plain_or_none(one.size_sol),
                _plain_or_none(one.price_sol),
                one.price_source,
                one.price_age_ms,
                one.latency_ms,
                iso(one.decided_at),
            )
            for one in decisions
        ],
    }
    if row.action is not SignalAction.BUY:
        shown["action"] = row.action
    if row.percent is not None:
        shown["percent"] = row.percent
    return encode(shown)


def _plain_or_none(amount: Decimal | None) -> str | None:
    return plain(amount) if amount is not None else None
