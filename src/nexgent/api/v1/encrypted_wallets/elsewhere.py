"""Wallets that other processes trade with: whether they are unlocked, they are asked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import msgspec
from fastapi import Request

from nexgent.api.deps import ApiServices
from nexgent.api.forwarding import command_of
from nexgent.api.http.route import PREFIX
from nexgent.domain.wallets.encrypted.models import OwnWallet
from nexgent.shared.errors import UnavailableError

MOST_ASKED = 16
"""So many are asked about at once for one list."""


class _Status(msgspec.Struct, rename="camel"):
    is_unlocked: bool
    unlocked_until: datetime | None = None


_statuses = msgspec.json.Decoder(_Status)


async def with_the_word_of_engines(
    request: Request, services: ApiServices, wallets: Sequence[OwnWallet]
) -> list[OwnWallet]:
    """Return the wallets, those of other engines as these say; locked where that cannot be asked at present."""
    views, forward = services.encrypted_wallets.views, services.forward_command
    turns = asyncio.Semaphore(MOST_ASKED)

    async def asked(wallet: OwnWallet) -> OwnWallet:
        if forward is None or not views.is_elsewhere(wallet):
            return wallet
        command = command_of(request, f"{PREFIX}/wallets/{wallet.address}/status", b"", tagged=False)
        try:
            async with turns, services.turns_to_ask:
                answer = await forward.execute(command, wallet.agent_id)
        except UnavailableError:
            return wallet
        if answer is None or answer.status != 200:
            return wallet
        status = _statuses.decode(answer.body)
        return replace(wallet, is_unlocked=status.is_unlocked, unlocked_until=status.unlocked_until)

    return list(await asyncio.gather(*map(asked, wallets)))
