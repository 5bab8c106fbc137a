"""Everything that can be entered by hand, in one hand for the HTTP interface."""

from __future__ import annotations

from dataclasses import dataclass

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.bookkeeping.balances import BalanceFinder
from nexgent.domain.bookkeeping.booked import BookedTransactions
from nexgent.domain.bookkeeping.create_balance import CreateBalance
from nexgent.domain.bookkeeping.edit_closed_trade import EditClosedTrade
from nexgent.domain.bookkeeping.edit_transaction import EditTransaction
from nexgent.domain.bookkeeping.ports import EmptyBalances, HandEntries
from nexgent.domain.bookkeeping.record_closed_trade import RecordClosedTrade
from nexgent.domain.bookkeeping.record_transaction import RecordTransaction
from nexgent.domain.bookkeeping.remove_balance import RemoveBalance
from nexgent.domain.bookkeeping.remove_closed_trade import RemoveClosedTrade
from nexgent.domain.bookkeeping.remove_transaction import RemoveTransaction
from nexgent.domain.bookkeeping.trade_checks import TradeReferences
from nexgent.domain.bookkeeping.update_balance import UpdateBalance
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.ledger.ports import Projections
from nexgent.domain.trading.ports import TokenDecimals
from nexgent.domain.transactions.queries import ClosedTradeQueries, TransactionQueries


@dataclass(frozen=True, slots=True, kw_only=True)
class Bookkeeping:
    """The use cases."""

    balances: BalanceFinder
    create_balance: CreateBalance
    update_balance: UpdateBalance
    remove_balance: RemoveBalance
    record_transaction: RecordTransaction
    edit_transaction: EditTransaction
    remove_transaction: RemoveTransaction
    record_closed_trade: RecordClosedTrade
    edit_closed_trade: EditClosedTrade
    remove_closed_trade: RemoveClosedTrade


def bookkeeping(
    *,
    directory: AgentDirectory,
    ledger: Ledger,
    decimals: TokenDecimals,
    entries: HandEntries,
    empty_balances: EmptyBalances,
    transactions: TransactionQueries,
    closed_trades: ClosedTradeQueries,
    projections: Projections,
) -> Bookkeeping:
    """Return the use cases over one ledger."""
    finder = BalanceFinder(directory=directory, ledger=ledger, empty=empty_balances)
    booked = BookedTransactions(ledger=ledger, entries=entries)
    references = TradeReferences(directory=directory, transactions=transactions, projections=projections)
    return Bookkeeping(
        balances=finder,
        create_balance=CreateBalance(ledger=ledger, decimals=decimals, empty=empty_balances),
        update_balance=UpdateBalance(ledger=ledger, finder=finder),
        remove_balance=RemoveBalance(ledger=ledger, finder=finder, projections=projections),
        record_transaction=RecordTransaction(ledger=ledger, decimals=decimals),
        edit_transaction=EditTransaction(ledger=ledger, booked=booked, decimals=decimals),
        remove_transaction=RemoveTransaction(ledger=ledger, booked=booked),
        record_closed_trade=RecordClosedTrade(ledger=ledger, references=references),
        edit_closed_trade=EditClosedTrade(
            ledger=ledger,
            trades=closed_trades,
            entries=entries,
            references=references,
            projections=projections,
        ),
        remove_closed_trade=RemoveClosedTrade(ledger=ledger),
    )
