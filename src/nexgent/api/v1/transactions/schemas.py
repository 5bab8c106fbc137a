"""Shapes of transactions."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import msgspec
from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema

from nexgent.api.encoding import encode
from nexgent.api.fields import parse_decimal, shown
from nexgent.api.http.models import ApiModel, Body, left_out
from nexgent.api.http.problems import problem, problem_text
from nexgent.api.http.queries import ExportQuery, PageQuery, PeriodQuery, not_after, not_before
from nexgent.api.http.types import (
    NUMBER_TEXT,
    AgentIdInQuery,
    AnAgentId,
    DecimalText,
    FlagInQuery,
    GivenNumber,
    GivenSignalId,
    GivenTime,
    Instant,
    OptionalMint,
    OptionalTime,
    SignalInQuery,
    Stripped,
    Trimmed,
    WalletInQuery,
)
from nexgent.domain.transactions.models import TransactionRecord, TransactionType
from nexgent.domain.transactions.queries import TransactionFilter, TransactionRow
from nexgent.shared.errors import InvalidInputError
from nexgent.shared.types import WalletAddress

_TYPES = ", ".join(kind.value for kind in TransactionType)
_VALUE_LIMIT_USD = Decimal(10) ** 20
_VALUE_STORED = Decimal("1e-8")


def _transaction_type(given: object) -> object:
    if given is None:
        return None
    if isinstance(given, str) and given in TransactionType.__members__:
        return TransactionType(given)
    raise problem(f"one of {_TYPES} is required, received {shown(given)}")


def _value_usd(given: object) -> object:
    if given is None:
        return None
    try:
        value = parse_decimal(given, "transactionValueUsd")
    except InvalidInputError as error:
        raise problem_text(error.message) from None
    if not 0 <= value < _VALUE_LIMIT_USD:
        raise problem(f"it must be from 0 to less than {_VALUE_LIMIT_USD}")
    return value.quantize(_VALUE_STORED)


def _routes(given: object) -> object:
    if given is None:
        return None
    try:
        return encode(given).decode()
    except (RecursionError, OverflowError, TypeError):
        raise problem_text(
            "Invalid routes: it is nested too deeply or holds a number that is too large"
        ) from None


_TYPE_SCHEMA = {"type": "string", "enum": [kind.value for kind in TransactionType]}
GivenType = Annotated[TransactionType, BeforeValidator(_transaction_type), WithJsonSchema(_TYPE_SCHEMA)]
GivenValue = Annotated[
    Decimal,
    BeforeValidator(_value_usd),
    WithJsonSchema(
        {
            "anyOf": [
                NUMBER_TEXT,
                {"type": "number", "minimum": 0, "exclusiveMaximum": 1e20},
            ]
        }
    ),
]
Symbol = Annotated[str | None, Field(max_length=20), Trimmed]
Amount = Annotated[Decimal | None, GivenNumber(below=Decimal(10) ** 32)]
Price = Annotated[Decimal | None, GivenNumber(below=Decimal(10) ** 32, least=Decimal(0))]
Rate = Annotated[Decimal | None, GivenNumber(below=Decimal(10) ** 12)]


class TransactionsQuery(PeriodQuery):
    """Which transactions of an agent."""

    agent_id: AgentIdInQuery = Field(description="The agent")
    wallet_address: WalletInQuery = None
    transaction_type: Annotated[
        TransactionType | None,
        BeforeValidator(_transaction_type),
        Stripped,
        WithJsonSchema(_TYPE_SCHEMA),
    ] = Field(default=None, description=_TYPES)
    start_time: OptionalTime = Field(default=None, description="Not before")
    end_time: OptionalTime = Field(default=None, description="Not after")
    from_: OptionalTime = not_before("startTime")
    to: OptionalTime = not_after("endTime")
    signal_id: SignalInQuery = Field(default=None, description="Only of this signal")
    is_dca: FlagInQuery = Field(default=None, description="true or false")
    is_take_profit: FlagInQuery = Field(default=None, description="true or false")

    def wanted(self) -> TransactionFilter:
        """Return the filter. Raises `InvalidInputError`."""
        start_time, end_time = self.bounds("start_time", "end_time")
        return TransactionFilter(
            agent_id=self.agent_id,
            wallet_address=WalletAddress(self.wallet_address) if self.wallet_address is not None else None,
            type=self.transaction_type,
            start_time=start_time,
            end_time=end_time,
            signal_id=self.signal_id,
            is_dca=self.is_dca,
            is_take_profit=self.is_take_profit,
        )


class TransactionsPageQuery(TransactionsQuery, PageQuery):
    """Which page of an agent's transactions."""


