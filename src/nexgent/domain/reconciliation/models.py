"""What the chain says of a wallet, and what of it does not agree with the ledger. Amounts are base units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from nexgent.domain.ledger.models import Intent, Submission
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import AgentId, PositionId, TokenAddress, WalletAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenAccount:
    """One token account of a wallet; `lamports` is its deposit, for wrapped SOL with the SOL in it."""

    address: str
    program: str
    mint: TokenAddress
    amount_raw: int
    decimals: int
    lamports: int
    size_bytes: int
    closable: bool = True
    """Whether the wallet may close it: not frozen, nothing withheld in it, no foreign close authority."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainSnapshot:
    """Everything a wallet holds, as one node saw it; every part of it is at least as new as `slot`."""

    wallet_address: WalletAddress
    genesis: str
    slot: int
    lamports: int
    accounts: tuple[TokenAccount, ...] = ()

    def held_raw(self, mint: TokenAddress) -> int:
        """Return what the wallet holds of a mint. Wrapped and native SOL are the same money."""
        held = sum(account.amount_raw for account in self.accounts if account.mint == mint)
        return held + self.lamports if mint == SOL_MINT else held

    def decimals(self, mint: TokenAddress) -> int | None:
        """Return the decimals of a mint the wallet has an account of."""
        return next((account.decimals for account in self.accounts if account.mint == mint), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """What one transaction on the chain changed of a wallet, fees and rent included in the change of SOL."""

    signature: str
    signatures: tuple[str, ...]
    slot: int
    at: datetime | None
    failed: bool
    changes: Mapping[TokenAddress, int]
    """By mint, SOL among them; what did not change is left out."""
    network_fee_lamports: int
    rent_lamports: int
    """Deposits for token accounts of the wallet it opened, less those it closed."""

    def change(self, mint: TokenAddress) -> int:
        """Return what it changed of a mint."""
        return self.changes.get(mint, 0)


class FindingKind(StrEnum):
    """What kind of difference there is."""

    DEPOSIT = "deposit"
    """SOL that the ledger does not have."""
    WITHDRAWAL = "withdrawal"
    """SOL that the chain does not have any more."""
    MOVED = "moved"
    """Tokens that the chain does not have any more."""
    ORPHAN = "orphan"
    """Tokens that no position accounts for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One difference between a wallet's ledger and the chain, or an orphan, which may well be in both."""

    kind: FindingKind
    mint: TokenAddress
    symbol: str
    decimals: int
    ledger_raw: int
    chain_raw: int
    position_raw: int = 0
    position_id: PositionId | None = None

    @property
    def difference_raw(self) -> int:
        """Return what the chain has more than the ledger."""
        return self.chain_raw - self.ledger_raw

    @property
    def orphaned_raw(self) -> int:
        """Return what no position accounts for."""
        return max(self.chain_raw - self.position_raw, 0) if self.kind is FindingKind.ORPHAN else 0

    @property
    def to_book(self) -> bool:
        """Tell whether the ledger has to follow the chain; an orphan waits for somebody to adopt it."""
        return self.kind is not FindingKind.ORPHAN


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiredSwap:
    """A swap that was sent and called expired."""

    intent: Intent
    submission: Submission
    expired_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """How far a wallet is reconciled: up to `slot` of the chain `genesis`, ledger and chain agree. Durable."""

    wallet_address: WalletAddress
    agent_id: AgentId
    genesis: str
    slot: int
    checked_at: datetime
    findings: tuple[Finding, ...] = ()
    ignored: frozenset[TokenAddress] = field(default_factory=frozenset)
