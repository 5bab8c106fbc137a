"""Hold the ledger of a wallet against the chain. Pure: a state and a snapshot in, differences out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from nexgent.domain.ledger.state import WalletState
from nexgent.domain.reconciliation.errors import InconsistentNodeError
from nexgent.domain.reconciliation.models import ChainSnapshot, Finding, FindingKind, Movement
from nexgent.domain.trading.orders.purchases import DEFAULT_SYMBOL
from nexgent.shared.money import SOL_DECIMALS, SOL_MINT, SOL_SYMBOL
from nexgent.shared.types import TokenAddress

DUST_LAMPORTS = 10_000
"""SOL that comes in without anybody's doing: strangers advertise with payments of a few lamports."""
SETTLING = timedelta(seconds=20)
"""So long after a trade a node may still answer with the balance from before it."""
SETTLED_AT_LEAST = timedelta(seconds=5)
"""The same for a wallet that is hardly ever quiet for longer; what a node says of it needs more proof."""
BLOCK_CLOCK_MARGIN = timedelta(seconds=2)
"""How far the clock of blocks may be ahead of ours, where less than `SETTLING` has passed since a trade."""


def busy_mints(state: WalletState, now: datetime, settling: timedelta = SETTLING) -> set[TokenAddress]:
    """Return the mints nobody can compare now: trades in flight move them, or did a moment ago."""
    busy = {
        mint
        for open_intent in state.intents.values()
        for mint in (SOL_MINT, open_intent.intent.input_mint, open_intent.intent.token_address)
    }
    return busy | {b.mint for b in state.balances.values() if now - b.updated_at < settling}


def require_newer_block(state: WalletState, block_time: datetime, margin: timedelta = timedelta(0)) -> None:
    """Raise `InconsistentNodeError` unless a block is newer, by more than a margin, than the last change of the ledger.

    Only then can what it lacks be called missing: a node that is behind shows a wallet as it was before its last trade, however
    often it is asked.
    """
    if any(balance.updated_at + margin >= block_time for balance in state.balances.values()):
        raise InconsistentNodeError("The node is behind: its newest block is older than the last change")


def compare(
    state: WalletState,
    snapshot: ChainSnapshot,
    *,
    busy: Collection[TokenAddress] = (),
    ignored: Collection[TokenAddress] = (),
) -> tuple[Finding, ...]:
    """Return what does not agree, SOL first. `ignored` are mints whose orphans nobody wants to hear of."""
    positions = {position.token_address for position in state.positions.values()}
    held = {account.mint for account in snapshot.accounts}
    tokens = sorted((state.balances.keys() | positions | held) - {SOL_MINT})
    found = (_compare_one(state, snapshot, mint, ignored) for mint in (SOL_MINT, *tokens) if mint not in busy)
    return tuple(finding for finding in found if finding is not None)


def _compare_one(
    state: WalletState, snapshot: ChainSnapshot, mint: TokenAddress, ignored: Collection[TokenAddress]
) -> Finding | None:
    ledger_raw, chain_raw = state.balance_raw(mint), snapshot.held_raw(mint)
    position = state.position_of(mint)
    # Several positions in one token cannot come about by trading, but the books would stand it.
    position_raw = sum(p.quantity_raw for p in state.positions.values() if p.token_address == mint)
    kind: FindingKind | None = None
    if mint == SOL_MINT:
        if chain_raw < ledger_raw:
            kind = FindingKind.WITHDRAWAL
        elif chain_raw - ledger_raw > DUST_LAMPORTS:
            kind = FindingKind.DEPOSIT
    elif chain_raw < ledger_raw:
        kind = FindingKind.MOVED
    elif chain_raw > position_raw and mint not in ignored:
        kind = FindingKind.ORPHAN
    if kind is None:
        return None
    balance = state.balances.get(mint)
    symbol = SOL_SYMBOL if mint == SOL_MINT else DEFAULT_SYMBOL
    decimals = SOL_DECIMALS if mint == SOL_MINT else (snapshot.decimals(mint) or 0)
    return Finding(
        kind=kind,
        mint=mint,
        symbol=balance.symbol if balance is not None else symbol,
        decimals=balance.decimals if balance is not None else decimals,
        ledger_raw=ledger_raw,
        chain_raw=chain_raw,
        position_raw=position_raw,
        position_id=position.id if position is not None else None,
    )


def same(one: Iterable[Finding], other: Iterable[Finding]) -> bool:
    """Tell whether two looks found the same to book."""
    return _differences(one) == _differences(other)


def _differences(findings: Iterable[Finding]) -> Mapping[TokenAddress, int]:
    return {finding.mint: finding.difference_raw for finding in findings if finding.to_book}


def explains(movements: Sequence[Movement], findings: Iterable[Finding], state: WalletState) -> bool:
    """Tell whether transactions account for all that is to be booked, exactly but for dust.

    Tokens that came in are not counted.
    """
    wanted = _differences(findings)
    mints = {SOL_MINT} | state.balances.keys()
    total = {mint: sum(movement.change(mint) for movement in movements) for mint in mints}
    return all(
        total[mint] == wanted.get(mint, 0)
        or (mint != SOL_MINT and total[mint] > 0 and mint not in wanted)
        # Dust that came before the cursor is in no booking, and still in the wallet.
        or (mint == SOL_MINT and 0 <= wanted.get(mint, 0) - total[mint] <= DUST_LAMPORTS)
        for mint in mints
    )
