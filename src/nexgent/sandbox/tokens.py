"""Tokens of the market: what they are, and how a starting set is drawn from a seed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random

from solders.pubkey import Pubkey

from nexgent.sandbox.constants import LAMPORTS_PER_SOL, TOKEN_2022_PROGRAM, TOKEN_PROGRAM
from nexgent.sandbox.settings import SandboxSettings
from nexgent.sandbox.walk import PriceWalk

_CONSONANTS = "BDFGKLMNPRSTVZ"
_VOWELS = "AEIOU"
_DEXES = (
    ("raydium", "CPMM", "Raydium CP"),
    ("meteora", "DLMM", "Meteora DLMM"),
    ("pumpswap", "AMM", "Pump.fun Amm"),
)


@dataclass(slots=True)
class SandboxToken:
    """One token with its pool. `price_sol` is SOL per whole token; `liquidity_lamports` the SOL side of the pool.

    `walk` None means that the price stands where it was set. `supply` counts whole tokens.
    """

    mint: str
    symbol: str
    name: str
    decimals: int
    program: str
    liquidity_lamports: int
    supply: int
    holder_count: int
    price_sol: Decimal
    pool: str
    created_at_seconds: int
    transfer_fee_bps: int = 0
    dex: tuple[str, str, str] = _DEXES[0]
    walk: PriceWalk | None = None
    mint_key: Pubkey = field(init=False)
    # The encoded pair and the numbers it was encoded for: prices move once a second, requests come far more often.
    pair_json: bytes = b""
    pair_key: tuple[Decimal, Decimal] | None = None

    def __post_init__(self) -> None:
        self.mint_key = Pubkey.from_string(self.mint)


def derive_address(seed: int, name: str) -> str:
    """Return a valid base58 address of 32 bytes that depends on seed and name alone."""
    return str(Pubkey(hashlib.sha256(f"nexgent-sandbox/{seed}/{name}".encode()).digest()))


def pronounceable_symbol(rng: Random, taken: set[str]) -> str:
    """Return a symbol like BOKA or TIRUNE that is not taken yet."""
    syllables = 2
    while True:
        symbol = "".join(rng.choice(_CONSONANTS) + rng.choice(_VOWELS) for _ in range(syllables))
        if symbol not in taken:
            taken.add(symbol)
            return symbol
        syllables = 3 if len(taken) > 500 else syllables


def generate_tokens(
    settings: SandboxSettings, *, count: int, first_index: int, taken: set[str], now_seconds: int
) -> Iterator[SandboxToken]:
    """Draw tokens from the seed; token n of a seed is the same in every run."""
    for index in range(first_index, first_index + count):
        rng = Random(f"{settings.seed}/{index}")
        symbol = pronounceable_symbol(rng, taken)
        magnitude = rng.choice((-8, -7, -6, -5, -4))
        price_sol = Decimal(rng.randrange(100, 1000)).scaleb(magnitude - 2)
        depth = settings.liquidity_sol * Decimal(rng.randrange(50, 201)) / 100
        mixed = settings.decimals is None
        yield SandboxToken(
            mint=derive_address(settings.seed, f"mint/{index}"),
            symbol=symbol,
            name=symbol.capitalize(),
            decimals=rng.choice((6, 6, 6, 9, 5)) if settings.decimals is None else settings.decimals,
            program=TOKEN_2022_PROGRAM if mixed and index % 7 == 6 else TOKEN_PROGRAM,
            liquidity_lamports=int(depth * LAMPORTS_PER_SOL),
            supply=1_000_000_000,
            holder_count=rng.randrange(200, 20_000),
            price_sol=price_sol,
            pool=derive_address(settings.seed, f"pool/{index}"),
            created_at_seconds=now_seconds - rng.randrange(3, 90) * 86_400,
            dex=_DEXES[index % len(_DEXES)],
        )