class TransactionsExportQuery(TransactionsQuery, ExportQuery):
    """Which transactions of an agent make a file."""


class TransactionFacts(Body):
    """What may be said of a transaction and may be null."""

    destination_address: Annotated[str | None, Field(max_length=255), Trimmed] = None
    fees: Annotated[Decimal | None, GivenNumber(below=_VALUE_LIMIT_USD)] = None
    routes_json: Annotated[str | None, BeforeValidator(_routes), WithJsonSchema({})] = Field(
        default=None, alias="routes"
    )
    input_mint: OptionalMint = None
    input_symbol: Symbol = None
    input_amount: Amount = None
    input_price: Price = None
    output_mint: OptionalMint = None
    output_symbol: Symbol = None
    output_amount: Amount = None
    output_price: Price = None
    slippage: Rate = None
    price_impact: Rate = None
    signal_id: GivenSignalId = None


_NAMES = {"transaction_type": "type", "transaction_value_usd": "value_usd", "transaction_time": "time"}


class TransactionIn(TransactionFacts):
    """A transaction to record. Numbers may be JSON numbers or texts."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "agentId": "6f9b3c1e-5a40-4d33-9a0b-1c1de8a3b0f2",
                    "transactionType": "DEPOSIT",
                    "transactionValueUsd": "1500",
                    "transactionTime": "2026-01-01T12:00:00.000Z",
                    "inputMint": "So11111111111111111111111111111111111111112",
                    "inputSymbol": "SOL",
                    "inputAmount": "10",
                    "inputPrice": "1",
                }
            ]
        }
    )

    agent_id: AnAgentId
    wallet_address: Annotated[str | None, Field(max_length=44), Trimmed] = None
    transaction_type: GivenType
    transaction_value_usd: GivenValue
    transaction_time: GivenTime
    is_dca: bool | None = None

    def facts(self) -> dict[str, Any]:
        """Return what may be null, by the record's names."""
        return {name: getattr(self, name) for name in TransactionFacts.model_fields}


class TransactionChangesIn(TransactionFacts):
    """What is to be changed of a transaction; what is left out stays. Numbers may be JSON numbers or texts."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"fees": "0.000105", "slippage": "0.5"}]})

    transaction_type: GivenType = left_out()
    transaction_value_usd: GivenValue = left_out()
    transaction_time: GivenTime = left_out()
    is_dca: bool = left_out()
    is_take_profit: bool = left_out()

    def changes(self) -> dict[str, Any]:
        """Return what is there, be it as null, by the record's names."""
        return {_NAMES.get(name, name): getattr(self, name) for name in self.model_fields_set}


class TransactionOut(ApiModel):
    """A recorded transaction; amounts are exact texts."""

    id: UUID
    agent_id: UUID
    wallet_address: str | None
    transaction_type: str
    transaction_value_usd: DecimalText
    transaction_time: Instant
    destination_address: str | None
    signal_id: int | None
    fees: DecimalText | None
    routes: Any | None
    input_mint: str | None
    input_symbol: str | None
    input_amount: DecimalText | None
    input_price: DecimalText | None
    output_mint: str | None
    output_symbol: str | None
    output_amount: DecimalText | None
    output_price: DecimalText | None
    slippage: DecimalText | None
    price_impact: DecimalText | None
    is_dca: bool
    is_take_profit: bool
    transaction_hash: str | None
    protocol_fee_sol: DecimalText | None
    network_fee_sol: DecimalText | None
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, row: TransactionRow) -> TransactionOut:
        """Return a listed transaction."""
        return cls.recorded(row, row.created_at, row.updated_at)

    @classmethod
    def recorded(
        cls,
        record: TransactionRow | TransactionRecord,
        created_at: datetime,
        updated_at: datetime | None = None,
    ) -> TransactionOut:
        """Return a transaction that was booked a moment ago and may not be in the tables yet."""
        routes = msgspec.Raw(record.routes_json.encode()) if record.routes_json is not None else None
        return cls.showing(
            record,
            transaction_type=str(record.type),
            transaction_value_usd=record.value_usd,
            transaction_time=record.time,
            routes=routes,
            created_at=created_at,
            updated_at=updated_at if updated_at is not None else created_at,
        )
