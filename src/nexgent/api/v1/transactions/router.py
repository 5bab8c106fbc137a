"""`/agent-transactions`: record a transaction, list what was recorded, correct and delete it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from nexgent.api.export import EXPORT_ANSWERS, TOOK_TOO_LONG, exported
from nexgent.api.fields import parse_uuid
from nexgent.api.http.access import SessionCaller, TransactionsCaller
from nexgent.api.http.declared import NOT_AUDITED
from nexgent.api.http.refusals import FOREIGN, MOVED_ON, UNKNOWN_AGENT, refusals
from nexgent.api.http.route import ApiRoute
from nexgent.api.http.services import Services, check_signal, recorded
from nexgent.api.http.types import TransactionIdInPath
from nexgent.api.paging import NEXT_PAGE, Paging
from nexgent.api.v1.transactions.export import table_of
from nexgent.api.v1.transactions.schemas import (
    TransactionChangesIn,
    TransactionIn,
    TransactionOut,
    TransactionsExportQuery,
    TransactionsPageQuery,
)
from nexgent.domain.agents.ownership import readable_agent, visible_agent, wallet_of
from nexgent.domain.bookkeeping.errors import UnknownTransactionError
from nexgent.domain.transactions.models import TransactionRecord
from nexgent.shared.errors import InvalidInputError
from nexgent.shared.ids import new_id
from nexgent.shared.paging import PageCursor
from nexgent.shared.types import TransactionId, WalletAddress

# What is entered by hand is in the journal.
router = APIRouter(
    prefix="/agent-transactions", tags=["transactions"], route_class=ApiRoute, dependencies=[NOT_AUDITED]
)

_PAGING = Paging("transactions", lambda text: TransactionId(parse_uuid(text, "transaction")))


@router.post(
    "",
    status_code=201,
    summary="Record a deposit, swap or burn",
    responses=refusals(FOREIGN, UNKNOWN_AGENT, MOVED_ON),
)
async def create_transaction(
    body: TransactionIn, caller: SessionCaller, services: Services
) -> TransactionOut:
    """Record a transaction.

    Balances move with the record: DEPOSIT adds the input, BURN takes it, SWAP takes input and adds output.
    """
    agent = visible_agent(services.directory, body.agent_id, caller.user_id)
    wallet = wallet_of(agent, WalletAddress(body.wallet_address) if body.wallet_address is not None else None)
    await check_signal(services, body.signal_id, caller.user_id)
    record = TransactionRecord(
        id=TransactionId(new_id()),
        agent_id=agent.id,
        wallet_address=wallet.address,
        type=body.transaction_type,
        value_usd=body.transaction_value_usd,
        time=body.transaction_time,
        is_dca=bool(body.is_dca),
        **body.facts(),
    )
    return TransactionOut.recorded(
        await services.bookkeeping.record_transaction.execute(record), services.clock.now()
    )


@router.get(
    "",
    summary="Transactions of an agent, newest first",
    description=NEXT_PAGE,
    response_model=list[TransactionOut],
)
async def list_transactions(
    query: Annotated[TransactionsPageQuery, Query()], caller: TransactionsCaller, services: Services
) -> Response:
    """Return matching transactions."""
    readable_agent(services.directory, query.agent_id, caller.user_id)
    wanted, page = query.wanted(), _PAGING.page(query)
    await services.projections.caught_up()
    rows = await services.transactions.list(wanted, limit=page.asked, offset=page.offset, after=page.after)
    return await _PAGING.answer(
        rows, page, view=TransactionOut.of, mark=lambda row: PageCursor(row.time, row.id)
    )


# Before the path whose id it would be taken for.
@router.get(
    "/export",
    summary="Transactions of an agent as a CSV file",
    response_class=StreamingResponse,
    responses={**EXPORT_ANSWERS, **refusals(FOREIGN, TOOK_TOO_LONG)},
)
async def export_transactions(
    query: Annotated[TransactionsExportQuery, Query()], caller: TransactionsCaller, services: Services
) -> Response:
    """Stream matching transactions, newest first, without a limit.

    Amounts are in full. Texts that a spreadsheet would compute get a leading apostrophe. With `format=json`, an array of the
    objects of the list.
    """
    readable_agent(services.directory, query.agent_id, caller.user_id)
    return await exported(services, table_of(query, services), as_json=query.as_json)


@router.get("/{id}", summary="One transaction")
async def get_transaction(
    transaction_id: TransactionIdInPath, caller: TransactionsCaller, services: Services
) -> TransactionOut:
    """Return a transaction."""
    row = await recorded(services, services.transactions.get, transaction_id, UnknownTransactionError)
    readable_agent(services.directory, row.agent_id, caller.user_id)
    return TransactionOut.of(row)


@router.put("/{id}", summary="Correct a transaction", responses=refusals(FOREIGN, MOVED_ON))
async def update_transaction(
    transaction_id: TransactionIdInPath,
    body: TransactionChangesIn,
    caller: SessionCaller,
    services: Services,
) -> TransactionOut:
    """Correct a transaction.

    Balances follow: the old effect is taken back and the new one posted in the same entry of the journal. Of a trade the engine
    made, only remarks (fees, slippage, signal …) can be changed; anything else is answered 409.
    """
    row = await recorded(services, services.transactions.get, transaction_id, UnknownTransactionError)
    visible_agent(services.directory, row.agent_id, caller.user_id)
    if row.wallet_address is None:
        raise InvalidInputError(
            "Invalid transaction: its wallet was replaced, so it has no wallet any more and cannot be changed"
        )
    await check_signal(services, body.signal_id, caller.user_id)
    edit = services.bookkeeping.edit_transaction
    record, changed_at = await edit.execute(row.wallet_address, row.id, body.changes())
    await services.projections.caught_up()
    stored = await services.transactions.get(row.id)
    if stored is not None and stored.updated_at == changed_at:
        return TransactionOut.of(stored)
    return TransactionOut.recorded(record, row.created_at, changed_at)


@router.delete(
    "/{id}", status_code=204, summary="Delete a transaction", responses=refusals(FOREIGN, MOVED_ON)
)
async def delete_transaction(
    transaction_id: TransactionIdInPath, caller: SessionCaller, services: Services
) -> Response:
    """Delete a transaction.

    **The balances are reversed:** what was entered by hand is taken back from them, a deposit of 10 SOL lowers the SOL balance by
    10. (The service this API is taken from left them as they were.) Refused when the balance does not cover it any more. A trade
    of the engine only loses its row, its money stays where it is; while its position is open, the answer is 409. The header
    `X-Balances-Reversed` of the answer says `true` or `false`.
    """
    row = await recorded(services, services.transactions.get, transaction_id, UnknownTransactionError)
    agent = visible_agent(services.directory, row.agent_id, caller.user_id)
    moved = await services.bookkeeping.remove_transaction.execute(agent, row.wallet_address, row.id)
    return Response(status_code=204, headers={"X-Balances-Reversed": "true" if moved else "false"})
