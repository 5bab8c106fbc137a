"""The one way to JSON with decimals as numbers: never by way of float, never with an exponent.

`0E-9` is a JSON number, but not one that people or the simpler parsers of clients read as nought.
"""

from __future__ import annotations

import re
from decimal import Decimal

import msgspec

from nexgent.shared.money import plain

_encoder = msgspec.json.Encoder(decimal_format="number")
_NUMBER = rb"-?[0-9]+(?:\.[0-9]+)?E[+-][0-9]+"
# A quote that ends a key, a colon, a number. A quote that begins a text has one of `_NO_KEY` before it, and one inside a text a
# backslash. What is missed this way, in a key that ends like that, is found afterwards.
_MEMBER = re.compile(rb'":(' + _NUMBER + rb")(?=[,}])")
_NO_KEY = b':,[{\\"'
_EXPONENT = re.compile(rb"E[+-]")
_LEFT = re.compile(rb"[:\[,]" + _NUMBER + rb"[,\]}]|^" + _NUMBER + rb"$")


def encode_json(value: object) -> bytes:
    """Return a value as JSON: decimals as numbers in plain notation, ids as text."""
    text = _encoder.encode(value)
    if not _may_hold_exponents(text):
        return text
    # Hot lists and frames come here whenever a price is small, so members are rewritten where they stand.
    text = _MEMBER.sub(_spelled_out, text)
    if not _may_hold_exponents(text) or _LEFT.search(text) is None:
        return text
    # Decimals in lists, or texts that look like decimals: the long way.
    return _encoder.encode(_replaced(msgspec.to_builtins(value, builtin_types=(Decimal, msgspec.Raw))))


def _may_hold_exponents(text: bytes) -> bool:
    """Tell at a glance; looking for them properly takes longer than all the rest.

    The pattern begins with one letter, which is looked for a quarter as long as two of `bytes`.
    """
    return _EXPONENT.search(text) is not None


def _spelled_out(found: re.Match[bytes]) -> bytes:
    start = found.start()
    before = found.string[start - 1 : start]
    if before in _NO_KEY:
        return found[0]
    return b'":' + plain(Decimal(found[1].decode())).encode()


def _replaced(value: object) -> object:
    if isinstance(value, Decimal):
        return msgspec.Raw(plain(value).encode())
    if isinstance(value, dict):
        return {name: _replaced(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_replaced(one) for one in value]
    return value
