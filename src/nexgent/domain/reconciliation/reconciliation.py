"""Every live wallet, at the start and again and again: who is due, and how it stands with all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.models import TradingMode
from nexgent.domain.positions.models import CloseReason
from nexgent.domain.reconciliation.errors import WalletMovingError
from nexgent.domain.reconciliation.events import WalletChecked
from nexgent.domain.reconciliation.models import FindingKind
from nexgent.domain.reconciliation.reconcile_wallet import ReconcileWallet, WalletReport
from nexgent.domain.trading.book.position_book import PositionBook
from nexgent.domain.trading.errors import named
from nexgent.domain.trading.events import ExitAttemptFailed
from nexgent.shared.clock import Clock
from nexgent.shared.types import WalletAddress

log = structlog.get_logger(__name__)

AGAIN_SECONDS = 5.0
"""How soon a wallet is looked at again that could not be compared, or that somebody has doubts about."""
MOVING_SECONDS = 10.0
OVERDUE_AFTER = 3
"""So many intervals without a comparison, and a wallet need not be quiet for as long as others any more."""
OVERDUE_MOVING_SECONDS = 1.0
"""How soon it is tried again then: its pauses may be short."""
SIDE_BY_SIDE = 8
STALE_AFTER = 10
"""So many intervals without a comparison are no accident."""
STALE_AT_LEAST_SECONDS = 600.0


@dataclass(slots=True)
class WalletStanding:
    """How it stands with one wallet. Times are monotonic."""

    due: float
    good_at: float
    tried_at: float = float("-inf")
    differences: int = 0
    orphans: int = 0
    code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciliationHealth:
    """How it stands with all live wallets: how many there are, and how long ago the oldest look at one of them was."""

    wallets: int
    age_seconds: int
    differences: int
    orphans: int


class Reconciliation:
    """Ticks; whoever is due is looked at, a few side by side."""

    def __init__(
        self,
        *,
        directory: AgentDirectory,
        book: PositionBook,
        reconcile: ReconcileWallet,
        interval_seconds: float,
        clock: Clock,
        publish: Callable[[object], None],
        after: Callable[[WalletReport], Awaitable[None]] | None = None,
    ) -> None:
        """An interval of 0 turns it off. `after` is called with every report: what else can be done for the wallet."""
        self._directory = directory
        self._book = book
        self._reconcile = reconcile
        self._interval = interval_seconds
        self._clock = clock
        self._publish = publish
        self._after = after
        self._wallets: dict[WalletAddress, WalletStanding] = {}
        self._begun = False

    @property
    def standings(self) -> dict[WalletAddress, WalletStanding]:
        """Return how it stands with each wallet."""
        return self._wallets

    def age_seconds(self) -> float | None:
        """Return how long ago the wallet was compared that was compared longest ago, None without any."""
        if not self._wallets:
            return None
        return self._clock.monotonic() - min(one.good_at for one in self._wallets.values())

    def differences(self) -> int:
        """Return how many differences between ledgers and chain are not booked."""
        return sum(one.differences for one in self._wallets.values())

    def orphans(self) -> int:
        """Return how many tokens no position accounts for."""
        return sum(one.orphans for one in self._wallets.values())

    def problem(self) -> str | None:
        """Return what somebody should look after, or None."""
        age = self.age_seconds()
        if age is None or age <= max(STALE_AT_LEAST_SECONDS, STALE_AFTER * self._interval):
            return None
        oldest = min(self._wallets.values(), key=lambda one: one.good_at)
        why = f" ({oldest.code})" if oldest.code is not None else ""
        return f"a live wallet was not compared with the chain for {age:.0f} s{why}"

    def wake(self, wallet: WalletAddress) -> None:
        """Look at a wallet soon: something says that it is not as the books have it."""
        standing = self._wallets.get(wallet)
        if standing is not None:
            now = self._clock.monotonic()
            standing.due = min(standing.due, max(now, standing.tried_at + AGAIN_SECONDS))

    def on_exit_attempt_failed(self, event: ExitAttemptFailed) -> None:
        """Look whether what cannot be sold is still there."""
        held = self._book.get(event.position_id)
        if held is not None and event.reason is not CloseReason.WRITE_OFF:
            self.wake(held.position.wallet_address)

    async def tick(self) -> None:
        """Look at the wallets that are due."""
        if not self._interval:
            return
        self._follow_directory()
        now = self._clock.monotonic()
        due = [wallet for wallet, one in self._wallets.items() if one.due <= now]
        # A second look takes seconds: one wallet does not hold up all others.
        for first in range(0, len(due), SIDE_BY_SIDE):
            await asyncio.gather(*map(self._look_at, due[first : first + SIDE_BY_SIDE]))

    def _follow_directory(self) -> None:
        """Know the live wallets of now. At the start all are due; one that comes later after an interval."""
        now = self._clock.monotonic()
        live = {
            wallet.address
            for agent in self._directory.all()
            for wallet in agent.wallets
            if wallet.mode is TradingMode.LIVE and self._reconcile.acts_for(agent.id)
        }
        for gone in self._wallets.keys() - live:
            del self._wallets[gone]
        for new in live - self._wallets.keys():
            self._wallets[new] = WalletStanding(due=now + self._interval if self._begun else now, good_at=now)
        self._begun = True

    async def _look_at(self, wallet: WalletAddress) -> None:
        """Look at one wallet; whatever goes wrong with it is no other's business."""
        standing = self._wallets.get(wallet)
        if standing is None:
            return
        standing.tried_at = self._clock.monotonic()
        overdue = standing.tried_at - standing.good_at > OVERDUE_AFTER * self._interval
        booked = 0
        try:
            report = await self._reconcile.execute(wallet, overdue=overdue)
        except WalletMovingError as error:
            standing.code, pause = error.code, OVERDUE_MOVING_SECONDS if overdue else MOVING_SECONDS
        except Exception as error:
            known = named(error)
            standing.code, pause = known.code, AGAIN_SECONDS
            log.warning("reconciliation.failed", wallet_address=wallet, code=known.code, reason=known.message)
        else:
            booked = report.booked
            pause = self._note(standing, report)
            await self._finish(report)
        standing.due = self._clock.monotonic() + min(pause, self._interval)
        self._publish(WalletChecked(wallet, booked, standing.code))

    def _note(self, standing: WalletStanding, report: WalletReport) -> float:
        """Take over what was found; return when to look again."""
        standing.good_at, standing.code = self._clock.monotonic(), None
        standing.differences = sum(1 for finding in report.findings if finding.to_book)
        standing.orphans = sum(1 for finding in report.findings if finding.kind is FindingKind.ORPHAN)
        return AGAIN_SECONDS if report.waiting else self._interval

    async def _finish(self, report: WalletReport) -> None:
        if self._after is None or report.waiting:
            return
        try:
            await self._after(report)
        except Exception as error:
            log.warning(
                "reconciliation.afterwards", wallet_address=report.wallet_address, code=named(error).code
            )
