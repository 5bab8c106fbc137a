"""Fold a wallet's stream, line by line, and note what is not right about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from nexgent.domain.ledger.errors import LedgerInvariantError
from nexgent.domain.ledger.models import Account, Entry, WalletReset
from nexgent.domain.ledger.state import WalletState, check_postings
from nexgent.infrastructure.database.journal.checked import NOTHING, Checked, Folded
from nexgent.infrastructure.database.journal.codec import CorruptEntryError, decode_entry
from nexgent.infrastructure.database.journal.lines import Line, Take, chained, row_of
from nexgent.infrastructure.database.journal.quick_fold import DoubtfulError, Followed, QuickFold
from nexgent.infrastructure.database.journal.wallet_states import follow
from nexgent.shared.types import AgentId, TokenAddress, WalletAddress


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that does not agree. Values are base units or short words; None where there is nothing to compare.

    `subject` is the mint of a balance, or `position <id>`, `intent <id>`, `entry <seq>`.
    """

    wallet_address: WalletAddress
    subject: str
    problem: str
    journal: str | None
    table: str | None
    redis: str | None


@dataclass(frozen=True, slots=True)
class Holding:
    """What the journal says a wallet holds, to be held against copies: base units and decimals of each mint it ever had."""

    agent_id: AgentId
    wallet_address: WalletAddress
    amounts: Mapping[TokenAddress, tuple[int, int]]


