"""Shapes of live wallets held against the chain."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import Field

from nexgent.api.http.models import ApiModel, Body
from nexgent.api.http.types import DecimalText, GivenNumber, GivenTradedMint, Instant, Mint, Trimmed
from nexgent.domain.reconciliation.models import Finding, FindingKind, Reconciled
from nexgent.domain.reconciliation.orphans import Adopted
from nexgent.domain.reconciliation.reclaim_rent import Reclaimed
from nexgent.domain.reconciliation.reconcile_wallet import WalletReport
from nexgent.domain.reconciliation.rent_report import RentAccount, RentReport
from nexgent.shared.money import from_raw, sol
from nexgent.shared.types import WalletAddress


class DifferenceOut(ApiModel):
    """What ledger and chain do not agree on; `kind` is deposit, withdrawal or moved. Amounts in tokens."""

    kind: FindingKind
    token_address: Mint
    token_symbol: str
    ledger_amount: DecimalText
    chain_amount: DecimalText
    difference: DecimalText
    position_id: UUID | None

    @classmethod
    def of(cls, finding: Finding) -> DifferenceOut:
        """Return a difference."""
        return cls.model_construct(
            kind=finding.kind,
            token_address=finding.mint,
            token_symbol=finding.symbol,
            ledger_amount=from_raw(finding.ledger_raw, finding.decimals),
            chain_amount=from_raw(finding.chain_raw, finding.decimals),
            difference=from_raw(finding.difference_raw, finding.decimals),
            position_id=finding.position_id,
        )


class OrphanOut(ApiModel):
    """Tokens that no position accounts for. Amounts in tokens."""

    token_address: Mint
    token_symbol: str
    amount: DecimalText

    @classmethod
    def of(cls, finding: Finding) -> OrphanOut:
        """Return an orphan."""
        return cls.model_construct(
            token_address=finding.mint,
            token_symbol=finding.symbol,
            amount=from_raw(finding.orphaned_raw, finding.decimals),
        )


class ReconciliationOut(ApiModel):
    """How far a wallet is reconciled: up to `slot`, ledger and chain agree. All null when nobody has looked yet."""

    wallet_address: str
    checked_at: Instant | None
    slot: int | None
    orphans: list[OrphanOut]
    ignored: list[Mint]

    @classmethod
    def of(cls, address: WalletAddress, found: Reconciled | None) -> ReconciliationOut:
        """Return how far a wallet is."""
        return cls.model_construct(
            wallet_address=address,
            checked_at=found.checked_at if found is not None else None,
            slot=found.slot if found is not None else None,
            orphans=[OrphanOut.of(one) for one in (found.findings if found is not None else ())],
            ignored=sorted(found.ignored) if found is not None else [],
        )


class ReconciledOut(ApiModel):
    """What a look at a wallet found: `booked` entries were written, `differences` are left; `waiting` until they are certain."""

    success: bool
    wallet_address: str
    slot: int
    booked: int
    waiting: bool
    differences: list[DifferenceOut]
    orphans: list[OrphanOut]

    @classmethod
    def of(cls, report: WalletReport) -> ReconciledOut:
        """Return what was found."""
        return cls.model_construct(
            success=True,
            wallet_address=report.wallet_address,
            slot=report.slot,
            booked=report.booked,
            waiting=report.waiting,
            differences=[DifferenceOut.of(one) for one in report.findings if one.to_book],
            orphans=[OrphanOut.of(one) for one in report.findings if not one.to_book],
        )


class AdoptIn(Body):
    """Which orphan becomes a position. Without `costSol` it is what the tokens are worth now, in all."""

    token_address: GivenTradedMint
    cost_sol: Annotated[Decimal | None, GivenNumber(below=Decimal(10) ** 9, least=Decimal(0))] = None
    symbol: Annotated[str | None, Field(max_length=20), Trimmed] = None


class AdoptedOut(ApiModel):
    """The position that was made of an orphan. Amounts in tokens and SOL."""

    success: bool
    position_id: UUID
    token_address: Mint
    token_symbol: str
    amount: DecimalText
    cost_sol: DecimalText

    @classmethod
    def of(cls, adopted: Adopted) -> AdoptedOut:
        """Return the position."""
        position = adopted.position
        return cls.model_construct(
            success=True,
            position_id=position.id,
            token_address=position.token_address,
            token_symbol=position.token_symbol,
            amount=position.quantity,
            cost_sol=sol(adopted.cost_lamports),
        )


class RentAccountOut(ApiModel):
    """A token account; `reclaimable` is all of its deposit when it is empty (`closes`), else what it holds too much."""

    address: str
    token_address: Mint
    closes: bool
    deposit: DecimalText
    reclaimable: DecimalText

    @classmethod
    def of(cls, one: RentAccount) -> RentAccountOut:
        """Return a token account."""
        return cls.model_construct(
            address=one.account.address,
            token_address=one.account.mint,
            closes=one.closes,
            deposit=sol(one.account.lamports),
            reclaimable=sol(one.reclaimable_lamports),
        )


class RentOut(ApiModel):
    """What is locked in the token accounts of a wallet, in SOL."""

    wallet_address: str
    locked: DecimalText
    reclaimable: DecimalText
    accounts: list[RentAccountOut]

    @classmethod
    def of(cls, report: RentReport) -> RentOut:
        """Return what is locked."""
        return cls.model_construct(
            wallet_address=report.wallet_address,
            locked=sol(report.locked_lamports),
            reclaimable=sol(report.reclaimable_lamports),
            accounts=[RentAccountOut.of(one) for one in report.accounts],
        )


class ReclaimedOut(ApiModel):
    """What was taken back, in SOL, before `fee`; `left` accounts need another transaction."""

    success: bool
    transaction_id: UUID
    signature: str
    reclaimed: DecimalText
    fee: DecimalText
    accounts: list[RentAccountOut]
    left: int

    @classmethod
    def of(cls, done: Reclaimed) -> ReclaimedOut:
        """Return what was taken back."""
        return cls.model_construct(
            success=True,
            transaction_id=done.transaction_id,
            signature=done.signature,
            reclaimed=sol(done.lamports),
            fee=sol(done.fee_lamports),
            accounts=[RentAccountOut.of(one) for one in done.accounts],
            left=done.left,
        )


class IgnoreIn(Body):
    """Which token nobody wants to hear of any more, or with `ignored: false` again."""

    token_address: GivenTradedMint
    ignored: bool = True
