"""Stop all entries at once: of one's own agents, or, for the administrator, of everybody's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from nexgent.domain.protections.events import KillSwitchChanged
from nexgent.domain.protections.models import KillSwitch
from nexgent.domain.protections.ports import ProtectionStore
from nexgent.shared.clock import Clock
from nexgent.shared.errors import ForbiddenError
from nexgent.shared.types import UserId

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class KillSwitchOrder:
    """Who wants what. `email` is the caller's address, which tells the administrator."""

    user_id: UserId
    email: str | None
    engaged: bool
    system_wide: bool = False
    reason: str | None = None


class SetKillSwitch:
    """Durable first, then known to whoever decides."""

    def __init__(
        self,
        *,
        store: ProtectionStore,
        clock: Clock,
        publish: Callable[[object], None],
        admin_email: str,
    ) -> None:
        self._store = store
        self._clock = clock
        self._publish = publish
        self._admin_email = admin_email.strip().lower()

    async def execute(self, order: KillSwitchOrder) -> KillSwitch:
        """Return the switch as it is now. Raises `ForbiddenError`, `UnavailableError`."""
        if order.system_wide and not self._is_admin(order.email):
            raise ForbiddenError("Forbidden: only the administrator may use the switch of the whole system")
        switch = KillSwitch(
            user_id=None if order.system_wide else order.user_id,
            engaged=order.engaged,
            reason=order.reason,
            changed_at=self._clock.now(),
            changed_by=order.user_id,
        )
        await self._store.set_switch(switch)
        self._publish(KillSwitchChanged(switch))
        log.warning(
            "protections.kill_switch",
            scope="system" if order.system_wide else "user",
            engaged=order.engaged,
            user_id=str(order.user_id),
        )
        return switch

    def _is_admin(self, email: str | None) -> bool:
        return email is not None and bool(self._admin_email) and email.lower() == self._admin_email
