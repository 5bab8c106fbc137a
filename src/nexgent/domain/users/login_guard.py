"""How many passwords are tried: counted before one is looked at, and per account and network.

Five wrong ones from one network close an account for that network for 15 minutes. Strangers who come from many networks share a
count of their own, whose lock grows each time; networks an account was logged in from before are not concerned by it. So nobody
can keep somebody out of their account who comes from where they usually do. Accounts that do not exist are counted like others:
no answer tells whether there is one. A command on the machine is not counted: who may read the data folder needs no guessing.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from nexgent.domain.users.errors import AccountLockedError, LoginBusyError
from nexgent.domain.users.models import LOCK_DURATION, MAX_FAILED_LOGINS
from nexgent.domain.users.origin import Origin
from nexgent.shared.addresses import MACHINE
from nexgent.shared.clock import Clock
from nexgent.shared.types import UserId

log = structlog.get_logger(__name__)

MAX_FAILED_BY_STRANGERS = 20
LONGEST_LOCK = timedelta(hours=24)
MOST_WAITING = 100
"""So many attempts on an account from one network wait for their turn."""
FORGET_AFTER = timedelta(hours=24)
"""Without a further attempt for so long, counting starts again."""
KNOWN_NETWORKS_PER_USER = 50
STRANGERS = ""
"""The network under which all attempts from unknown ones are counted together."""


@dataclass(frozen=True, slots=True)
class LockRule:
    """After so many attempts there is a lock; each one in a row is `growth` times as long as the one before."""

    limit: int
    lock: timedelta
    growth: int = 1


OF_NETWORK = LockRule(MAX_FAILED_LOGINS, LOCK_DURATION)
OF_STRANGERS = LockRule(MAX_FAILED_BY_STRANGERS, LOCK_DURATION, growth=2)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One password that is about to be tried."""

    account: bytes
    network: str
    known: bool
    """Whether the account was logged in from this network before."""


class _Turns:
    """Who tries or waits to try, on one account from one network."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.taken = 0


class LoginAttempts(Protocol):
    """The durable count. All methods raise `UnavailableError` when it cannot be reached."""

    async def claim(
        self, account: bytes, network: str, user_id: UserId | None, now: datetime
    ) -> Attempt | datetime:
        """Count an attempt in one step, or return until when none is allowed. The same work whether or not there is a user."""

    async def withdraw(self, attempt: Attempt) -> None:
        """Count an attempt no more: its password was not looked at."""

    async def succeeded(self, attempt: Attempt, user_id: UserId, now: datetime) -> None:
        """Forget what this network got wrong before, and know it from now on."""

    async def unlock(self, account: bytes, now: datetime) -> bool:
        """Forget all attempts on an account; tell whether it was locked for anybody."""


def account_key(email: str) -> bytes:
    """Return under what attempts on an account are counted. What somebody typed into the field by mistake is not kept."""
    return hashlib.sha256(email.strip().lower().encode("utf-8", "surrogatepass")).digest()


class LoginGuard:
    """Lets passwords be tried, within limits.

    Those on one account from one network take turns: as each is counted before it is looked at, right ones that come at once
    would lock out whoever they are from.
    """

    def __init__(self, *, attempts: LoginAttempts, clock: Clock) -> None:
        self._attempts = attempts
        self._clock = clock
        self._turns: dict[tuple[bytes, str], _Turns] = {}

    @asynccontextmanager
    async def attempt(self, email: str, user_id: UserId | None, origin: Origin) -> AsyncIterator[Attempt]:
        """Yield an attempt that is counted already. Raises `AccountLockedError`, `LoginBusyError`, `UnavailableError`.

        It stays counted unless `succeeded` is told, within, or the password could not be looked at because too many were waiting.
        """
        account = account_key(email)
        if origin.network == MACHINE:
            yield Attempt(account, MACHINE, known=True)
            return
        async with self._turn(account, origin.network), self._counted(account, user_id, origin) as attempt:
            yield attempt

    @asynccontextmanager
    async def _turn(self, account: bytes, network: str) -> AsyncIterator[None]:
        place = account, network
        turns = self._turns.setdefault(place, _Turns())
        if turns.taken > MOST_WAITING:
            raise LoginBusyError
        turns.taken += 1
        try:
            async with turns.lock:
                yield
        finally:
            turns.taken -= 1
            if not turns.taken:
                del self._turns[place]

    @asynccontextmanager
    async def _counted(
        self, account: bytes, user_id: UserId | None, origin: Origin
    ) -> AsyncIterator[Attempt]:
        claimed = await self._attempts.claim(account, origin.network, user_id, self._clock.now())
        if isinstance(claimed, datetime):
            log.warning("login.locked", network=origin.network, until=claimed.isoformat())
            raise AccountLockedError(claimed)
        try:
            yield claimed
        except LoginBusyError:
            await self._attempts.withdraw(claimed)
            raise

    async def succeeded(self, attempt: Attempt, user_id: UserId) -> None:
        """Note that the password fitted. Raises `UnavailableError`."""
        if attempt.network != MACHINE:
            await self._attempts.succeeded(attempt, user_id, self._clock.now())

    def failed(self, origin: Origin) -> None:
        """Tell that a password was wrong; it is counted already."""
        log.warning("login.failed", network=origin.network)
