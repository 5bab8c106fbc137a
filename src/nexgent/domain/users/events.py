"""What happened to accounts and sessions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TokenRevoked:
    """An access token, or a session with all its tokens, is void from now on.

    `token_id` is the `jti` of the one or the `sid` of the other; `expires_at` (seconds since 1970) is when it would have ended
    anyway.
    """

    token_id: str
    expires_at: int
