"""Everybody who knows of trouble, put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta

from nexgent.api.deps import EngineProbe
from nexgent.bootstrap.engine import Engine
from nexgent.domain.attention.notices import Asked, ListNotices, Notice, NoticeKind, Severity
from nexgent.domain.attention.positions import DelayedExits, StalePrices
from nexgent.domain.attention.wallets import LockedWallets, TrippedProtections, UnreconciledWallets
from nexgent.domain.notifications.models import OutboxState
from nexgent.domain.notifications.watch_conditions import FailingTargets
from nexgent.domain.prices.ports import SolPriceFeed
from nexgent.domain.protections.state import ProtectionState
from nexgent.domain.reconciliation.reconciliation import Reconciliation
from nexgent.domain.trading.ports import WalletKeys
from nexgent.shared.clock import Clock


class EngineTrouble:
    """What the process says of itself."""

    def __init__(self, *, health: EngineProbe, sol_price: SolPriceFeed) -> None:
        self._health = health
        self._sol_price = sol_price

    def of(self, asked: Asked) -> Iterable[Notice]:
        """Return what is not as it should be, whoever asks."""
        if (problem := self._health.not_ready()) is not None:
            yield Notice(
                kind=NoticeKind.ENGINE_NOT_READY,
                severity=Severity.DANGER,
                text=f"Nothing is traded: {problem}",
            )
        if (late := self._health.late()) is not None:
            yield Notice(kind=NoticeKind.ENGINE_LATE, severity=Severity.WARNING, text=late)
        state = self._health.engine()
        if state.role == "replica":
            holder = state.holder or "another process"
            yield Notice(
                kind=NoticeKind.ENGINE_ELSEWHERE,
                severity=Severity.INFO,
                text=f"Another process trades ({holder}); this one shows what it does",
            )
        if self._sol_price.current(asked.now) is None:
            latest = self._sol_price.latest()
            yield Notice(
                kind=NoticeKind.SOL_PRICE_STALE,
                severity=Severity.WARNING,
                text="The price of SOL is too old; amounts in USD are only roughly right",
                since=latest.published_at if latest is not None else None,
            )


def build_attention(
    engine: Engine,
    *,
    keys: WalletKeys,
    protections: ProtectionState,
    reconciliation: Reconciliation,
    health: EngineProbe,
    sol_price: SolPriceFeed,
    max_price_age_seconds: float,
    outbox: Callable[[], OutboxState],
    clock: Clock,
) -> ListNotices:
    """Return what lists all notices of a user."""
    book = engine.book
    return ListNotices(
        directory=engine.directory,
        sources=[
            DelayedExits(book=book, exits=engine.exits),
            StalePrices(
                book=book,
                latest_prices=engine.latest_prices,
                max_age=timedelta(seconds=max_price_age_seconds),
            ),
            LockedWallets(keys=keys, book=book),
            UnreconciledWallets(lambda: reconciliation.standings),
            TrippedProtections(ledger=engine.ledger, protections=protections),
            EngineTrouble(health=health, sol_price=sol_price),
            FailingTargets(outbox),
        ],
        clock=clock,
    )
