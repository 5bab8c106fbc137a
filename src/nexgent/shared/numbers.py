"""Numbers in texts: ASCII digits only.

`Decimal` and `int` read digits of every script, underscores, NaN and infinities. None of these is what somebody who sends
money means, so no text reaches them but by this way.
"""

from __future__ import annotations

import re
from decimal import Decimal

MAX_NUMBER_TEXT = 100
_MAX_EXPONENT = 400
# Matched without case or Unicode in mind: `\d` would be every script's digits.
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_BLANKS = " \t\r\n"


def read_decimal(text: str) -> Decimal | None:
    """Return the number in a text, such as `12.5`, ` -3 ` or `1e-7`, or None when there is none; minus zero is zero."""
    if len(text) > MAX_NUMBER_TEXT:
        return None
    text = text.strip(_BLANKS)
    if not _NUMBER.fullmatch(text):
        return None
    number = Decimal(text)
    if not number:
        return Decimal(0)
    return number if abs(number.adjusted()) <= _MAX_EXPONENT else None


def read_whole(text: str, *, most_digits: int) -> int | None:
    """Return the whole number from 0 in a text of digits alone, or None when there is none."""
    text = text.strip(_BLANKS)
    return int(text) if len(text) <= most_digits and text.isascii() and text.isdigit() else None
