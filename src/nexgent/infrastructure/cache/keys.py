"""Names of the keys. Every key of ours begins with the prefix; the queue's do not (see `infrastructure.queue`).

Addresses keep their case: base58 is case-sensitive, and two different tokens may differ in nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

from nexgent.shared.types import AgentId, PositionId, TokenAddress, WalletAddress

DEFAULT_PREFIX = "nexgent:"
_GLOB_CHARACTERS = frozenset("*?[]\\^")


@dataclass(frozen=True, slots=True)
class CacheKeys:
    """Key names under one prefix."""

    prefix: str = DEFAULT_PREFIX

    def position(self, position_id: PositionId) -> str:
        """JSON of an open position."""
        return f"{self.prefix}position:{position_id}"

    @property
    def positions_begin(self) -> str:
        """What the keys of positions begin with; their ids follow."""
        return f"{self.prefix}position:"

    def agent_positions(self, agent_id: AgentId) -> str:
        """Set of an agent's open position ids."""
        return f"{self.prefix}agent:{agent_id}:positions"

    def token_positions(self, token: TokenAddress) -> str:
        """Set of the open position ids in a token, of all agents."""
        return f"{self.prefix}token:{token}:positions"

    def balance(self, agent_id: AgentId, wallet: WalletAddress, mint: TokenAddress) -> str:
        """JSON of one balance."""
        return f"{self.prefix}balance:{agent_id}:{wallet}:{mint}"

    def config(self, agent_id: AgentId) -> str:
        """JSON of an agent's effective configuration."""
        return f"{self.prefix}config:{agent_id}"

    def active_agents(self) -> str:
        """Set of all agent ids."""
        return f"{self.prefix}active_agents"

    def trading_mode(self, agent_id: AgentId) -> str:
        """`simulation` or `live`."""
        return f"{self.prefix}agent:{agent_id}:trading_mode"

    def automated_trading(self, agent_id: AgentId, mode: str) -> str:
        """`1` or `0`."""
        return f"{self.prefix}agent:{agent_id}:automated_trading:{mode}"

    def price(self, token: TokenAddress) -> str:
        """JSON of a token's newest accepted price."""
        return f"{self.prefix}price:{token}"

    def mirror_boot(self) -> str:
        """Id of the mirror that filled this Redis; without it, or with another one, the copies cannot be trusted."""
        return f"{self.prefix}mirror:boot"

    def mirror_shards(self) -> str:
        """Hash by number of a shard: id of the mirror that filled its copies, where several engines share the work."""
        return f"{self.prefix}mirror:shards"

    def commands(self, row: int, epoch: int) -> str:
        """List of commands for an engine, each sealed."""
        return f"{self.prefix}commands:{row}:{epoch}"

    def command(self, command_id: str) -> str:
        """What became of a command: taken or withdrawn by one of both sides, then the sealed answer."""
        return f"{self.prefix}command:{command_id}"

    def command_sent(self, command_id: str) -> str:
        """There as long as the server knows that a command was sent, and so of claims to it."""
        return f"{self.prefix}command-sent:{command_id}"

    def answered(self, process: str) -> str:
        """List of ids of a process's commands that have just been answered."""
        return f"{self.prefix}answered:{process}"

    def channel(self, name: str) -> str:
        """Name of a pub/sub channel. Channels are shared by all databases of a server, hence the prefix."""
        return f"{self.prefix}events:{name}"

    def mirrored_patterns(self) -> tuple[str, ...]:
        """Patterns of the keys that copy memory and nothing else: not sessions, locks or the queue."""
        return tuple(map(self.pattern, ("position", "agent", "token", "balance", "config", "price")))

    def pattern(self, kind: str, ending: str = "") -> str:
        """Pattern of the keys of one kind."""
        literal = "".join(f"\\{c}" if c in _GLOB_CHARACTERS else c for c in self.prefix)
        return f"{literal}{kind}:*{ending}"
