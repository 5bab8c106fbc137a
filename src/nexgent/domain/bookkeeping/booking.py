"""Decide on the newest state, write, and decide again when somebody else was faster."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.ledger.models import Entry, EntryBody, Posting
from nexgent.domain.ledger.state import WalletState
from nexgent.shared.types import WalletAddress

Decision = Callable[[WalletState], tuple[EntryBody, Sequence[Posting]]]


async def book(ledger: Ledger, wallet: WalletAddress, decide: Decision) -> Entry:
    """Return the entry that `decide` wanted, durable.

    Raises what `decide` raises, `UnknownWalletError`, `StaleWalletError` when others were faster each time,
    `JournalUnavailableError`.
    """

    async def step() -> Entry:
        body, postings = decide(await ledger.fresh(wallet))
        entry = ledger.stage(wallet, body, postings)
        await ledger.commit(entry)
        return entry

    return await ledger.decide(step)
