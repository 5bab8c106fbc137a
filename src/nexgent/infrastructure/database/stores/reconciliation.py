"""How far wallets are reconciled, and what the books know of transactions, in PostgreSQL.

Raw statements: they look into the journal and into documents.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import asyncpg
import msgspec

from nexgent.domain.reconciliation.models import ExpiredSwap, Finding, Reconciled
from nexgent.infrastructure.database.connection import translated_errors
from nexgent.infrastructure.database.journal.codec import decode_intent, decode_submission, to_json
from nexgent.shared.errors import UnavailableError
from nexgent.shared.types import AgentId, TokenAddress, WalletAddress

_FIND = """
SELECT wallet_address, agent_id, genesis, slot, checked_at, findings, ignored FROM wallet_reconciliations
WHERE wallet_address = $1
"""
# Older news of the same life of a wallet never replaces newer; with another agent a new life begins. A wallet that is gone
# meanwhile gets no row; locked, or it could go between being seen and being referred to.
_SAVE = """
INSERT INTO wallet_reconciliations AS r (wallet_address, agent_id, genesis, slot, checked_at, findings)
SELECT wallet_address, agent_id, $3, $4, $5, $6::jsonb FROM agent_wallets WHERE wallet_address = $1 AND agent_id = $2
FOR KEY SHARE
ON CONFLICT (wallet_address) DO UPDATE SET agent_id = excluded.agent_id, genesis = excluded.genesis, slot = excluded.slot,
    checked_at = excluded.checked_at, findings = excluded.findings,
    ignored = CASE WHEN r.agent_id = excluded.agent_id THEN r.ignored ELSE ARRAY[]::text[] END
WHERE r.agent_id <> excluded.agent_id OR r.slot <= excluded.slot
"""
_IGNORE = """
UPDATE wallet_reconciliations SET ignored = array_remove(ignored, $2) || $3::text[],
    findings = coalesce((SELECT jsonb_agg(one) FROM jsonb_array_elements(findings) one
                         WHERE NOT ($4 AND one->>'kind' = 'orphan' AND one->>'mint' = $2)), '[]'::jsonb)
WHERE wallet_address = $1
"""
# What was sent and has ended is in the books, the fee of what was reverted as well; only what expired is not: whoever waited for
# the swap records its failure, recovery that it expired.
_KNOWN = """
SELECT transaction_hash AS signature FROM agent_transactions WHERE wallet_address = $1 AND transaction_hash = ANY($3)
UNION
SELECT submission->>'signature' FROM trade_intents
WHERE agent_id = $2 AND wallet_address = $1 AND submission->>'signature' = ANY($3)
  AND NOT (status = 'expired' OR (status = 'failed' AND code = 'SWAP_EXPIRED'))
"""
_BEHIND = """
SELECT EXISTS (SELECT FROM journal WHERE id > (SELECT position FROM journal_watermark) AND wallet_address = $1)
"""
_EXPIRED = """
SELECT i.intent, i.submission, i.updated_at FROM trade_intents i
WHERE i.agent_id = $2 AND i.wallet_address = $1 AND i.updated_at >= $3 AND i.created_at >= $3 AND i.submission IS NOT NULL
  AND (i.status = 'expired' OR (i.status = 'failed' AND i.code = 'SWAP_EXPIRED'))
  AND NOT EXISTS (SELECT FROM trade_intents o WHERE o.agent_id = $2 AND o.wallet_address = $1 AND o.id <> i.id
                  AND o.created_at >= $3 AND o.status = 'settled'
                  AND o.submission->>'signature' = i.submission->>'signature')
  AND NOT EXISTS (SELECT FROM agent_transactions t WHERE t.wallet_address = $1
                  AND t.transaction_hash = i.submission->>'signature')
  AND NOT EXISTS (SELECT FROM journal j WHERE j.wallet_address = $1 AND j.kind = 'reset' AND j.at > i.created_at)
ORDER BY i.updated_at LIMIT 20
"""

_findings = msgspec.json.Decoder(tuple[Finding, ...])


class TablesBehindError(UnavailableError):
    """The read tables do not contain all that was written about a wallet."""

    code = "TABLES_BEHIND"

    def __init__(self) -> None:
        super().__init__("The tables do not contain the newest entries of the wallet yet; try again shortly")


class PostgresReconciliation:
    """Implements `ReconciliationStore`."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def find(self, wallet: WalletAddress) -> Reconciled | None:
        """Return how far a wallet is."""
        with translated_errors("read how far a wallet is reconciled"):
            row = await self._pool.fetchrow(_FIND, wallet)
        if row is None:
            return None
        return Reconciled(
            wallet_address=WalletAddress(row["wallet_address"]),
            agent_id=AgentId(row["agent_id"]),
            genesis=row["genesis"],
            slot=row["slot"],
            checked_at=row["checked_at"],
            findings=_findings.decode(row["findings"]),
            ignored=frozenset(TokenAddress(mint) for mint in row["ignored"]),
        )

    async def save(self, reconciled: Reconciled) -> None:
        """Take note of how far a wallet is."""
        with translated_errors("store how far a wallet is reconciled"):
            await self._pool.execute(
                _SAVE,
                reconciled.wallet_address,
                reconciled.agent_id,
                reconciled.genesis,
                reconciled.slot,
                reconciled.checked_at,
                to_json(reconciled.findings),
            )

    async def ignore(self, wallet: WalletAddress, mint: TokenAddress, *, ignored: bool) -> bool:
        """Take note of whether somebody wants to hear of an orphan; False when the wallet was never looked at."""
        with translated_errors("store which tokens are ignored"):
            done = await self._pool.execute(_IGNORE, wallet, mint, [mint] if ignored else [], ignored)
        return done != "UPDATE 0"

    async def known(
        self, wallet: WalletAddress, agent_id: AgentId, signatures: Collection[str]
    ) -> frozenset[str]:
        """Return those transactions that the books have."""
        if not signatures:
            return frozenset()
        with translated_errors("look transactions up"):
            await self._require_projected(wallet)
            rows = await self._pool.fetch(_KNOWN, wallet, agent_id, list(signatures))
        return frozenset(row["signature"] for row in rows)

    async def expired(
        self, wallet: WalletAddress, agent_id: AgentId, since: datetime
    ) -> Sequence[ExpiredSwap]:
        """Return the swaps that were called expired since then and are not booked."""
        with translated_errors("look expired swaps up"):
            await self._require_projected(wallet)
            rows = await self._pool.fetch(_EXPIRED, wallet, agent_id, since)
        found = []
        for row in rows:
            submission = decode_submission(row["submission"])
            if submission is not None:
                intent = decode_intent(row["intent"])
                found.append(ExpiredSwap(intent=intent, submission=submission, expired_at=row["updated_at"]))
        return found

    async def _require_projected(self, wallet: WalletAddress) -> None:
        """What is not in the tables yet could be the very transaction that is asked about."""
        if await self._pool.fetchval(_BEHIND, wallet):
            raise TablesBehindError
