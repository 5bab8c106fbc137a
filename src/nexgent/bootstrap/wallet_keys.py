"""Keys that can sign: those of the environment, and encrypted ones while they are unlocked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from pydantic import SecretStr

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.wallets.encrypted.create_wallet import CreateWallet
from nexgent.domain.wallets.encrypted.delete_wallet import DeleteWallet
from nexgent.domain.wallets.encrypted.export_wallet import ExportWallet
from nexgent.domain.wallets.encrypted.holdings import Holdings
from nexgent.domain.wallets.encrypted.index import EncryptedWalletIndex
from nexgent.domain.wallets.encrypted.lock_wallet import LockWallet
from nexgent.domain.wallets.encrypted.passphrases import PassphraseGate
from nexgent.domain.wallets.encrypted.ports import WalletSecrets
from nexgent.domain.wallets.encrypted.unlock_wallet import UnlockWallet
from nexgent.domain.wallets.encrypted.use_cases import EncryptedWallets
from nexgent.domain.wallets.encrypted.views import WalletViews
from nexgent.domain.wallets.environment import EnvironmentWallets
from nexgent.domain.wallets.ports import WalletRepository
from nexgent.domain.wallets.unassign_wallet import UnassignWallet
from nexgent.infrastructure.wallets.crypto import WalletKeyCrypto
from nexgent.infrastructure.wallets.keys import EnvironmentWalletKeys
from nexgent.infrastructure.wallets.loaded_keys import LoadedKeys
from nexgent.infrastructure.wallets.vault import KeyVault
from nexgent.shared.clock import Clock
from nexgent.shared.types import WalletAddress

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletKeyParts:
    """Everything that touches keys."""

    environment: EnvironmentWalletKeys
    secrets: WalletSecrets
    index: EncryptedWalletIndex
    vault: KeyVault
    crypto: WalletKeyCrypto
    passphrases: PassphraseGate
    loaded: LoadedKeys

    def close(self) -> None:
        """Wipe all keys and end the threads that derive them."""
        self.loaded.wipe()
        self.crypto.close()


def build_wallet_keys(
    values: tuple[tuple[str, SecretStr], ...],
    secrets: WalletSecrets,
    crypto: WalletKeyCrypto,
    *,
    idle_seconds: float,
    clock: Clock,
    in_use: Callable[[WalletAddress], bool],
    publish: Callable[[object], None],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> WalletKeyParts:
    """Return the parts, with the keys of the environment loaded and all others locked. `idle_seconds` 0 is never."""
    environment = EnvironmentWalletKeys({name: value.get_secret_value() for name, value in values})
    for problem in environment.problems:
        log.error("wallets.not_loaded", problem=problem)
    index = EncryptedWalletIndex(secrets)
    vault = KeyVault(clock=clock, idle_seconds=idle_seconds or None, in_use=in_use, publish=publish)
    return WalletKeyParts(
        environment=environment,
        secrets=secrets,
        index=index,
        vault=vault,
        crypto=crypto,
        passphrases=PassphraseGate(secrets=secrets, crypto=crypto, clock=clock, sleep=sleep),
        loaded=LoadedKeys(environment=environment, vault=vault, index=index),
    )


def report_stranded(holdings: Holdings, keys: LoadedKeys) -> None:
    """Tell loudly which positions nobody can sell until their wallet is unlocked."""
    for wallet in holdings.stranded(keys):
        log.warning(
            "wallet.stranded",
            wallet_address=wallet.wallet_address,
            agent_id=str(wallet.agent_id),
            open_positions=wallet.open_positions,
            hint="stops cannot sell; unlock the wallet with POST /wallets/<address>/unlock, or set WALLET_n",
        )


async def report_held_by_others(
    directory: AgentDirectory, keys: LoadedKeys, environment: EnvironmentWallets
) -> None:
    """Tell which wallets of the environment trade for somebody whom they do not belong to: assigned by the administrator,
    or taken before they belonged to anybody."""
    for address in keys.addresses:
        wallet = directory.wallet(address)
        agent = directory.find(wallet.agent_id) if wallet is not None else None
        if agent is not None and not await environment.may_take(agent.user_id):
            log.warning(
                "wallet.held_by_another_user",
                wallet_address=address,
                agent_id=str(agent.id),
                user_id=str(agent.user_id),
                hint="unless it was meant, take it back: POST /wallets/<address>/unassign as the administrator",
            )


def build_encrypted_wallets(
    parts: WalletKeyParts,
    *,
    directory: AgentDirectory,
    ledger: Ledger,
    wallets: WalletRepository,
    unassign: UnassignWallet,
    trades_with: Callable[[WalletAddress], bool],
    clock: Clock,
    publish: Callable[[object], None],
) -> EncryptedWallets:
    """Return the use cases of encrypted wallets."""
    gate = parts.passphrases
    views = WalletViews(
        directory=directory,
        secrets=parts.secrets,
        vault=parts.vault,
        environment=parts.environment,
        trades_with=trades_with,
    )
    return EncryptedWallets(
        views=views,
        create=CreateWallet(
            directory=directory,
            wallets=wallets,
            index=parts.index,
            crypto=parts.crypto,
            environment=parts.environment,
            clock=clock,
            publish=publish,
        ),
        unlock=UnlockWallet(
            views=views,
            gate=gate,
            vault=parts.vault,
            index=parts.index,
            publish=publish,
            trades_with=trades_with,
        ),
        lock=LockWallet(views=views, index=parts.index, vault=parts.vault, trades_with=trades_with),
        export=ExportWallet(views=views, gate=gate, crypto=parts.crypto),
        delete=DeleteWallet(
            views=views,
            ledger=ledger,
            gate=gate,
            vault=parts.vault,
            index=parts.index,
            unassign=unassign,
            clock=clock,
        ),
    )
