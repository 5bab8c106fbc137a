"""The list of a user's wallets is written without its shape, and is what the shape would say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from nexgent.api.encoding import dumped, encode
from nexgent.api.v1.encrypted_wallets.schemas import OwnWalletOut, written
from nexgent.domain.agents.models import TradingMode
from nexgent.domain.wallets.encrypted.models import OwnWallet, WalletSource
from nexgent.shared.ids import new_id
from nexgent.shared.types import AgentId, WalletAddress

_AT = datetime(2026, 1, 2, 3, 4, 5, 999_999, tzinfo=UTC)


@pytest.mark.parametrize("agent_id", [None, AgentId(new_id())])
@pytest.mark.parametrize("mode", TradingMode)
@pytest.mark.parametrize("source", WalletSource)
@pytest.mark.parametrize("unlocked", [True, False])
@pytest.mark.parametrize("until", [None, _AT + timedelta(hours=1)])
def test_what_is_written_is_what_the_shape_says(
    agent_id: AgentId | None, mode: TradingMode, source: WalletSource, unlocked: bool, until: datetime | None
) -> None:
    wallet = OwnWallet(
        address=WalletAddress('a "wallet"'),
        agent_id=agent_id,
        mode=mode,
        source=source,
        is_unlocked=unlocked,
        unlocked_until=until,
        created_at=_AT,
        updated_at=_AT - timedelta(days=9_000),
    )
    shown = OwnWalletOut.of(wallet)

    assert (shown.is_available, shown.is_unlocked) == (unlocked, unlocked)
    assert written([wallet, wallet]) == encode({"wallets": [dumped(shown), dumped(shown)]})
    assert written([]) == encode({"wallets": []})
