"""Take a live wallet away from its agent and delete its stored key for good."""

from __future__ import annotations

import structlog

from nexgent.domain.ledger.errors import EngineElsewhereError
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.wallets.encrypted.index import EncryptedWalletIndex
from nexgent.domain.wallets.encrypted.models import OwnWallet, Passphrase, WalletAction, WalletSource
from nexgent.domain.wallets.encrypted.passphrases import PassphraseGate
from nexgent.domain.wallets.encrypted.ports import Vault
from nexgent.domain.wallets.encrypted.views import WalletViews
from nexgent.domain.wallets.errors import OpenPositionsError, WalletBusyError
from nexgent.domain.wallets.ports import WalletRows
from nexgent.domain.wallets.reset_wallet import ResetResult
from nexgent.domain.wallets.unassign_wallet import UnassignWallet
from nexgent.shared.clock import Clock
from nexgent.shared.errors import InvalidInputError
from nexgent.shared.types import UserId, WalletAddress

log = structlog.get_logger(__name__)

_NOTHING = WalletRows(positions=0, historical_swaps=0, balances=0, transactions=0, balance_snapshots=0)


class DeleteWallet:
    """The key goes last: whatever fails before leaves a wallet that can be deleted again, never money without a key."""

    def __init__(
        self,
        *,
        views: WalletViews,
        ledger: Ledger,
        gate: PassphraseGate,
        vault: Vault,
        index: EncryptedWalletIndex,
        unassign: UnassignWallet,
        clock: Clock,
    ) -> None:
        self._views = views
        self._ledger = ledger
        self._gate = gate
        self._vault = vault
        self._index = index
        self._unassign = unassign
        self._clock = clock

    async def execute(
        self, address: WalletAddress, user_id: UserId, passphrase: Passphrase | None, *, force: bool = False
    ) -> ResetResult:
        """Return what was deleted of the trading data. `force` gives open positions up.

        Raises `UnknownWalletAddressError`, `InvalidInputError` (a paper wallet, a missing passphrase),
        `OpenPositionsError`, `WalletBusyError`, what `PassphraseGate.open` raises, what `UnassignWallet` raises, and
        `EngineElsewhereError` before anything has begun.
        """
        started = self._clock.monotonic()
        # Its key and its trades are where it trades.
        wallet = await self._views.status(address, user_id)
        if wallet.source is WalletSource.SIMULATION:
            raise InvalidInputError("Invalid wallet: a simulation wallet cannot be deleted; reset it instead")
        if not self._views.trades_with(address):
            raise EngineElsewhereError(wallet.agent_id)
        if wallet.stored is not None and passphrase is None:
            raise InvalidInputError("passphrase is required")
        await self._require_idle(wallet, force)
        if wallet.stored is not None and passphrase is not None:
            (await self._gate.open(wallet.stored, passphrase, WalletAction.DELETE_REQUESTED)).wipe()
        result = ResetResult(_NOTHING, 0)
        if wallet.agent_id is not None:
            result = await self._unassign.execute(address, user_id)
        if wallet.stored is not None:
            self._vault.lock(address, "deleted")
            await self._index.delete(address, user_id, self._clock.now())
        log.warning("wallet.deleted", wallet_address=address, user_id=str(user_id), forced=force)
        return ResetResult(result.deleted, round((self._clock.monotonic() - started) * 1000))

    async def _require_idle(self, wallet: OwnWallet, force: bool) -> None:
        if wallet.agent_id is None:
            return
        state = await self._ledger.fresh(wallet.address)
        if state.intents:
            raise WalletBusyError(wallet.address)
        if state.positions and not force:
            raise OpenPositionsError(wallet.address, len(state.positions))
