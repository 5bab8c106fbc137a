"""Give an agent a wallet, or another one in the place of the one it has."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from nexgent.domain.agents.create_agent import SIMULATION_PREFIX
from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.events import AgentSaved
from nexgent.domain.agents.models import Agent, TradingMode, Wallet
from nexgent.domain.wallets.environment import EnvironmentWallets
from nexgent.domain.wallets.errors import WalletInUseError
from nexgent.domain.wallets.ports import LoadedWallets, WalletRepository
from nexgent.domain.wallets.replace_wallet import WalletReplacement
from nexgent.shared.clock import Clock
from nexgent.shared.errors import InvalidInputError
from nexgent.shared.types import AgentId, UserId, WalletAddress

log = structlog.get_logger(__name__)

MAX_ADDRESS_LENGTH = 44
_PAPER_ADDRESS = re.compile(r"[A-Za-z0-9_-]{1,44}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Assignment:
    """The wallet as it is assigned now; `is_new` when the agent had none of its type before."""

    wallet: Wallet
    is_new: bool


class AssignWallet:
    """One wallet per agent and type; one agent per address. The engine of the agent does it, which has the keys.

    The wallets of the environment are the administrator's, and only the administrator gives them to other users' agents.
    """

    def __init__(
        self,
        *,
        directory: AgentDirectory,
        wallets: WalletRepository,
        replacement: WalletReplacement,
        keys: LoadedWallets,
        environment: EnvironmentWallets,
        clock: Clock,
        publish: Callable[[object], None],
    ) -> None:
        self._directory = directory
        self._wallets = wallets
        self._replacement = replacement
        self._keys = keys
        self._environment = environment
        self._clock = clock
        self._publish = publish

    async def execute(
        self, agent_id: AgentId, user_id: UserId, address: WalletAddress, mode: TradingMode
    ) -> Assignment:
        """Return the assignment.

        Raises `AgentNotFoundError`, `InvalidInputError` (not a usable address of that type), `WalletInUseError`,
        `OpenPositionsError` or `WalletBusyError` when the present wallet is not flat, `UnavailableError`, and
        `EngineElsewhereError` before anything has begun.
        """
        self._replacement.require_engine(agent_id)
        await self._check_address(address, mode, user_id)
        agent = await self._agent(agent_id, user_id, address, mode)
        present = agent.wallet_for(mode)
        if present is not None and present.address == address:
            return Assignment(present, is_new=False)
        if self._directory.wallet(address) is not None:
            raise WalletInUseError(address)
        now = self._clock.now()
        wallet = Wallet(address, agent_id, mode, now, now)
        if present is None:
            await self._wallets.add_wallet(wallet)
        else:
            await self._replacement.replace(present, wallet)
        self._announce(agent_id, agent.user_id, present, wallet)
        log.info("wallet.assigned", agent_id=str(agent_id), wallet_address=address, mode=mode.value)
        return Assignment(wallet, is_new=present is None)

    async def _agent(
        self, agent_id: AgentId, user_id: UserId, address: WalletAddress, mode: TradingMode
    ) -> Agent:
        foreign = self._directory.find(agent_id)
        if (
            foreign is not None
            and foreign.user_id != user_id
            and mode is TradingMode.LIVE
            and address in self._environment
            and await self._environment.belong_to(user_id)
        ):
            return foreign
        return self._directory.owned(agent_id, user_id)

    async def _may_assign(self, address: WalletAddress, user_id: UserId) -> bool:
        if self._keys.is_stored_for(address, user_id):
            return True
        return address in self._environment and await self._environment.may_take(user_id)

    async def _check_address(self, address: WalletAddress, mode: TradingMode, user_id: UserId) -> None:
        if mode is TradingMode.LIVE:
            if address.startswith(SIMULATION_PREFIX):
                raise InvalidInputError(
                    "Invalid walletAddress: a simulation wallet cannot be assigned as live"
                )
            # The same words for a wallet that is not there and for one that is somebody else's.
            if not await self._may_assign(address, user_id):
                raise InvalidInputError(
                    "Invalid walletAddress: no key of yours is loaded for it; live wallets come from WALLET_1, "
                    "WALLET_2, … and are the administrator's (ADMIN_EMAIL), or are imported with POST /wallets"
                )
        elif self._keys.is_loaded(address) or self._keys.is_stored(address):
            raise InvalidInputError("Invalid walletAddress: a live wallet cannot be assigned as simulation")
        elif not _PAPER_ADDRESS.fullmatch(address):
            raise InvalidInputError(
                f"Invalid walletAddress: letters, digits, - and _ are allowed, at most {MAX_ADDRESS_LENGTH}"
            )

    def _announce(self, agent_id: AgentId, user_id: UserId, old: Wallet | None, new: Wallet) -> None:
        # Name, mode or toggles may have changed while this was being stored: keep those.
        agent: Agent = self._directory.owned(agent_id, user_id)
        others = tuple(one for one in agent.wallets if old is None or one.address != old.address)
        self._publish(AgentSaved(replace(agent, wallets=(*others, new), updated_at=self._clock.now())))
