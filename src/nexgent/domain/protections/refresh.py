"""Learn what other processes have decided and recorded."""

from __future__ import annotations

from nexgent.domain.protections.ports import ProtectionStore
from nexgent.domain.protections.state import ProtectionState
from nexgent.shared.clock import Clock


class RefreshProtections:
    """`load` at start, then `tick` as one step of a loop; once a second is plenty."""

    def __init__(self, *, store: ProtectionStore, protections: ProtectionState, clock: Clock) -> None:
        self._store = store
        self._protections = protections
        self._clock = clock

    async def load(self) -> None:
        """Fill the state, which knows the agents already.

        Raises `UnavailableError`; nothing may be bought before this has succeeded.
        """
        now = self._clock.now()
        history = await self._store.history(
            now, cooldowns=self._protections.cooldowns, protected=self._protections.protected
        )
        self._protections.load(history, now)

    async def tick(self) -> None:
        """Read switches and resets, and the records of wallets others wrote to.

        Raises `UnavailableError`; what is known stays in force then.
        """
        wallets = self._protections.incomplete
        if not wallets:
            self._protections.take_controls(await self._store.controls())
            return
        now = self._clock.now()
        self._protections.being_read(wallets)
        try:
            history = await self._store.history(
                now, wallets, cooldowns=self._protections.cooldowns, protected=self._protections.protected
            )
        except BaseException:
            self._protections.not_read(wallets)
            raise
        self._protections.complete(wallets, history, now)
