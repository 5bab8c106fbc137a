"""Trouble of wallets: keys that are not there, books that differ from the chain, protections that block entries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from nexgent.domain.agents.models import Agent, TradingMode, Wallet
from nexgent.domain.attention.notices import Asked, Notice, NoticeKind, Severity
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.protections.evaluate import PROTECTIONS_NOT_READ
from nexgent.domain.protections.models import KillSwitch
from nexgent.domain.protections.state import ProtectionState
from nexgent.domain.reconciliation.reconciliation import WalletStanding
from nexgent.domain.trading.book.position_book import PositionBook
from nexgent.domain.trading.ports import WalletKeys
from nexgent.shared.types import WalletAddress


class LockedWallets:
    """Live wallets that cannot sign, although something is to be traded with them."""

    def __init__(self, *, keys: WalletKeys, book: PositionBook) -> None:
        self._keys = keys
        self._book = book

    def of(self, asked: Asked) -> Iterable[Notice]:
        """Return one for each; it is dangerous where something is held that could not be sold."""
        for agent in asked.agents:
            wallet = agent.wallet_for(TradingMode.LIVE)
            if wallet is None or self._keys.is_loaded(wallet.address):
                continue
            holds = any(
                held.position.wallet_address == wallet.address for held in self._book.of_agent(agent.id)
            )
            if not holds and not agent.automated_trading_live:
                continue
            refusal = self._keys.refusal(wallet.address)
            yield _about(
                agent,
                wallet,
                NoticeKind.WALLET_LOCKED,
                Severity.DANGER if holds else Severity.WARNING,
                refusal.message,
                code=refusal.code,
            )


class UnreconciledWallets:
    """Live wallets that do not hold what the books say, as the engine last compared them."""

    def __init__(self, standings: Callable[[], Mapping[WalletAddress, WalletStanding]]) -> None:
        self._standings = standings

    def of(self, asked: Asked) -> Iterable[Notice]:
        """Return one for each wallet and kind of difference."""
        standings = self._standings()
        for agent in asked.agents:
            wallet = agent.wallet_for(TradingMode.LIVE)
            standing = standings.get(wallet.address) if wallet is not None else None
            if wallet is None or standing is None:
                continue
            if standing.orphans:
                yield _about(
                    agent,
                    wallet,
                    NoticeKind.ORPHAN_TOKEN,
                    Severity.WARNING,
                    f"The wallet holds {standing.orphans} token{'' if standing.orphans == 1 else 's'} without a position, "
                    "which no stop loss watches; adopt or ignore them",
                )
            if standing.differences or standing.code is not None:
                yield _about(
                    agent,
                    wallet,
                    NoticeKind.WALLET_UNRECONCILED,
                    Severity.WARNING,
                    "What the wallet holds could not be read from the chain; it is tried again"
                    if standing.code is not None
                    else f"The wallet holds other amounts than were recorded here: {standing.differences} difference"
                    f"{'' if standing.differences == 1 else 's'} whose cause is not known yet",
                    code=standing.code,
                )


class TrippedProtections:
    """Kill switches that are engaged, and agents whose protections let nothing in."""

    def __init__(self, *, ledger: Ledger, protections: ProtectionState) -> None:
        self._ledger = ledger
        self._protections = protections

    def of(self, asked: Asked) -> Iterable[Notice]:
        """Return one for each switch, or else for each agent."""
        switches = [
            one for one in self._protections.switches_of(asked.user_id) if one is not None and one.engaged
        ]
        if switches:
            yield from map(_switch, switches)
            return
        for agent in asked.agents:
            wallet = agent.wallet_for(agent.trading_mode)
            if wallet is None or not self._ledger.knows(wallet.address):
                continue
            verdict = self._protections.check(agent, self._ledger.head(wallet.address), asked.now)
            # That it is being read is over in a moment.
            if verdict.blocked and verdict.code != PROTECTIONS_NOT_READ:
                yield _about(
                    agent,
                    wallet,
                    NoticeKind.PROTECTION,
                    Severity.WARNING,
                    f"{agent.name} buys nothing: {verdict.reason or verdict.code}",
                    code=verdict.code,
                )


def _switch(switch: KillSwitch) -> Notice:
    whose = "of the whole system" if switch.user_id is None else "of your agents"
    why = f": {switch.reason}" if switch.reason else ""
    return Notice(
        kind=NoticeKind.KILL_SWITCH,
        severity=Severity.WARNING,
        text=f"The kill switch {whose} is on{why}",
        code="KILL_SWITCH",
        since=switch.changed_at,
    )


def _about(
    agent: Agent, wallet: Wallet, kind: NoticeKind, severity: Severity, text: str, *, code: str | None = None
) -> Notice:
    return Notice(
        kind=kind,
        severity=severity,
        text=text,
        code=code,
        agent_id=agent.id,
        agent_name=agent.name,
        wallet_address=wallet.address,
    )
