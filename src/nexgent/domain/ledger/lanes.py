"""One lane per wallet: trades share it, and whoever resets, empties or removes the wallet has it alone.

A trade is in its lane from before its intent until its outcome has been announced. Whoever wants the wallet alone closes it to
everything new and waits for the trades under way, so nothing is booked or announced for a wallet that has gone meanwhile.
Entering costs nothing but a count: a burst of purchases never waits for a lock.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager

from nexgent.shared.errors import ConflictError
from nexgent.shared.types import WalletAddress

PATIENCE_SECONDS = 5.0
"""How long trades under way are waited for; a paper trade takes milliseconds, a live one may take longer than a request can."""


class WalletClosedError(ConflictError):
    """The wallet is being reset, emptied or removed; nothing new begins in it."""

    code = "WALLET_CLOSED"

    def __init__(self, wallet: WalletAddress) -> None:
        super().__init__(
            "The wallet is being reset, replaced or removed at this moment", walletAddress=wallet
        )


class LaneBusyError(ConflictError):
    """A trade of the wallet has begun and does not end as soon as one can wait."""

    code = "TRADE_IN_PROGRESS"

    def __init__(self) -> None:
        super().__init__("A trade is in progress; try again when it has finished")


class Alone:
    """The right to write to wallets that are closed to everybody else."""

    __slots__ = ()


class WalletLanes:
    """Who is in which wallet at this moment. For one process: whoever wants a wallet alone asks for it at the agent's engine, and
    what people enter elsewhere is the journal's to order."""

    def __init__(self) -> None:
        self._inside: Counter[WalletAddress] = Counter()
        self._closed: dict[WalletAddress, Alone] = {}
        self._left = asyncio.Event()

    def refuses(self, wallet: WalletAddress, by: Alone | None) -> bool:
        """Tell whether something new may not begin in a wallet."""
        return bool(self._closed) and self._closed.get(wallet, by) is not by

    def inside(self) -> Collection[WalletAddress]:
        """Return the wallets in which something is under way."""
        return self._inside.keys()

    def closed(self) -> Collection[WalletAddress]:
        """Return the wallets that somebody has alone, or waits to have alone."""
        return self._closed.keys()

    @contextmanager
    def enter(self, wallets: Iterable[WalletAddress]) -> Iterator[None]:
        """Be in lanes for the length of the block, together with others."""
        inside = list(wallets)
        self._inside.update(inside)
        try:
            yield
        finally:
            for wallet in inside:
                self._inside[wallet] -= 1
                if self._inside[wallet] <= 0:
                    del self._inside[wallet]
            self._tell()

    @asynccontextmanager
    async def alone(
        self, wallets: Iterable[WalletAddress], *, patience_seconds: float = PATIENCE_SECONDS
    ) -> AsyncIterator[Alone]:
        """Have wallets to oneself: nothing new begins in them, and what was under way has ended.

        Raises `LaneBusyError` when it does not end in time; the wallets are open again then.
        """
        wanted, right = set(wallets), Alone()
        try:
            async with asyncio.timeout(patience_seconds):
                while any(wallet in self._closed for wallet in wanted):
                    await self._somebody_left()
                self._closed.update(dict.fromkeys(wanted, right))
                while any(wallet in self._inside for wallet in wanted):
                    await self._somebody_left()
        except TimeoutError:
            self._open(wanted, right)
            raise LaneBusyError from None
        except BaseException:
            self._open(wanted, right)
            raise
        try:
            yield right
        finally:
            self._open(wanted, right)

    def _open(self, wallets: Iterable[WalletAddress], right: Alone) -> None:
        for wallet in wallets:
            if self._closed.get(wallet) is right:
                del self._closed[wallet]
        self._tell()

    def _tell(self) -> None:
        self._left.set()

    async def _somebody_left(self) -> None:
        self._left.clear()
        await self._left.wait()
