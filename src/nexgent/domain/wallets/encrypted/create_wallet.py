"""Give an agent a wallet whose key is made here, or brought along, and stored encrypted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import structlog

from nexgent.domain.agents.create_agent import simulation_address
from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.events import AgentSaved
from nexgent.domain.agents.models import TradingMode, Wallet
from nexgent.domain.trading.ports import WalletKeys
from nexgent.domain.wallets.encrypted.errors import WalletExistsError
from nexgent.domain.wallets.encrypted.index import EncryptedWalletIndex
from nexgent.domain.wallets.encrypted.models import (
    EncryptedWallet,
    OwnWallet,
    Passphrase,
    SecretKey,
    WalletAction,
    WalletSource,
)
from nexgent.domain.wallets.encrypted.passphrases import require_strength
from nexgent.domain.wallets.encrypted.ports import KeyCrypto
from nexgent.domain.wallets.errors import WalletInUseError
from nexgent.domain.wallets.ports import WalletRepository
from nexgent.shared.clock import Clock
from nexgent.shared.errors import InvalidInputError
from nexgent.shared.types import AgentId, UserId, WalletAddress

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWallet:
    """What is wanted. `private_key` None makes a new key; else base58 of 32 or 64 bytes, or a list of 64 numbers."""

    agent_id: AgentId
    user_id: UserId
    mode: TradingMode
    passphrase: Passphrase | None = None
    private_key: object = field(default=None, repr=False)


class CreateWallet:
    """A live wallet starts locked; its key leaves this file only encrypted. A paper wallet needs no key."""

    def __init__(
        self,
        *,
        directory: AgentDirectory,
        wallets: WalletRepository,
        index: EncryptedWalletIndex,
        crypto: KeyCrypto,
        environment: WalletKeys,
        clock: Clock,
        publish: Callable[[object], None],
    ) -> None:
        self._directory = directory
        self._wallets = wallets
        self._index = index
        self._crypto = crypto
        self._environment = environment
        self._clock = clock
        self._publish = publish

    async def execute(self, new: NewWallet) -> OwnWallet:
        """Return the wallet.

        Raises `AgentNotFoundError`, `WalletExistsError`, `InvalidInputError` (also `WeakPassphraseError`,
        `InvalidPrivateKeyError`), `PassphrasesBusyError`, `UnavailableError`.
        """
        agent = self._directory.owned(new.agent_id, new.user_id)
        if new.mode is TradingMode.SIMULATION:
            if new.private_key is not None:
                raise InvalidInputError("Invalid privateKey: a simulation wallet has no key")
        elif new.passphrase is None:
            raise InvalidInputError("passphrase is required for a live wallet")
        else:
            require_strength(new.passphrase)
        if agent.wallet_for(new.mode) is not None:
            raise WalletExistsError(
                f"The agent already has a {new.mode.value} wallet", agentId=str(new.agent_id)
            )
        wallet, stored = await (
            self._paper(new) if new.passphrase is None else self._live(new, new.passphrase)
        )
        # Name, mode or toggles may have changed while this was being stored: keep those.
        agent = self._directory.owned(new.agent_id, new.user_id)
        self._publish(
            AgentSaved(replace(agent, wallets=(*agent.wallets, wallet), updated_at=wallet.created_at))
        )
        log.info(
            "wallet.created",
            wallet_address=wallet.address,
            agent_id=str(new.agent_id),
            wallet_type=new.mode.value,
            imported=new.private_key is not None,
        )
        return OwnWallet(
            address=wallet.address,
            agent_id=wallet.agent_id,
            mode=wallet.mode,
            source=WalletSource.ENCRYPTED if stored is not None else WalletSource.SIMULATION,
            is_unlocked=stored is None,
            unlocked_until=None,
            created_at=wallet.created_at,
            updated_at=wallet.updated_at,
            stored=stored,
        )

    async def _paper(self, new: NewWallet) -> tuple[Wallet, EncryptedWallet | None]:
        now = self._clock.now()
        wallet = Wallet(simulation_address(), new.agent_id, TradingMode.SIMULATION, now, now)
        try:
            await self._wallets.add_wallet(wallet)
        except WalletInUseError:
            raise WalletExistsError(
                "The agent already has a simulation wallet", agentId=str(new.agent_id)
            ) from None
        return wallet, None

    async def _live(self, new: NewWallet, passphrase: Passphrase) -> tuple[Wallet, EncryptedWallet | None]:
        self._crypto.require_capacity()
        imported = new.private_key is not None
        key = self._crypto.read(new.private_key) if imported else self._crypto.generate()
        try:
            await self._require_unknown(key)
            sealed = await self._crypto.seal(key, passphrase)
        finally:
            key.wipe()
        now = self._clock.now()
        wallet = Wallet(sealed.address, new.agent_id, TradingMode.LIVE, now, now)
        stored = EncryptedWallet(sealed=sealed, user_id=new.user_id, created_at=now, updated_at=now)
        await self._index.add(stored, wallet, WalletAction.IMPORTED if imported else WalletAction.CREATED)
        return wallet, stored

    async def _require_unknown(self, key: SecretKey) -> None:
        address = self._crypto.address_of(key)
        known = (
            self._directory.wallet(address) is not None
            or self._environment.is_loaded(address)
            or await self._index.has(address)
        )
        if known:
            raise address_known(address)


def address_known(address: WalletAddress) -> WalletExistsError:
    """Return the error for a wallet that is here already."""
    return WalletExistsError("The wallet is already known here", walletAddress=address)
