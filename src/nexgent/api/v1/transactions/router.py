"""`/agent-transactions`: record a transaction, list what was recorded."""

from __future__ import annotations

from starlette.responses import Response

from nexgent.api.encoding import json_response
from nexgent.api.endpoint import Access, Call, Doc, Endpoints
from nexgent.api.fields import BodyFields, QueryFields, parse_signal_id, parse_uuid
from nexgent.api.paging import NEXT_PAGE, PAGE_PARAMETERS, Paging, period, period_parameters
from nexgent.api.v1.transactions.parsing import (
    TYPES,
    nullable_fields,
    own_signal,
    transaction_time,
    transaction_type,
    value_usd,
)
from nexgent.api.v1.transactions.schemas import TransactionIn, TransactionOut
from nexgent.api.v1.transactions.views import recorded_view, transaction_view
from nexgent.domain.agents.models import Agent
from nexgent.domain.agents.ownership import readable_agent, visible_agent, wallet_of
from nexgent.domain.transactions.models import TransactionRecord
from nexgent.domain.transactions.queries import TransactionFilter
from nexgent.domain.users.models import Scope
from nexgent.shared.errors import InvalidInputError, NotFoundError
from nexgent.shared.ids import new_id
from nexgent.shared.paging import PageCursor
from nexgent.shared.types import AgentId, SignalId, TransactionId, WalletAddress

endpoints = Endpoints("transactions")

_PAGING = Paging("transactions", lambda text: TransactionId(parse_uuid(text, "transaction")))


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
    kind = transaction_type(fields.required("transactionType"))
    worth, time = value_usd(fields), transaction_time(fields)
    signal_id = await own_signal(call, fields)
    return TransactionRecord(
        id=TransactionId(new_id()),
        agent_id=agent.id,
        wallet_address=wallet.address,
        type=kind,
        value_usd=worth,
        time=time,
        signal_id=signal_id,
        is_dca=fields.optional_bool("isDca", default=False),
        **nullable_fields(fields, only_present=False),
    )


@endpoints.get(
    "/agent-transactions",
    Scope.TRANSACTIONS,
    Doc(
        summary="Transactions of an agent, newest first",
        description=NEXT_PAGE,
        response=TransactionOut,
        many=True,
        query={
            "*agentId": "The agent",
            "walletAddress": "Only this wallet",
            "transactionType": TYPES,
            "startTime": "Not before",
            "endTime": "Not after",
            **period_parameters("startTime", "endTime"),
            "signalId": "Only of this signal",
            "isDca": "true or false",
            "isTakeProfit": "true or false",
            **PAGE_PARAMETERS,
        },
    ),
)
async def list_transactions(call: Call) -> Response:
    """Return matching transactions."""
    query = call.query()
    agent_id = required_agent(call, query)
    address, kind, signal = query.text("walletAddress"), query.text("transactionType"), query.text("signalId")
    start_time, end_time = period(query, "startTime", "endTime")
    wanted = TransactionFilter(
        agent_id=agent_id,
        wallet_address=WalletAddress(address) if address is not None else None,
        type=transaction_type(kind) if kind is not None else None,
        start_time=start_time,
        end_time=end_time,
        signal_id=SignalId(parse_signal_id(signal)) if signal is not None else None,
        is_dca=query.flag("isDca"),
        is_take_profit=query.flag("isTakeProfit"),
    )
    page = _PAGING.read(query)
    await call.services.projections.caught_up()
    rows = await call.services.transactions.list(
        wanted, limit=page.asked, offset=page.offset, after=page.after
    )
    return _PAGING.answer(rows, page, view=transaction_view, mark=lambda row: PageCursor(row.time, row.id))


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
    readable_agent(call.services.directory, row.agent_id, call.user_id)
    return json_response(transaction_view(row))


def required_agent(call: Call, query: QueryFields) -> AgentId:
    """Return the `agentId` of a query. Raises when it is missing or malformed (400), unknown (404) or foreign (403)."""
    given = query.text("agentId")
    if given is None:
        raise InvalidInputError("agentId query parameter is required")
    agent_id = AgentId(parse_uuid(given, "agent"))
    readable_agent(call.services.directory, agent_id, call.user_id)
    return agent_id
