"""Decimals of mints: read once, remembered, never guessed."""

from __future__ import annotations

from collections import OrderedDict

from nexgent.domain.trading.errors import InvalidTokenError, TokenUnavailableError
from nexgent.infrastructure.external.budget import Priority
from nexgent.infrastructure.external.errors import UpstreamCallError
from nexgent.infrastructure.external.json_values import int_of, mapping_of, text_of
from nexgent.infrastructure.external.single_flight import SingleFlight
from nexgent.infrastructure.external.solana.rpc import TOKEN_PROGRAMS, RpcError, SolanaRpc
from nexgent.shared.money import SOL_DECIMALS, SOL_MINT
from nexgent.shared.types import TokenAddress

MAX_REMEMBERED = 100_000
# What the money arithmetic handles; a mint may say up to 255.
MAX_DECIMALS = 30
_INVALID_PARAMS = -32602


class SolanaTokenDecimals:
    """`TokenDecimals` from the chain. Decimals of a mint never change, so an answer is kept until room is needed."""

    def __init__(self, rpc: SolanaRpc, *, capacity: int = MAX_REMEMBERED) -> None:
        self._rpc = rpc
        self._capacity = capacity
        self._known: OrderedDict[TokenAddress, int] = OrderedDict()
        self._reads: SingleFlight[TokenAddress, int] = SingleFlight()

    def remember(self, token: TokenAddress, decimals: int) -> None:
        """Learn decimals from an answer of another source; what is known already is kept."""
        if token != SOL_MINT and token not in self._known and 0 <= decimals <= MAX_DECIMALS:
            self._store(token, decimals)

    async def decimals(self, token: TokenAddress) -> int:
        """Return the decimals. Raises `InvalidTokenError`, `TokenUnavailableError`."""
        if token == SOL_MINT:
            return SOL_DECIMALS
        known = self._known.get(token)
        if known is not None:
            self._known.move_to_end(token)
            return known
        return await self._reads.run(token, lambda: self._learn(token))

    async def _learn(self, token: TokenAddress) -> int:
        decimals = await self._read(token)
        self._store(token, decimals)
        return decimals

    def _store(self, token: TokenAddress, decimals: int) -> None:
        self._known[token] = decimals
        self._known.move_to_end(token)
        while len(self._known) > self._capacity:
            self._known.popitem(last=False)

    async def _read(self, token: TokenAddress) -> int:
        try:
            account = await self._rpc.account(token, priority=Priority.ENTRY)
        except RpcError as error:
            if error.rpc_code == _INVALID_PARAMS:
                raise InvalidTokenError("The token address is not a Solana address", token=token) from None
            raise TokenUnavailableError(error.message, token=token) from None
        except UpstreamCallError as error:
            raise TokenUnavailableError(
                f"The token's decimals cannot be read: {error.message}", token=token
            ) from None
        if account is None:
            raise InvalidTokenError("The token does not exist on the chain", token=token)
        parsed = mapping_of(mapping_of(account.get("data")).get("parsed"))
        if text_of(account.get("owner")) not in TOKEN_PROGRAMS or parsed.get("type") != "mint":
            raise InvalidTokenError("The address is not the mint of a token", token=token)
        decimals = int_of(mapping_of(parsed.get("info")).get("decimals"))
        if decimals is None or not 0 <= decimals <= MAX_DECIMALS:
            raise InvalidTokenError(
                f"The token's decimals are not a number from 0 to {MAX_DECIMALS}", token=token
            )
        return decimals
