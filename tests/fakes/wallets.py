"""Wallet rows, keys and a chain in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from nexgent.bootstrap.wallets import WalletPorts, build_wallets
from nexgent.domain.agents.errors import AgentNotFoundError
from nexgent.domain.agents.models import Agent, TradingMode, Wallet
from nexgent.domain.ledger.models import TradeIntended
from nexgent.domain.ledger.share import RequireEngine, here
from nexgent.domain.wallets.environment import EnvironmentWallets
from nexgent.domain.wallets.errors import UnknownWalletAddressError, WalletInUseError
from nexgent.domain.wallets.ports import WalletRows
from nexgent.shared.ids import new_id
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import IntentId, UserId, WalletAddress
from tests.builders import T0, USER, an_agent
from tests.fakes.engine import FakeEngine

LIVE = WalletAddress("7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU")
LIVE_2 = WalletAddress("9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWWM")


class FakeLoadedWallets:
    def __init__(self, *addresses: WalletAddress) -> None:
        self.loaded = list(addresses)
        self.stored: dict[WalletAddress, UserId] = {}

    @property
    def addresses(self) -> Sequence[WalletAddress]:
        return self.loaded

    def is_loaded(self, wallet: WalletAddress) -> bool:
        return wallet in self.loaded

    def is_stored(self, wallet: WalletAddress) -> bool:
        return wallet in self.stored

    def is_stored_for(self, wallet: WalletAddress, user_id: UserId) -> bool:
        return self.stored.get(wallet) == user_id


class FakeAdministration:
    """The administrator is the user of the tests, unless told otherwise."""

    def __init__(self) -> None:
        self.is_user: UserId | None = USER

    async def user_id(self) -> UserId | None:
        return self.is_user


class FakeWallets:
    """Wallet rows that the journal in memory knows as well."""

    def __init__(self, engine: FakeEngine) -> None:
        self.engine = engine
        self.rows = WalletRows(
            positions=0, historical_swaps=3, balances=0, transactions=7, balance_snapshots=2
        )
        self.removed: list[WalletAddress] = []

    async def count(self, wallet: WalletAddress) -> WalletRows:
        return self.rows

    async def add_wallet(self, wallet: Wallet) -> None:
        if wallet.address in self.engine.journal.wallets:
            raise WalletInUseError(wallet.address)
        if self.engine.directory.find(wallet.agent_id) is None:
            raise AgentNotFoundError(wallet.agent_id)
        self.engine.journal.add_wallet(wallet.address, wallet.agent_id)

    async def replace_wallet(self, old: WalletAddress, new: Wallet) -> None:
        known = self.engine.journal.wallets
        if old not in known:
            raise UnknownWalletAddressError
        if new.address in known:
            raise WalletInUseError(new.address)
        del known[old]
        await self.add_wallet(new)

    async def remove_wallet(self, address: WalletAddress) -> bool:
        self.removed.append(address)
        return self.engine.journal.wallets.pop(address, None) is not None


class FakeChain:
    """Balances on the chain. `pause` lets whoever asks wait."""

    def __init__(self) -> None:
        self.balances: dict[WalletAddress, int] = {}
        self.asked = 0
        self.failure: Exception | None = None

    async def balance_lamports(self, wallet: WalletAddress) -> int:
        self.asked += 1
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        return self.balances.get(wallet, 0)


class FakeProjections:
    async def caught_up(self) -> None:
        return


class WalletWorld:
    """The wallet use cases over one engine."""

    def __init__(self, engine: FakeEngine | None = None, require_engine: RequireEngine = here) -> None:
        self.engine = engine if engine is not None else FakeEngine()
        self.keys = FakeLoadedWallets(LIVE, LIVE_2)
        self.administration = FakeAdministration()
        self.environment = EnvironmentWallets(keys=self.keys, administrator=self.administration, shared=False)
        self.wallets = FakeWallets(self.engine)
        self.chain = FakeChain()
        self.use_cases = build_wallets(
            WalletPorts(
                wallets=self.wallets,
                keys=self.keys,
                environment=self.environment,
                chain=self.chain,
                projections=FakeProjections(),
                sol_price=self.engine.sol_price,
                clock=self.engine.clock,
                publish=self.engine.bus.publish,
            ),
            engine=self.engine.parts,
            require_engine=require_engine,
        )
        self.listing, self.assign = self.use_cases.listing, self.use_cases.assign
        self.reset, self.unassign = self.use_cases.reset, self.use_cases.unassign
        self.deposits = self.use_cases.deposits

    async def an_agent(self, *, live: WalletAddress | None = None, user_id: UserId = USER) -> Agent:
        agent = an_agent(user_id=user_id)
        if live is not None:
            wallet = Wallet(live, agent.id, TradingMode.LIVE, T0 + timedelta(seconds=1), T0)
            agent = replace(agent, wallets=(*agent.wallets, wallet))
        return await self.engine.add_agent(agent)

    def now_of(self, agent: Agent) -> Agent:
        found = self.engine.directory.find(agent.id)
        assert found is not None
        return found

    async def hang(self, agent: Agent) -> None:
        """Leave a purchase of the paper wallet under way."""
        address = agent.wallets[0].address
        (result,) = await self.engine.buy([agent], size_sol=Decimal(1))
        assert result.position is not None
        intended = next(
            entry.body for entry in self.engine.journal.entries if isinstance(entry.body, TradeIntended)
        )
        intent = replace(intended.intent, id=IntentId(new_id()), token_address=SOL_MINT)
        await self.engine.ledger.commit(self.engine.ledger.stage(address, TradeIntended(intent)))
