"""Which texts can be kept."""

from __future__ import annotations


def is_clean_text(text: str) -> bool:
    """Tell whether a text can be stored: valid Unicode without NUL. JSON can hold what no text in a database does."""
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
