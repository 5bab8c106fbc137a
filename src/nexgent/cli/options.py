"""Kinds of values that options take. What they refuse is wrong usage: argparse names the option and ends with code 2."""

from __future__ import annotations

import argparse
from collections.abc import Callable


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


port = whole_number(0, 65535, "a port")
signal_id = whole_number(1, 2**63 - 1, "the number of a signal,")
