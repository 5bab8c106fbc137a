"""Mints, the addresses of tokens: what one looks like, decided in one place for bodies, alerts and configurations.

What is stored already is never asked again: rows and journal entries of earlier versions stay readable whatever they hold.
"""

from __future__ import annotations

from functools import lru_cache

from nexgent.shared.errors import InvalidInputError
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import TokenAddress

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_DIGITS = {letter: value for value, letter in enumerate(_ALPHABET)}
_BYTES = 32
_SHORTEST, _LONGEST = 32, 44
_SHOWN = 50


@lru_cache(maxsize=4096)
def is_mint(text: str) -> bool:
    """Tell whether a text is base58 of exactly 32 bytes. The same tokens come again and again, hence the memory."""
    if not _SHORTEST <= len(text) <= _LONGEST:
        return False
    number = 0
    for letter in text:
        digit = _DIGITS.get(letter)
        if digit is None:
            return False
        number = number * 58 + digit
    # Each leading 1 is a byte of zero.
    zeros = len(text) - len(text.lstrip("1"))
    return zeros + (number.bit_length() + 7) // 8 == _BYTES


def read_mint(text: str, name: str = "tokenAddress") -> TokenAddress:
    """Return the mint in a text. Raises `InvalidInputError`."""
    if not is_mint(text):
        raise InvalidInputError(
            f"Invalid {name}: a mint address (32 bytes in base58) is required, received {text[:_SHOWN]!r}"
        )
    return TokenAddress(text)


def read_traded_mint(text: str, name: str = "tokenAddress") -> TokenAddress:
    """Return the mint of a token that can be bought, which SOL is not. Raises `InvalidInputError`."""
    mint = read_mint(text, name)
    if mint == SOL_MINT:
        raise InvalidInputError(f"Invalid {name}: SOL is what tokens are bought with")
    return mint
