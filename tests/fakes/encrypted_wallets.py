"""The use cases of encrypted wallets over a ledger in memory; only the place where secrets are stored is exchangeable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from pydantic import SecretStr
from solders.keypair import Keypair

from nexgent.bootstrap.wallet_keys import build_encrypted_wallets, build_wallet_keys
from nexgent.domain.agents.events import AgentSaved
from nexgent.domain.agents.models import Agent, TradingMode, Wallet
from nexgent.domain.trading.orders.purchases import Buyer, PurchaseOrder
from nexgent.domain.wallets.encrypted.attempts import locked_until, recent
from nexgent.domain.wallets.encrypted.create_wallet import NewWallet
from nexgent.domain.wallets.encrypted.errors import WalletExistsError, WalletLockedOutError
from nexgent.domain.wallets.encrypted.holdings import Holdings
from nexgent.domain.wallets.encrypted.models import EncryptedWallet, OwnWallet, Passphrase, WalletAction
from nexgent.domain.wallets.encrypted.ports import WalletSecrets
from nexgent.domain.wallets.errors import UnknownWalletAddressError
from nexgent.domain.wallets.ports import WalletRepository
from nexgent.infrastructure.wallets.crypto import ScryptCost, WalletKeyCrypto
from nexgent.shared.ids import new_id
from nexgent.shared.types import IntentId, UserId, WalletAddress
from tests.builders import TOKEN, USER, an_agent
from tests.fakes.engine import FakeEngine
from tests.fakes.wallets import WalletWorld

CHEAP = ScryptCost(n=16, r=1, p=1)
GOOD = "correct horse battery staple"
WRONG = "wrong horse battery staple"


class FakeSecrets:
    """Rows in dicts, with the rules of the real table. `failure` makes it unreachable."""

    def __init__(self) -> None:
        self.rows: dict[WalletAddress, EncryptedWallet] = {}
        self.failed: dict[WalletAddress, list[datetime]] = {}
        self.log: list[tuple[WalletAddress, WalletAction]] = []
        self.failure: Exception | None = None

    def _check(self) -> None:
        if self.failure is not None:
            raise self.failure

    async def add(self, stored: EncryptedWallet, wallet: Wallet, action: WalletAction) -> None:
        self._check()
        if stored.address in self.rows:
            raise WalletExistsError("known")
        self.rows[stored.address] = stored
        self.log.append((stored.address, action))

    async def find(self, address: WalletAddress) -> EncryptedWallet | None:
        self._check()
        return self.rows.get(address)

    async def of_user(self, user_id: UserId) -> Sequence[EncryptedWallet]:
        self._check()
        return [row for row in self.rows.values() if row.user_id == user_id]

    async def owners(self) -> Mapping[WalletAddress, UserId]:
        self._check()
        return {address: row.user_id for address, row in self.rows.items()}

    async def begin_attempt(self, address: WalletAddress, now: datetime) -> int:
        self._check()
        if address not in self.rows:
            raise UnknownWalletAddressError
        failed = self.failed.get(address, [])
        if (until := locked_until(failed, now)) is not None:
            raise WalletLockedOutError(until)
        self.failed[address] = [*recent(failed, now), now]
        return len(self.failed[address])

    async def record_success(
        self, address: WalletAddress, user_id: UserId, action: WalletAction, now: datetime
    ) -> None:
        self._check()
        if address not in self.rows:
            raise UnknownWalletAddressError
        self.failed[address] = []
        self.log.append((address, action))

    async def audit(
        self, address: WalletAddress, user_id: UserId, action: WalletAction, now: datetime
    ) -> None:
        self._check()
        self.log.append((address, action))

    async def remove(self, address: WalletAddress, user_id: UserId, now: datetime) -> None:
        self._check()
        row = self.rows.get(address)
        if row is not None and row.user_id == user_id:
            del self.rows[address]
            self.log.append((address, WalletAction.DELETED))


class World:
    """Everything wired as the product would."""

    def __init__(
        self,
        *,
        secrets: WalletSecrets | None = None,
        wallets: WalletRepository | None = None,
        environment: Mapping[str, str] | None = None,
        idle_seconds: float | None = None,
        crypto: WalletKeyCrypto | None = None,
        engine: FakeEngine | None = None,
        rules: WalletWorld | None = None,
    ) -> None:
        self.engine = engine if engine is not None else FakeEngine()
        self.clock = self.engine.clock
        self.rules = rules if rules is not None else WalletWorld(self.engine)
        self.rows = FakeSecrets()
        self.secrets: WalletSecrets = secrets if secrets is not None else self.rows
        self.crypto = crypto if crypto is not None else WalletKeyCrypto(cost=CHEAP)
        self.delays: list[float] = []
        self.is_engine = True
        directory, publish = self.engine.directory, self.engine.bus.publish
        self.holdings = Holdings(directory=directory, ledger=self.engine.ledger)
        parts = build_wallet_keys(
            tuple((name, SecretStr(value)) for name, value in (environment or {}).items()),
            self.secrets,
            self.crypto,
            idle_seconds=idle_seconds or 0,
            clock=self.clock,
            in_use=self.holdings.in_use,
            publish=publish,
            sleep=self._sleep,
        )
        self.environment, self.index, self.vault = parts.environment, parts.index, parts.vault
        self.keys, self.gate = parts.loaded, parts.passphrases
        self.all = build_encrypted_wallets(
            parts,
            directory=directory,
            ledger=self.engine.ledger,
            wallets=wallets if wallets is not None else self.rules.wallets,
            unassign=self.rules.unassign,
            trades_with=lambda _: self.is_engine,
            clock=self.clock,
            publish=publish,
        )
        # The journal in memory has no tables to find new wallets in.
        self.engine.bus.on(AgentSaved, self._know)

    async def _sleep(self, seconds: float) -> None:
        self.delays.append(seconds)

    def _know(self, event: AgentSaved) -> None:
        for wallet in event.agent.wallets:
            if wallet.address not in self.engine.journal.wallets:
                self.engine.journal.add_wallet(wallet.address, event.agent.id)

    async def an_agent(self, user_id: UserId = USER) -> Agent:
        agent = replace(an_agent(user_id=user_id), trading_mode=TradingMode.LIVE)
        return await self.engine.add_agent(agent)

    async def a_wallet(self, *, user_id: UserId = USER, private_key: object = None) -> OwnWallet:
        """Return a live wallet of a new agent, locked, passphrase `GOOD`."""
        agent = await self.an_agent(user_id)
        return await self.all.create.execute(a_request(agent, private_key=private_key))

    async def unlock(
        self, wallet: OwnWallet, text: str = GOOD, ttl: int | None = None, user_id: UserId = USER
    ) -> OwnWallet:
        return await self.all.unlock.execute(wallet.address, user_id, Passphrase(text), ttl)

    async def open_position(self, wallet: OwnWallet) -> None:
        """Let the wallet buy."""
        assert wallet.agent_id is not None
        agent = self.engine.directory.find(wallet.agent_id)
        assert agent is not None
        held = agent.wallet(wallet.address)
        assert held is not None
        self.engine.keys.loaded.add(wallet.address)
        await self.engine.deposit(held, Decimal(10))
        (result,) = await self.engine.purchases.execute(
            PurchaseOrder(TOKEN, "EXM", None, "manual"), [Buyer(agent, held, IntentId(new_id()), Decimal(1))]
        )
        assert result.position is not None


def a_request(
    agent: Agent,
    *,
    mode: TradingMode = TradingMode.LIVE,
    passphrase: str | None = GOOD,
    private_key: object = None,
) -> NewWallet:
    return NewWallet(
        agent_id=agent.id,
        user_id=agent.user_id,
        mode=mode,
        passphrase=Passphrase(passphrase) if passphrase is not None else None,
        private_key=private_key,
    )


def address_of(keypair: Keypair) -> WalletAddress:
    return WalletAddress(str(keypair.pubkey()))
