"""Kinds of values that options take. What they refuse is wrong usage: argparse names the option and ends with code 2."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from decimal import Decimal

from nexgent.shared.money import SOL_DECIMALS

MOST_SOL = 10**9
WHOLE = 100
_PLAIN = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?", re.ASCII)


def whole_number(first: int, last: int, what: str = "") -> Callable[[str], int]:
    """Return a reader of whole numbers within a range."""

    def read(text: str) -> int:
        # Digits of other scripts, signs and underscores are numbers to Python, and mistakes on a command line.
        if not (text.isascii() and text.isdigit()) or not first <= int(text) <= last:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not {what or 'a whole number'} from {first} to {last}"
            )
        return int(text)

    return read


def _decimal(text: str) -> Decimal | None:
    # Python reads digits of all scripts, underscores, exponents and infinity as numbers as well.
    return Decimal(text) if _PLAIN.fullmatch(text) else None


def amount_sol(text: str) -> Decimal:
    """Read an amount of SOL: more than nothing, to the lamport."""
    amount = _decimal(text)
    if amount is None or not 0 < amount < MOST_SOL or amount != round(amount, SOL_DECIMALS):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not an amount of SOL such as 0.5: more than 0, less than {MOST_SOL}, with up to {SOL_DECIMALS} decimals"
        )
    return amount


def percent(text: str) -> str:
    """Read a part of something, in percent; it is passed on as it was written."""
    part = _decimal(text)
    if part is None or not 0 < part < WHOLE:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number between 0 and 100")
    return text


port = whole_number(0, 65535, "a port")
signal_id = whole_number(1, 2**63 - 1, "the number of a signal,")
