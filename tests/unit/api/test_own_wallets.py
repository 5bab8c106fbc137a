"""The list of a user's wallets has every field it promises."""

from __future__ import annotations

import pytest

from nexgent.api.v1.encrypted_wallets.schemas import OwnWalletsOut
from nexgent.domain.agents.models import TradingMode
from nexgent.domain.wallets.encrypted.models import OwnWallet, WalletSource
from nexgent.shared.types import WalletAddress
from tests.builders import T0


@pytest.mark.parametrize("unlocked", [True, False])
def test_a_wallet_is_available_when_it_is_unlocked(unlocked: bool) -> None:
    wallet = OwnWallet(
        address=WalletAddress("w"),
        agent_id=None,
        mode=TradingMode.LIVE,
        source=next(iter(WalletSource)),
        is_unlocked=unlocked,
        unlocked_until=None,
        created_at=T0,
        updated_at=T0,
    )

    (shown,) = OwnWalletsOut.of([wallet]).wallets

    assert (shown.is_available, shown.is_unlocked, shown.wallet_address) == (unlocked, unlocked, "w")
