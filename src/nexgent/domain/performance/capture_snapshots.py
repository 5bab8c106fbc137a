"""Store what every wallet is worth, once per exact UTC hour, and catch up on hours that were missed.

A run within the first minutes of an hour measures the present and stores it under that hour. Every other missing hour since a
wallet's last snapshot is past and cannot be measured any more: it is reconstructed from the wallet's journal where that
gives a true value (see `replay`), and left out where it does not. A second run finds nothing to do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import structlog

from nexgent.domain.ledger.ports import Journal
from nexgent.domain.ledger.state import WalletState
from nexgent.domain.performance.models import HOUR, Snapshot, WalletDue, hour_of, position_figures
from nexgent.domain.performance.ports import LastPrices, SnapshotStore, WalletHistory
from nexgent.domain.performance.replay import WalletReplay, snapshot_of
from nexgent.shared.clock import Clock
from nexgent.shared.errors import NexgentError, UnavailableError
from nexgent.shared.types import TokenAddress, WalletAddress

log = structlog.get_logger(__name__)

ON_TIME = timedelta(minutes=5)
"""So long after an hour the present still counts as that hour."""
LONGEST_CATCH_UP = timedelta(days=7)
OLDEST_PRICE = timedelta(hours=1)
"""A trade's price stands for the market at an hour only when it is not older than this."""
_SAVE_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class SnapshotReport:
    """What one run has done; `skipped` are hours whose value nobody knows, `failed` wallets with a problem."""

    hour: datetime
    captured: int
    reconstructed: int
    skipped: int
    failed: int


class CaptureSnapshots:
    """One run over all wallets. A wallet with a problem does not keep the others from their snapshots."""

    def __init__(
        self,
        *,
        wallets: Journal,
        history: WalletHistory,
        prices: LastPrices,
        store: SnapshotStore,
        clock: Clock,
    ) -> None:
        self._wallets = wallets
        self._history = history
        self._prices = prices
        self._store = store
        self._clock = clock

    async def execute(self) -> SnapshotReport:
        """Capture the hour, catch up on earlier ones. Raises `UnavailableError`; nothing is lost then, run again."""
        now = self._clock.now()
        hour = hour_of(now)
        on_time = now - hour <= ON_TIME
        dues = await self._store.due()
        # The present is measured first, because it passes. It is stored behind the hours before it: a run that is cut off
        # must not leave a gap in front of a wallet's last snapshot, where nobody would look for it.
        present = await self._measure(hour, dues) if on_time else {}
        missed_until = hour - HOUR if on_time else hour
        captured = reconstructed = skipped = failed = 0
        ready: list[Snapshot] = []
        for due in dues:
            hours = missed_hours(due, missed_until, now)
            if hours:
                try:
                    replay = await self._replay(due, hours)
                    reconstructed += await self._store.save(replay.snapshots)
                    skipped += len(replay.skipped)
                except UnavailableError:
                    raise
                except NexgentError as error:
                    failed += 1
                    log.error("snapshots.wallet_failed", wallet_address=due.wallet_address, code=error.code)
            if (snapshot := present.get(due.wallet_address)) is not None:
                ready.append(snapshot)
            if len(ready) >= _SAVE_AT_ONCE:
                captured += await self._store.save(ready)
                ready = []
        captured += await self._store.save(ready)
        report = SnapshotReport(hour, captured, reconstructed, skipped, failed)
        log.info(
            "snapshots.captured",
            hour=hour.isoformat(),
            captured=captured,
            reconstructed=reconstructed,
            skipped=skipped,
            failed=failed,
        )
        return report

    async def _measure(self, hour: datetime, dues: Sequence[WalletDue]) -> dict[WalletAddress, Snapshot]:
        wanted = {due.wallet_address for due in dues if due.last_hour is None or due.last_hour < hour}
        if not wanted:
            return {}
        states = [state for state in await self._wallets.load(None) if state.wallet_address in wanted]
        tokens = {position.token_address for state in states for position in state.positions.values()}
        prices = await self._prices.latest(tokens) if tokens else {}
        return {state.wallet_address: _present(state, prices, hour) for state in states}

    async def _replay(self, due: WalletDue, hours: Sequence[datetime]) -> WalletReplay:
        start = await self._history.start(due.agent_id, due.wallet_address)
        replay = WalletReplay(start, hours, oldest_price=OLDEST_PRICE)
        async for entry in self._history.entries(due.wallet_address, start.seq):
            if replay.done:
                break
            replay.feed(entry)
        replay.finish()
        return replay


def missed_hours(due: WalletDue, until: datetime, now: datetime) -> list[datetime]:
    """Return the hours up to `until` that follow the wallet's last snapshot or, without one, its creation."""
    if due.last_hour is not None:
        first = due.last_hour + HOUR
    else:
        first = hour_of(due.created_at)
        first = first if first == due.created_at else first + HOUR
    first = max(first, hour_of(now - LONGEST_CATCH_UP))
    count = int((until - first) / HOUR) + 1
    return [first + HOUR * number for number in range(max(0, count))]


def _present(state: WalletState, prices: Mapping[TokenAddress, Decimal], hour: datetime) -> Snapshot:
    figures = [position_figures(one, prices.get(one.token_address)) for one in state.positions.values()]
    return snapshot_of(state, figures, hour)
