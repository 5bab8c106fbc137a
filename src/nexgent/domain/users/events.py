"""What happened to sessions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TokenRevoked:
    """An access token is void from now on. `expires_at` (seconds since 1970) is when it would have ended anyway."""

    token_id: str
    expires_at: int