class StreamFold:
    """One wallet's stream on its way: its state, and the plain sums of its postings next to it."""

    def __init__(self, wallet: WalletAddress, owner: AgentId | None, projected_seq: int) -> None:
        self.wallet = wallet
        self.owner = owner
        self.projected_seq = projected_seq
        self.state: WalletState | None = WalletState(wallet, owner) if owner is not None else None
        self.afterlife: WalletState | None = None
        """What a wallet without an agent has come to hold since it was emptied for good: nothing, if all is well."""
        self.projected: WalletState | None = self.state
        self.sums: dict[TokenAddress, int] = {}
        self.decimals: dict[TokenAddress, int] = {}
        self.last_seq = 0
        self.last_id: UUID | None = None
        self.digest = NOTHING
        self.checked: Checked | None = None
        """Where the stream was found in order last; it is folded from there unless `everything` is."""
        self.goes_on = False
        self.differences: list[Difference] = []

    def go_on_from(self, checked: Checked) -> None:
        """Start behind what was checked."""
        self.goes_on = True
        self.state = self.projected = checked.folded.state
        self.afterlife = checked.folded.afterlife
        self.sums, self.decimals = dict(checked.folded.sums), dict(checked.folded.decimals)
        self.last_seq, self.last_id, self.digest = checked.seq, checked.entry_id, checked.digest

    def go_on_behind(self, checked: Checked) -> None:
        """Start behind what was checked, whoever had the wallet then.

        Who has it now and did not then began with nothing: whoever lets a wallet go empties it first.
        """
        self.go_on_from(checked)
        if checked.agent_id == self.owner:
            return
        empty = WalletState(self.wallet, self.owner, checked.seq) if self.owner is not None else None
        self.state = self.projected = empty
        self.afterlife, self.sums, self.decimals = None, {}, {}

    def now_checked(self) -> Checked | None:
        """Return how far it is in order, None where that is known already, or the tables do not contain all of it."""
        if self.checked and self.checked.seq == self.last_seq:
            return None
        if self.owner is not None and self.projected_seq != self.last_seq:
            return None
        return self.end()

    def end(self) -> Checked | None:
        """Return what the stream has come to, None where something is wrong with it."""
        if self.differences or self.last_id is None or (self.owner is not None and self.state is None):
            return None
        held = {mint: total for mint, total in self.sums.items() if total}
        folded = Folded(self.state, self.afterlife, held, {mint: self.decimals[mint] for mint in held})
        return Checked(self.wallet, self.owner, self.last_seq, self.last_id, self.digest, folded)

    def holding(self) -> Holding | None:
        """Return what it holds, None of a wallet that has no agent or whose entries contradict each other."""
        if self.state is None or self.projected is None:
            return None
        amounts = {mint: (self.state.balance_raw(mint), self.decimals[mint]) for mint in self.sums}
        return Holding(self.state.agent_id, self.wallet, amounts)

    def take(self, followed: Followed) -> None:
        """Take over what it has come to, of which nothing is wrong."""
        self.state = self.projected = followed.state
        self.sums, self.decimals = dict(followed.sums), dict(followed.decimals)
        self.last_seq, self.last_id, self.digest = followed.last_seq, followed.last_id, followed.digest

    def add_line(self, line: Line) -> None:
        """Take the next line of the stream."""
        try:
            self.add(decode_entry(row_of(line, self.wallet)))
        except CorruptEntryError as error:
            self.report(f"entry {line[2]}", error.message)
            self.last_seq = line[2]
            self.state = None
        # A time that cannot be written was reported.
        with suppress(OverflowError):
            self.digest = chained(self.digest, line)
        self.last_id = UUID(line[0].decode())
        known = self.checked
        if known is not None and known.seq == self.last_seq and known.digest != self.digest:
            when = f"{known.checked_at:%Y-%m-%d %H:%M}" if known.checked_at is not None else "before"
            self.report(
                f"entry {known.seq}", f"entries up to this one are not those that were checked {when}"
            )

    def report(self, subject: str, problem: str, **values: str | None) -> None:
        self.differences.append(
            Difference(
                self.wallet, subject, problem, values.get("journal"), values.get("table"), values.get("redis")
            )
        )

    def add(self, entry: Entry) -> None:
        subject = f"entry {entry.seq}"
        if entry.seq != self.last_seq + 1:
            self.report(subject, f"does not follow entry {self.last_seq}", journal=str(entry.seq))
        self.last_seq = entry.seq
        if self.state is None or entry.agent_id != self.owner:
            # Whoever follows an entry checks them as well.
            try:
                check_postings(entry.postings)
            except LedgerInvariantError as error:
                self.report(subject, error.message)
        if entry.agent_id == self.owner:
            for posting in entry.postings:
                if posting.account is Account.WALLET:
                    self.sums[posting.mint] = self.sums.get(posting.mint, 0) + posting.amount_raw
                    self.decimals[posting.mint] = posting.decimals
        if self.owner is None:
            self._follow_afterlife(entry)
        if self.state is not None:
            try:
                self.state = follow(self.state, entry)
            except LedgerInvariantError as error:
                self.report(subject, error.message)
                self.state = None
        if entry.seq <= self.projected_seq:
            self.projected = self.state

    def _follow_afterlife(self, entry: Entry) -> None:
        if isinstance(entry.body, WalletReset) and entry.body.keep_history:
            # Streams that ended before agents were emptied on leaving have no such entry; nothing can be said of those.
            self.afterlife = WalletState(self.wallet, entry.agent_id, entry.seq)
        elif self.afterlife is not None:
            try:
                self.afterlife = follow(self.afterlife, entry)
            except LedgerInvariantError as error:
                self.report(f"entry {entry.seq}", error.message)
                self.afterlife = None

    def compare_sums(self) -> None:
        """Report what the postings do not add up to."""
        if self.state is None:
            return
        for mint, total in self.sums.items():
            if total != self.state.balance_raw(mint):
                self.report(mint, "the postings do not sum to the folded balance", journal=str(total))


Lines = Callable[[int, Take], Awaitable[None]]
"""Hands on a stream's lines behind an entry, in order, in blocks; what it is handed on to may raise."""


def take_over(fold: StreamFold, start: Checked | None, quick: QuickFold) -> int:
    """Have a fold come to what the quick one did with all lines behind `start`; return how many. Raises `DoubtfulError`."""
    followed = quick.followed()
    fold.goes_on = start is not None
    fold.take(followed)
    return followed.last_seq - (start.seq if start is not None else 0)


async def fold_lines(fold: StreamFold, lines: Lines, start: Checked | None, quick: QuickFold | None) -> int:
    """Fold a stream, from `start` if there is one; return how many lines. What `quick` cannot vouch for is looked at closely."""
    after = start.seq if start is not None else 0
    if quick is not None:
        try:
            if start is not None:
                quick.go_on_from(start)
            await lines(after, quick.add)
            return take_over(fold, start, quick)
        except (DoubtfulError, CorruptEntryError):
            pass
    if start is not None:
        fold.go_on_behind(start)
    count = 0

    def add(block: Sequence[Line]) -> None:
        nonlocal count
        count += len(block)
        for line in block:
            fold.add_line(line)

    try:
        await lines(after, add)
    except CorruptEntryError as error:
        fold.report(f"entry {fold.last_seq + 1}", error.message)
        fold.state = None
    return count
