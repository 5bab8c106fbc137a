"""What a comparison of live wallets with the chain has found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nexgent.domain.reconciliation.models import Finding

AGREES, DIFFERS, NOT_COMPARED = "agrees", "differs", "not compared"


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletCheck:
    """What was found of one live wallet; `reason` says why it could not be compared."""

    wallet_address: str
    agent_id: str
    state: str
    slot: int | None = None
    reason: str | None = None
    findings: tuple[Finding, ...] = ()


def is_clean(checks: Sequence[WalletCheck]) -> bool:
    """Tell whether every wallet was compared and agrees; an orphan is no difference."""
    return all(check.state == AGREES for check in checks)
