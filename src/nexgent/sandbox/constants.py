"""Well-known addresses and numbers of the imitated chain."""

from __future__ import annotations

from typing import Final

SOL_MINT: Final = "So11111111111111111111111111111111111111112"
USDC_MINT: Final = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
TOKEN_PROGRAM: Final = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"  # noqa: S105 - an address
TOKEN_2022_PROGRAM: Final = "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb"  # noqa: S105 - an address
SYSTEM_PROGRAM: Final = "11111111111111111111111111111111"
COMPUTE_BUDGET_PROGRAM: Final = "ComputeBudget111111111111111111111111111111"
SWAP_PROGRAM: Final = "JUP6LkbZbjS1jKKwapdHNy74zcZ3tLUZoi5QNyVTaV4"
MEMO_PROGRAM: Final = "MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr"
SOL_USD_FEED: Final = "ef0d8b6fda2ceba41da15d4095d1da392a0d2f8ed0c6c7bc0f4cfac8c280b56d"

LAMPORTS_PER_SOL: Final = 1_000_000_000
SIGNATURE_FEE_LAMPORTS: Final = 5_000
PRIORITY_FEE_LAMPORTS: Final = 100_000
TOKEN_ACCOUNT_BYTES: Final = 165
TOKEN_ACCOUNT_RENT_LAMPORTS: Final = 1_488_440
"""The rent unless a setting says otherwise; the real chain lowered it in autumn 2026."""
COMPUTE_UNIT_LIMIT: Final = 200_000
RENT_EPOCH: Final = 2**64 - 1
API_VERSION: Final = "3.1.8"

BLOCKHASH_LIFETIME_BLOCKS: Final = 150
FINALIZED_AFTER_SLOTS: Final = 32
SLIPPAGE_ERROR: Final = 6001
INSUFFICIENT_FUNDS_ERROR: Final = 6024
