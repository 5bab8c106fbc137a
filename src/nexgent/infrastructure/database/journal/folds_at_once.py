"""Fold many streams at once, whose lines come mixed and nearly always in order.

One that is not in order, or of which something is unusual, is left: it is looked at by itself.
"""

from __future__ import annotations

from nexgent.infrastructure.database.journal.lines import Line
from nexgent.infrastructure.database.journal.quick_fold import DoubtfulError, QuickFold
from nexgent.shared.types import WalletAddress

_MOST_WAITING = 5_000
"""So many lines of all streams wait at most for those before them: 10 MB."""


class FoldsAtOnce:
    """Streams on their way, each from behind an entry."""

    def __init__(self) -> None:
        self._folds: dict[bytes, _OnItsWay] = {}
        self._waiting = 0

    def add(self, wallet: WalletAddress, quick: QuickFold, after_seq: int) -> None:
        """Take the lines of a wallet from now on."""
        self._folds[wallet.encode()] = _OnItsWay(quick, after_seq)

    def pop(self, wallet: WalletAddress, last_seq: int) -> QuickFold | None:
        """Return a fold that has all lines up to and with this entry and no other, None where there is none. It is not kept."""
        one = self._folds.pop(wallet.encode(), None)
        if one is None or one.seq != last_seq or one.waiting:
            return None
        return one.quick

    def take(self, wallet: bytes, line: Line) -> None:
        """Take a line of a wallet. Raises nothing."""
        one = self._folds.get(wallet)
        if one is None:
            return
        seq = line[2]
        try:
            if seq == one.seq + 1:
                one.quick.add_one(line)
                one.seq = seq
                if one.waiting:
                    self._go_on(one)
            elif seq > one.after_seq:
                self._set_aside(one, line)
        except DoubtfulError:
            self._waiting -= len(one.waiting)
            del self._folds[wallet]

    def _set_aside(self, one: _OnItsWay, line: Line) -> None:
        """Keep a line for later. One that is there already, or would be one too many, makes its stream doubtful."""
        if line[2] <= one.seq or line[2] in one.waiting or self._waiting >= _MOST_WAITING:
            raise DoubtfulError
        one.waiting[line[2]] = line
        self._waiting += 1

    def _go_on(self, one: _OnItsWay) -> None:
        while (line := one.waiting.get(one.seq + 1)) is not None:
            one.quick.add_one(line)
            one.seq += 1
            del one.waiting[one.seq]
            self._waiting -= 1


class _OnItsWay:
    __slots__ = ("after_seq", "quick", "seq", "waiting")

    def __init__(self, quick: QuickFold, after_seq: int) -> None:
        self.quick = quick
        self.after_seq = after_seq
        self.seq = after_seq
        self.waiting: dict[int, Line] = {}
        """Lines that have come before others that are before them, by their seq."""
