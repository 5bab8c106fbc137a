"""Wallets that other processes trade with: whether they are unlocked, their engines are asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import msgspec
from fastapi import Request

from nexgent.api.deps import ApiServices
from nexgent.api.elsewhere import is_asked_by_another, understood, words_of_engines
from nexgent.domain.agents.models import TradingMode
from nexgent.domain.wallets.encrypted.models import OwnWallet, WalletSource
from nexgent.shared.types import WalletAddress


class _Status(msgspec.Struct, rename="camel"):
    wallet_address: WalletAddress
    source: WalletSource
    is_unlocked: bool
    unlocked_until: datetime | None = None


class _Statuses(msgspec.Struct):
    wallets: list[_Status]


_statuses = msgspec.json.Decoder(_Statuses)


async def with_the_word_of_engines(
    request: Request, services: ApiServices, wallets: Sequence[OwnWallet]
) -> Sequence[OwnWallet]:
    """Return the wallets, those of other engines as these say; locked where that cannot be asked at present."""
    views = services.encrypted_wallets.views
    if is_asked_by_another(request):
        # Those of paper are many, and known everywhere.
        return [one for one in wallets if one.mode is TradingMode.LIVE and not views.is_elsewhere(one)]
    elsewhere = {wallet.agent_id for wallet in wallets if views.is_elsewhere(wallet)}
    said = await words_of_engines(request, services, elsewhere)
    known = {
        status.wallet_address: status
        for statuses in understood(said.values(), _statuses.decode).values()
        for status in statuses.wallets
    }
    return [
        replace(
            wallet,
            source=status.source,
            is_unlocked=status.is_unlocked,
            unlocked_until=status.unlocked_until,
        )
        if views.is_elsewhere(wallet) and (status := known.get(wallet.address)) is not None
        else wallet
        for wallet in wallets
    ]
