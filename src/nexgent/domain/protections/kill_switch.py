"""Stop all entries at once: of one's own agents, or, for the administrator, of everybody's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from nexgent.domain.protections.events import KillSwitchChanged
from nexgent.domain.protections.models import KillSwitch
from nexgent.domain.protections.ports import ProtectionStore
from nexgent.domain.protections.state import ProtectionState
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
    flatten: bool = False
    """Exit everything as well."""


class SetKillSwitch:
    """Durable first, then known to whoever decides."""

    def __init__(
        self,
        *,
        store: ProtectionStore,
        protections: ProtectionState,
        clock: Clock,
        publish: Callable[[object], None],
        admin_email: str,
    ) -> None:
        self._store = store
        self._protections = protections
        self._clock = clock
        self._publish = publish
        self._admin_email = admin_email.strip().lower()

    async def execute(self, order: KillSwitchOrder) -> KillSwitch:
        """Return the switch as it is now. Raises `ForbiddenError`, `UnavailableError`."""
        switch = self.decide(order)
        await self.record(switch)
        self.put_in_force(switch)
        return switch

    def check_allowed(self, order: KillSwitchOrder) -> None:
        """Raise `ForbiddenError` unless the caller may use the switch that is meant."""
        if order.system_wide and not self._is_admin(order.email):
            raise ForbiddenError("Forbidden: only the administrator may use the switch of the whole system")

    def decide(self, order: KillSwitchOrder) -> KillSwitch:
        """Return the switch as the order wants it; nothing is in force yet. Raises `ForbiddenError`.

        Engaging a switch again leaves it to flatten when it does: only releasing it ends that.
        """
        self.check_allowed(order)
        system, user = self._protections.switches_of(order.user_id)
        known = system if order.system_wide else user
        flattens = known is not None and known.engaged and known.flatten
        return KillSwitch(
            user_id=None if order.system_wide else order.user_id,
            engaged=order.engaged,
            reason=order.reason,
            changed_at=self._clock.now(),
            changed_by=order.user_id,
            flatten=order.engaged and (order.flatten or flattens),
        )

    async def record(self, switch: KillSwitch) -> None:
        """Make a switch durable. Raises `UnavailableError`."""
        await self._store.set_switch(switch)

    def put_in_force(self, switch: KillSwitch) -> None:
        """Let whoever decides in this process know of a switch."""
        self._publish(KillSwitchChanged(switch))
        log.warning(
            "protections.kill_switch",
            scope="system" if switch.user_id is None else "user",
            engaged=switch.engaged,
            flatten=switch.flatten,
            user_id=str(switch.changed_by),
        )

    def _is_admin(self, email: str | None) -> bool:
        return email is not None and bool(self._admin_email) and email.lower() == self._admin_email
