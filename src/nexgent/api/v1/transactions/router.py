"""`/agent-transactions`: record a transaction, list what was recorded."""

from __future__ import annotations

from decimal import Decimal

from starlette.responses import Response

from nexgent.api.encoding import encode, json_response
from nexgent.api.endpoint import Access, Call, Doc, Endpoints
from nexgent.api.fields import (
    BodyFields,
    QueryFields,
    parse_decimal,
    parse_signal_id,
    parse_time,
    parse_uuid,
    shown,
)
from nexgent.api.v1.transactions.schemas import TransactionIn, TransactionOut
from nexgent.api.v1.transactions.views import recorded_view, transaction_view
from nexgent.domain.agents.models import Agent
from nexgent.domain.transactions.models import TransactionRecord, TransactionType
from nexgent.domain.transactions.queries import TransactionFilter
from nexgent.domain.users.models import Scope
from nexgent.domain.wallets.record_transaction import visible_agent, wallet_of
from nexgent.shared.errors import InvalidInputError, NotFoundError
from nexgent.shared.ids import new_id
from nexgent.shared.types import AgentId, SignalId, TokenAddress, TransactionId, WalletAddress

endpoints = Endpoints("transactions")

_AMOUNT_LIMIT = Decimal(10) ** 32
_USD_LIMIT = Decimal(10) ** 20
_RATE_LIMIT = Decimal(10) ** 12
_ZERO = Decimal(0)
_TYPES = ", ".join(kind.value for kind in TransactionType)


@endpoints.post(
    "/agent-transactions",
    Access.SESSION,
    Doc(
        summary="Record a deposit, swap or burn",
        description="Balances move with the record: DEPOSIT adds the input, BURN takes it, SWAP takes input and adds output.",
        body=TransactionIn,
        response=TransactionOut,
        status=201,
    ),
)
async def create_transaction(call: Call) -> Response:
    """Record a transaction."""
    fields = BodyFields(await call.body())
    agent_id = AgentId(parse_uuid(fields.required("agentId"), "agent"))
    agent = visible_agent(call.services.directory, agent_id, call.user_id)
    record = await _read_record(call, fields, agent)
    booked = await call.services.record_transaction.execute(record)
    return json_response(recorded_view(booked, call.services.clock.now()), 201)


async def _read_record(call: Call, fields: BodyFields, agent: Agent) -> TransactionRecord:
    address = fields.optional_text("walletAddress", 44)
    wallet = wallet_of(agent, WalletAddress(address) if address is not None else None)
    kind = _transaction_type(fields.required("transactionType"))
    value_usd = parse_decimal(fields.required("transactionValueUsd"), "transactionValueUsd")
    if not _ZERO <= value_usd < _USD_LIMIT:
        raise InvalidInputError(f"Invalid transactionValueUsd: it must be from 0 to less than {_USD_LIMIT}")
    time = parse_time(fields.required("transactionTime"), "transactionTime")
    signal_id = await _own_signal(call, fields)
    input_mint = fields.optional_text("inputMint", 255)
    output_mint = fields.optional_text("outputMint", 255)
    return TransactionRecord(
        id=TransactionId(new_id()),
        agent_id=agent.id,
        wallet_address=wallet.address,
        type=kind,
        value_usd=value_usd.quantize(Decimal("1e-8")),
        time=time,
        destination_address=fields.optional_text("destinationAddress", 255),
        signal_id=signal_id,
        fees=fields.optional_decimal("fees", below=_USD_LIMIT),
        routes_json=_routes(fields),
        input_mint=TokenAddress(input_mint) if input_mint is not None else None,
        input_symbol=fields.optional_text("inputSymbol", 20),
        input_amount=fields.optional_decimal("inputAmount", below=_AMOUNT_LIMIT),
        input_price=fields.optional_decimal("inputPrice", minimum=_ZERO, below=_AMOUNT_LIMIT),
        output_mint=TokenAddress(output_mint) if output_mint is not None else None,
        output_symbol=fields.optional_text("outputSymbol", 20),
        output_amount=fields.optional_decimal("outputAmount", below=_AMOUNT_LIMIT),
        output_price=fields.optional_decimal("outputPrice", minimum=_ZERO, below=_AMOUNT_LIMIT),
        slippage=fields.optional_decimal("slippage", below=_RATE_LIMIT),
        price_impact=fields.optional_decimal("priceImpact", below=_RATE_LIMIT),
        is_dca=fields.optional_bool("isDca", default=False),
    )


