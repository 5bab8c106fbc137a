"""What is behind the beginning of the journal: parts that were archived, and what every stream had come to at their end.

Parts are put away from the oldest on and brought back from the newest on, so the journal is there from one position to its end. A
reader that wants more has the baseline, which is what a stream had come to before that position, or is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

import asyncpg

from nexgent.domain.ledger.errors import JournalArchivedError
from nexgent.domain.ledger.models import (
    Account,
    Adjusted,
    Entry,
    EntryBody,
    ExitAsked,
    Posting,
    TradeIntended,
    TradeSubmitted,
)
from nexgent.domain.ledger.state import WalletState
from nexgent.infrastructure.database.journal.checked import Checked, read_checked
from nexgent.infrastructure.database.journal.parts import label_of
from nexgent.shared.ids import new_id
from nexgent.shared.types import AgentId, EntryId, WalletAddress

_Connection: TypeAlias = (
    "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
)
Reader: TypeAlias = "_Connection | asyncpg.Pool[asyncpg.Record]"

_BEHIND = "(SELECT max(end_position) FROM journal_archives WHERE dropped_at IS NOT NULL)"
_BASELINES = f"""
SELECT DISTINCT ON (wallet_address) wallet_address, agent_id AS checked_agent_id, seq AS checked_seq,
       entry_id AS checked_entry_id, digest, folded, checked_at
FROM journal_part_ends WHERE end_position <= {_BEHIND} AND ($1::text[] IS NULL OR wallet_address = ANY($1))
ORDER BY wallet_address, end_position DESC
"""  # noqa: S608 -- constants  # nosec B608
_NEWEST = f"SELECT part FROM journal_archives WHERE end_position = {_BEHIND}"  # noqa: S608 -- a constant  # nosec B608


async def baselines(
    connection: Reader, wallets: Collection[WalletAddress] | None = None
) -> Mapping[WalletAddress, Checked]:
    """Return what streams had come to where the journal begins, of those that have something before.

    Whoever reads it after the lines, or in the snapshot they are read in, misses nothing when a part is put away meanwhile.
    Raises `JournalArchivedError` for one that this version cannot read.
    """
    found: dict[WalletAddress, Checked] = {}
    for row in await connection.fetch(_BASELINES, list(wallets) if wallets is not None else None):
        wallet = WalletAddress(row["wallet_address"])
        checked = read_checked(wallet, row)
        if checked is None:
            raise await archived(connection)
        found[wallet] = checked
    return found


async def baseline(connection: Reader, wallet: WalletAddress) -> Checked | None:
    """Return what a stream had come to where the journal begins, None where nothing of it is archived.

    Raises as `baselines` does.
    """
    return (await baselines(connection, [wallet])).get(wallet)


def state_at(checked: Checked, owner: AgentId) -> WalletState:
    """Return what a wallet was for its owner there. Whoever did not have it then began with nothing later."""
    state = checked.folded.state
    if state is None or checked.agent_id != owner:
        return WalletState(checked.wallet_address, owner, checked.seq)
    return state


def entries_for(state: WalletState) -> list[Entry]:
    """Return entries that say what a state says, for whoever makes rows of entries. They have no place in a stream."""

    def entry(at: datetime, body: EntryBody, postings: Sequence[Posting] = ()) -> Entry:
        return Entry(
            id=EntryId(new_id()),
            wallet_address=state.wallet_address,
            agent_id=state.agent_id,
            seq=state.seq,
            at=at,
            body=body,
            postings=tuple(postings),
        )

    made = [
        entry(
            one.updated_at,
            Adjusted(one.mint, "archived"),
            one.token.moved(one.amount_raw, Account.ADJUSTMENT),
        )
        for one in state.balances.values()
    ]
    made += [entry(one.updated_at, ExitAsked(one)) for one in state.positions.values()]
    for known in state.intents.values():
        at, intent = known.intent.created_at, known.intent
        made.append(entry(at, TradeIntended(intent)))
        if known.submission is not None:
            made.append(entry(at, TradeSubmitted(intent.id, known.submission)))
    return made


async def archived(connection: Reader) -> JournalArchivedError:
    """Return the refusal for whoever needs entries that are archived."""
    row = await connection.fetchrow(_NEWEST)
    if row is None:
        return JournalArchivedError("Entries of the journal that are needed for this are not there")
    return JournalArchivedError(
        f"Entries of the journal that are needed for this are archived, those up to and with {label_of(row['part'])}: "
        "`nexgent journal` says in which files, and `nexgent journal restore FILE` brings them back."
    )
