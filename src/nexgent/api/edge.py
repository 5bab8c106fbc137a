"""What no request may contain, whatever it asks for: texts that no store takes.

Every endpoint of either kind asks here before its handler sees the request, so no handler has to. Bodies are checked where they
are read.
"""

from __future__ import annotations

from starlette.requests import Request

from nexgent.shared.errors import InvalidInputError
from nexgent.shared.texts import is_clean_text

_MAX_SHOWN = 40


def check_texts(request: Request) -> None:
    """Raise `InvalidInputError` for NUL in the path or the query: PostgreSQL has no text with it."""
    path = request.scope["path"]
    if "\0" in path or not (path.isascii() or is_clean_text(path)):
        raise InvalidInputError("Invalid path: it must not contain NUL")
    query = request.scope["query_string"]
    # Decoding replaces what is no UTF-8, so NUL is all that can come out of it.
    if query and (b"%00" in query or b"\0" in query):
        for name, value in request.query_params.multi_items():
            if "\0" in name or "\0" in value:
                shown = name[:_MAX_SHOWN].replace("\0", "?")
                raise InvalidInputError(f"Invalid {shown}: texts must not contain NUL")
