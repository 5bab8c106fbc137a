"""Unlocked keys. In memory only, for as long as they may be there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from nexgent.domain.wallets.encrypted.errors import LockedMeanwhileError, WalletLockedError
from nexgent.domain.wallets.encrypted.events import WalletLocked
from nexgent.domain.wallets.encrypted.models import SecretKey
from nexgent.shared.clock import Clock
from nexgent.shared.types import WalletAddress

log = structlog.get_logger(__name__)

SWEEP_SECONDS = 1.0
_SEED_BYTES = 32


@dataclass(slots=True)
class _Unlocked:
    key: SecretKey
    until: datetime | None
    deadline: float | None
    last_used: float


class KeyVault:
    """Implements `Vault`. All methods are for the event loop's thread.

    A key whose time is over does not sign, even before `sweep` has wiped it. `idle_seconds` None never locks for idleness; the
    time counts from the last signature, and stands still while `in_use` says that a position or a trade may need the key.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        idle_seconds: float | None,
        in_use: Callable[[WalletAddress], bool],
        publish: Callable[[object], None],
    ) -> None:
        self._clock = clock
        self._idle_seconds = idle_seconds
        self._in_use = in_use
        self._publish = publish
        self._unlocked: dict[WalletAddress, _Unlocked] = {}
        self._generations: dict[WalletAddress, int] = {}
        self._closed = False

    def __len__(self) -> int:
        return len(self._unlocked)

    def __repr__(self) -> str:
        return f"KeyVault({len(self)} unlocked)"

    def generation(self, address: WalletAddress) -> int:
        """Return a number that grows whenever the wallet is locked."""
        return self._generations.get(address, 0)

    def put(
        self, address: WalletAddress, key: SecretKey, *, ttl_seconds: int | None, generation: int
    ) -> datetime | None:
        """Keep a key; return until when. Raises `LockedMeanwhileError` after wiping it."""
        if self._closed or generation != self.generation(address):
            key.wipe()
            raise LockedMeanwhileError
        now = self._clock.monotonic()
        until = self._clock.now() + timedelta(seconds=ttl_seconds) if ttl_seconds is not None else None
        before = self._unlocked.get(address)
        self._unlocked[address] = _Unlocked(
            key, until, now + ttl_seconds if ttl_seconds is not None else None, now
        )
        if before is not None:
            before.key.wipe()
        return until

    def lock(self, address: WalletAddress, reason: str) -> bool:
        """Wipe the wallet's key; tell whether there was one. Whoever is unlocking it at this moment fails."""
        self._generations[address] = self.generation(address) + 1
        held = self._unlocked.pop(address, None)
        if held is None:
            return False
        held.key.wipe()
        # With something at stake, nobody shall miss that its stops cannot sell any more.
        stranded = self._in_use(address)
        (log.warning if stranded else log.info)(
            "wallet.locked", wallet_address=address, reason=reason, has_open_trades=stranded
        )
        self._publish(WalletLocked(address, reason))
        return True

    def is_unlocked(self, address: WalletAddress) -> bool:
        """Tell whether the wallet's key is here and its time is not over."""
        held = self._unlocked.get(address)
        return held is not None and self._over(address, held) is None

    def unlocked_until(self, address: WalletAddress) -> datetime | None:
        """Return when the key's time is over; None for a locked wallet and one without a limit."""
        return self._unlocked[address].until if self.is_unlocked(address) else None

    def sign(self, address: WalletAddress, message: bytes) -> bytes:
        """Return the wallet's Ed25519 signature (64 bytes) of a message. Raises `WalletLockedError`."""
        held = self._unlocked.get(address)
        if held is None or self._over(address, held) is not None:
            raise WalletLockedError
        held.last_used = self._clock.monotonic()
        with memoryview(held.key.raw) as view, view[:_SEED_BYTES] as seed:
            return Ed25519PrivateKey.from_private_bytes(seed).sign(message)

    def lock_where(self, is_gone: Callable[[WalletAddress], bool], reason: str) -> None:
        """Lock those of which that is so."""
        for address in list(self._unlocked):
            if is_gone(address):
                self.lock(address, reason)

    async def sweep(self) -> None:
        """Lock what is over. To be called every second or so."""
        for address, held in list(self._unlocked.items()):
            reason = self._over(address, held)
            if reason is not None:
                self.lock(address, reason)

    def wipe(self) -> None:
        """Lock everything for good: the process ends, and nothing can be unlocked any more."""
        self._closed = True
        for address in list(self._unlocked):
            self.lock(address, "shutdown")

    def _over(self, address: WalletAddress, held: _Unlocked) -> str | None:
        now = self._clock.monotonic()
        # Either clock: one stands still while the machine sleeps, the other may be set back.
        if held.deadline is not None and now >= held.deadline:
            return "ttl"
        if held.until is not None and self._clock.now() >= held.until:
            return "ttl"
        if self._idle_seconds is not None and now - held.last_used >= self._idle_seconds:
            if not self._in_use(address):
                return "idle"
            held.last_used = now
        return None