@endpoints.get(
    "/agent-transactions",
    Scope.TRANSACTIONS,
    Doc(
        summary="Transactions of an agent, newest first",
        response=TransactionOut,
        many=True,
        query={
            "*agentId": "The agent",
            "walletAddress": "Only this wallet",
            "transactionType": _TYPES,
            "startTime": "Not before",
            "endTime": "Not after",
            "signalId": "Only of this signal",
            "isDca": "true or false",
            "isTakeProfit": "true or false",
            "limit": "At most so many, up to 1000 (default 100)",
            "offset": "Leave out the first so many",
        },
    ),
)
async def list_transactions(call: Call) -> Response:
    """Return matching transactions."""
    query = call.query()
    agent_id = required_agent(call, query)
    address, kind, signal = query.text("walletAddress"), query.text("transactionType"), query.text("signalId")
    wanted = TransactionFilter(
        agent_id=agent_id,
        wallet_address=WalletAddress(address) if address is not None else None,
        type=_transaction_type(kind) if kind is not None else None,
        start_time=query.time("startTime"),
        end_time=query.time("endTime"),
        signal_id=SignalId(parse_signal_id(signal)) if signal is not None else None,
        is_dca=query.flag("isDca"),
        is_take_profit=query.flag("isTakeProfit"),
    )
    limit, offset = query.page()
    await call.services.projections.caught_up()
    rows = await call.services.transactions.list(wanted, limit=limit, offset=offset)
    return json_response([transaction_view(row) for row in rows])


@endpoints.get(
    "/agent-transactions/{id}", Scope.TRANSACTIONS, Doc(summary="One transaction", response=TransactionOut)
)
async def get_transaction(call: Call) -> Response:
    """Return a transaction."""
    transaction_id = TransactionId(call.path_uuid("id", "transaction"))
    await call.services.projections.caught_up()
    row = await call.services.transactions.get(transaction_id)
    if row is None:
        raise NotFoundError("Transaction not found")
    visible_agent(call.services.directory, row.agent_id, call.user_id)
    return json_response(transaction_view(row))


def required_agent(call: Call, query: QueryFields) -> AgentId:
    """Return the `agentId` of a query. Raises when it is missing or malformed (400), unknown (404) or foreign (403)."""
    given = query.text("agentId")
    if given is None:
        raise InvalidInputError("agentId query parameter is required")
    agent_id = AgentId(parse_uuid(given, "agent"))
    visible_agent(call.services.directory, agent_id, call.user_id)
    return agent_id


def _transaction_type(given: object) -> TransactionType:
    if isinstance(given, str) and given in TransactionType.__members__:
        return TransactionType(given)
    raise InvalidInputError(f"Invalid transactionType: one of {_TYPES} is required, received {shown(given)}")


async def _own_signal(call: Call, fields: BodyFields) -> SignalId | None:
    if not fields.given("signalId"):
        return None
    signal_id = SignalId(parse_signal_id(fields.raw("signalId")))
    if await call.services.signals.get(signal_id, call.user_id) is None:
        raise NotFoundError("Trading signal not found")
    return signal_id


def _routes(fields: BodyFields) -> str | None:
    if not fields.given("routes"):
        return None
    try:
        return encode(fields.raw("routes")).decode()
    except (RecursionError, OverflowError, TypeError):
        raise InvalidInputError(
            "Invalid routes: it is nested too deeply or holds a number that is too large"
        ) from None
