"""Create an agent with its paper wallet."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from nexgent.domain.agents.config import DEFAULT_CONFIG
from nexgent.domain.agents.events import AgentSaved
from nexgent.domain.agents.models import Agent, TradingMode, Wallet
from nexgent.domain.agents.ports import AgentRepository
from nexgent.shared.clock import Clock
from nexgent.shared.errors import InvalidInputError
from nexgent.shared.ids import new_id
from nexgent.shared.types import AgentId, UserId, WalletAddress

SIMULATION_PREFIX = "sim_"
_WALLET_BYTES = 27
_MAX_ADDRESS_LENGTH = 44
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAgent:
    """What a user gives to create an agent."""

    user_id: UserId
    name: str
    trading_mode: TradingMode = TradingMode.SIMULATION


class CreateAgent:
    """An agent starts with the default configuration, both toggles on, and an empty paper wallet."""

    def __init__(self, *, agents: AgentRepository, clock: Clock, publish: Callable[[object], None]) -> None:
        self._agents = agents
        self._clock = clock
        self._publish = publish

    async def execute(self, new: NewAgent) -> Agent:
        """Return the stored agent. Raises `InvalidInputError` for a blank name, `UnavailableError`."""
        name = cleaned_name(new.name)
        now = self._clock.now()
        agent_id = AgentId(new_id())
        wallet = Wallet(simulation_address(), agent_id, TradingMode.SIMULATION, now, now)
        agent = Agent(
            id=agent_id,
            user_id=new.user_id,
            name=name,
            trading_mode=new.trading_mode,
            automated_trading_simulation=True,
            automated_trading_live=True,
            config=DEFAULT_CONFIG,
            wallets=(wallet,),
            created_at=now,
            updated_at=now,
        )
        await self._agents.add(agent)
        self._publish(AgentSaved(agent))
        return agent


def cleaned_name(name: str) -> str:
    """Return a name without surrounding blanks. Raises `InvalidInputError` when nothing is left."""
    stripped = name.strip()
    if not stripped:
        raise InvalidInputError("Name is required")
    return stripped


def simulation_address() -> WalletAddress:
    """Return a new address of a paper wallet: `sim_` and 27 random bytes in base 58."""
    number = int.from_bytes(secrets.token_bytes(_WALLET_BYTES))
    digits = ""
    while number:
        number, digit = divmod(number, len(_BASE58))
        digits = _BASE58[digit] + digits
    return WalletAddress((SIMULATION_PREFIX + digits)[:_MAX_ADDRESS_LENGTH])
