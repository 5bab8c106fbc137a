"""Who is on a socket, and what somebody shows to get on one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol
from uuid import UUID

from starlette.types import Scope

from nexgent.shared.types import UserId

SUBPROTOCOL = "nexgent.v1"
BEARER = "bearer."


class Proof(Enum):
    """How somebody proves who they are."""

    TICKET = "ticket"
    """A ticket in the address: good once, for seconds."""
    ADDRESS_TOKEN = "token"  # noqa: S105 -- the name of a parameter
    """An access token in the address, as the contract has it. No API keys: addresses end up in logs."""
    BEARER = "bearer"
    """An access token or an API key, in a header or beside the sub-protocol."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What somebody shows."""

    proof: Proof
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SocketCaller:
    """Who connects, and until when (seconds since 1970; endless for API keys).

    `session_id` names the session whose end is the connection's end; the access token that was shown ends earlier, and that
    changes nothing. `issued_at` is when that token was given. `key_id` and `key_hash` name the API key, if it is one.
    """

    user_id: UserId
    expires_at: float
    session_id: str | None = None
    issued_at: int = 0
    key_id: UUID | None = None
    key_hash: str | None = field(default=None, repr=False)


class Reception(Protocol):
    """Knows whom to let in."""

    async def admit(self, credential: Credential) -> SocketCaller:
        """Return who it is. Raises `NotAuthenticatedError`, `MissingScopeError`, `UnavailableError`."""

    async def still_welcome(self, caller: SocketCaller) -> bool:
        """Tell whether the session or the key is still good; a store that is away changes nothing."""


def credential_of(scope: Scope, parameters: Mapping[str, str]) -> Credential | None:
    """Return what the handshake shows: a ticket before a token of the address, then the sub-protocol, then headers."""
    if ticket := parameters.get("ticket"):
        return Credential(Proof.TICKET, ticket)
    if token := parameters.get("token"):
        return Credential(Proof.ADDRESS_TOKEN, token)
    for offered in scope.get("subprotocols", ()):
        if offered.startswith(BEARER) and len(offered) > len(BEARER):
            return Credential(Proof.BEARER, offered.removeprefix(BEARER))
    headers = dict(scope["headers"])
    if key := headers.get(b"x-api-key"):
        return Credential(Proof.BEARER, key.decode("latin-1"))
    scheme, _, text = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    return Credential(Proof.BEARER, text) if scheme == "Bearer" and text else None


def answered_subprotocol(scope: Scope) -> str | None:
    """Return the sub-protocol to agree on; the token beside it is never sent back."""
    return SUBPROTOCOL if SUBPROTOCOL in scope.get("subprotocols", ()) else None
