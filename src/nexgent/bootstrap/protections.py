"""Protections put together: what blocks entries, the kill switches, and the way out."""

from __future__ import annotations

from collections.abc import Callable

from nexgent.api.deps import ProtectionParts
from nexgent.bootstrap.engine import Engine
from nexgent.domain.panic.panic import Panic
from nexgent.domain.protections.describe_protections import DescribeProtections
from nexgent.domain.protections.kill_switch import SetKillSwitch
from nexgent.domain.protections.ports import ProtectionStore
from nexgent.domain.protections.reset_protections import ResetProtections
from nexgent.domain.protections.state import ProtectionState
from nexgent.shared.clock import Clock


def build_protections(
    state: ProtectionState,
    store: ProtectionStore,
    *,
    engine: Engine,
    admin_email: str,
    is_engine: Callable[[], bool],
    clock: Clock,
    publish: Callable[[object], None],
) -> ProtectionParts:
    """Return the parts; `state` is the guard that the engine asks."""
    directory, ledger = engine.directory, engine.ledger
    switch = SetKillSwitch(
        store=store, protections=state, clock=clock, publish=publish, admin_email=admin_email
    )
    return ProtectionParts(
        state=state,
        describe=DescribeProtections(directory=directory, ledger=ledger, protections=state, clock=clock),
        reset=ResetProtections(store=store, directory=directory, clock=clock, publish=publish),
        kill_switch=switch,
        panic=Panic(
            switch=switch,
            protections=state,
            directory=directory,
            ledger=ledger,
            book=engine.book,
            exits=engine.exits,
            is_engine=is_engine,
        ),
    )
