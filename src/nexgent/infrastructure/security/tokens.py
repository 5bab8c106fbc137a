"""JSON Web Tokens, HS256 only."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from jose import jwt
from jose.exceptions import ExpiredSignatureError, JWTError
from pydantic import SecretStr

from nexgent.domain.users.errors import InvalidTokenError
from nexgent.domain.users.models import Claims, TokenType
from nexgent.shared.types import UserId

ALGORITHM = "HS256"
_MAX_TOKEN_LENGTH = 4096


class JwtCodec:
    """Implements `TokenCodec`."""

    def __init__(self, secret: SecretStr) -> None:
        self._secret = secret

    def encode(self, claims: Claims) -> str:
        """Return a signed token with the contract's claim names."""
        content = {
            "userId": str(claims.user_id),
            "email": claims.email,
            "type": claims.type.value,
            "jti": claims.token_id,
            "iat": claims.issued_at,
            "exp": claims.expires_at,
            "sid": claims.session_id,
            "sessionExp": claims.session_ends_at,
        }
        return jwt.encode(content, self._secret.get_secret_value(), algorithm=ALGORITHM)

    def decode(self, token: str) -> Claims:
        """Return the claims of a genuine token that has not expired. Raises `InvalidTokenError`."""
        if len(token) > _MAX_TOKEN_LENGTH:
            raise InvalidTokenError
        try:
            content: dict[str, Any] = jwt.decode(
                token, self._secret.get_secret_value(), algorithms=[ALGORITHM]
            )
        except ExpiredSignatureError:
            raise InvalidTokenError(expired=True) from None
        except (JWTError, ValueError, TypeError, AttributeError, KeyError):
            # The library lets a few errors of its parsing through.
            raise InvalidTokenError from None
        try:
            token_id, session_id = content.get("jti"), content.get("sid")
            return Claims(
                user_id=UserId(UUID(content["userId"])),
                email=str(content["email"]),
                type=TokenType(content["type"]),
                token_id=token_id if isinstance(token_id, str) else "",
                issued_at=int(content.get("iat", 0)),
                expires_at=int(content["exp"]),
                session_id=session_id if isinstance(session_id, str) else "",
                session_ends_at=int(content.get("sessionExp", 0)),
            )
        except (KeyError, ValueError, TypeError, AttributeError, OverflowError):
            raise InvalidTokenError(complete=False) from None
