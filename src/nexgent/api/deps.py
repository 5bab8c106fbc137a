"""What the routers need. `bootstrap` fills it and puts it into `app.state.services`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from pydantic import SecretStr

from nexgent.api.idempotency import IdempotentRequests
from nexgent.api.rate_limits import RateLimits
from nexgent.domain.administration.cache_copies import CacheCopies
from nexgent.domain.administration.insight import LogLevelSwitch, RecentWarning, UpstreamBudget
from nexgent.domain.agents.config_history import ConfigHistory
from nexgent.domain.agents.create_agent import CreateAgent
from nexgent.domain.agents.delete_agent import DeleteAgent
from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.models import Agent
from nexgent.domain.agents.update_agent import UpdateAgent
from nexgent.domain.agents.update_config import UpdateConfig
from nexgent.domain.attention.notices import ListNotices
from nexgent.domain.audit.ports import AuditLog
from nexgent.domain.audit.trail import AuditTrail
from nexgent.domain.bookkeeping.use_cases import Bookkeeping
from nexgent.domain.forwarding.forward_command import ForwardCommand
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.ledger.ports import Projections
from nexgent.domain.live_check.check import LiveCheck
from nexgent.domain.notifications.manage import NotificationTargets
from nexgent.domain.notifications.ports import TargetRepository
from nexgent.domain.panic.panic import Panic
from nexgent.domain.performance.agent_performance import AgentPerformance
from nexgent.domain.performance.balance_history import BalanceHistory
from nexgent.domain.performance.overview import DescribeOverview
from nexgent.domain.price_history.price_chart import PriceChart
from nexgent.domain.prices.latest import LatestPrices
from nexgent.domain.prices.ports import SolPriceFeed
from nexgent.domain.protections.describe_protections import DescribeProtections
from nexgent.domain.protections.kill_switch import SetKillSwitch
from nexgent.domain.protections.reset_protections import ResetProtections
from nexgent.domain.protections.state import ProtectionState
from nexgent.domain.reconciliation.orphans import Orphans
from nexgent.domain.reconciliation.reclaim_rent import ReclaimRent
from nexgent.domain.reconciliation.reconcile_wallet import ReconcileOwn
from nexgent.domain.reconciliation.reconciliation import ReconciliationHealth
from nexgent.domain.shadow.report import DescribeShadow
from nexgent.domain.signals.create_signal import CreateSignal
from nexgent.domain.signals.edit_signals import EditSignals
from nexgent.domain.signals.queries import SignalQueries
from nexgent.domain.signals.webhooks.manage import SignalWebhooks
from nexgent.domain.signals.webhooks.receive_alert import ReceiveAlert
from nexgent.domain.trading.book.position_book import PositionBook
from nexgent.domain.trading.orders.buy_by_hand import BuyByHand
from nexgent.domain.trading.preview_signal import PreviewSignal
from nexgent.domain.transactions.queries import ClosedTradeQueries, TransactionQueries
from nexgent.domain.users.api_keys import CreateApiKey, DeleteApiKey, ListApiKeys
from nexgent.domain.users.authenticate import Authenticator
from nexgent.domain.users.change_password import ChangePassword
from nexgent.domain.users.log_in import LogIn
from nexgent.domain.users.manage_users import ManageUsers
from nexgent.domain.users.ports import UserRepository
from nexgent.domain.users.register import Register
from nexgent.domain.users.sessions import Sessions
from nexgent.domain.users.socket_tickets import SocketTickets
from nexgent.domain.users.web_links import WebLinks
from nexgent.domain.wallets.assign_wallet import AssignWallet
from nexgent.domain.wallets.check_deposits import CheckDeposits
from nexgent.domain.wallets.close_by_hand import CloseByHand
from nexgent.domain.wallets.encrypted.use_cases import EncryptedWallets
from nexgent.domain.wallets.list_wallets import ListWallets
from nexgent.domain.wallets.reset_wallet import ResetWallet
from nexgent.domain.wallets.unassign_wallet import UnassignWallet
from nexgent.shared.clock import Clock
from nexgent.shared.types import AgentId, UserId

MOST_ASKED = 32
"""So many questions of lists are on their way to engines at once: fewer than requests may be (`command_queue.py`)."""


@dataclass(frozen=True, slots=True)
class EngineState:
    """Whether this process trades, who does as far as it knows, and what recovery still has to bring to an end."""

    role: Literal["engine", "replica", "starting", "unknown"]
    holder: str | None = None
    epoch: int = 0
    age_seconds: float | None = None
    unresolved: int = 0
    unresolved_wallets: tuple[str, ...] = ()
    """Some of their wallets, shortened: everybody may read them."""
    reason: str | None = None
    """Why the role is not known."""


class ServerProbe(Protocol):
    """Whether the servers we stand on answer."""

    async def check_database(self) -> None:
        """Raise when PostgreSQL does not answer."""
        ...

    async def check_redis(self) -> None:
        """Raise when Redis does not answer."""
        ...

    async def check_queue(self) -> None:
        """Raise when the queue of the worker does not answer."""
        ...

    def uptime_seconds(self) -> float:
        """Return how long this process has been running."""
        ...


class KeptAgents(Protocol):
    """What this process knows of what agents hold."""

    async def have(self, agent_ids: Iterable[AgentId]) -> None:
        """Return when it is in memory, whoever trades for them. Raises `UnavailableError`."""
        ...


class EngineProbe(Protocol):
    """Whether the engine works, and all that goes on beside it."""

    def late(self) -> str | None:
        """Return what of this process was late a moment ago, or None."""
        ...

    def engine(self) -> EngineState:
        """Return who trades and what is still being resolved."""
        ...

    def reconciliation(self) -> ReconciliationHealth | None:
        """Return how it stands with the live wallets, None where this process does not look at any."""
        ...

    def not_ready(self) -> str | None:
        """Return why the engine cannot work yet or any more (starting, prices too old), or None."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiValues:
    """Settings that answers depend on."""

    jupiter_configured: bool
    pyth_configured: bool = True
    production: bool = False
    version: str = ""
    """Of the service."""
    admin_email: str = ""
    """In lower case; empty when there is no administrator."""
    metrics_token: SecretStr | None = None
    metrics_public: bool = False
    grafana_url: str | None = None
    """Where people look at the metrics, for a link."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserParts:
    """Everything that knows who somebody is."""

    accounts: UserRepository
    authenticator: Authenticator
    sessions: Sessions
    log_in: LogIn
    register: Register
    change_password: ChangePassword
    manage: ManageUsers
    create_api_key: CreateApiKey
    list_api_keys: ListApiKeys
    delete_api_key: DeleteApiKey
    socket_tickets: SocketTickets


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletParts:
    """What people do with wallets."""

    listing: ListWallets
    assign: AssignWallet
    reset: ResetWallet
    unassign: UnassignWallet
    deposits: CheckDeposits


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectionParts:
    """What people see of protections, and what they can do about them."""

    state: ProtectionState
    describe: DescribeProtections
    reset: ResetProtections
    kill_switch: SetKillSwitch
    panic: Panic


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciliationParts:
    """What owners can do about live wallets and the chain."""

    own: ReconcileOwn
    orphans: Orphans
    rent: ReclaimRent


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiServices:
    """Everything behind the HTTP interface."""

    clock: Clock
    users: UserParts
    rate_limits: RateLimits
    idempotency: IdempotentRequests
    cache_copies: CacheCopies
    directory: AgentDirectory
    ledger: Ledger
    book: PositionBook
    """What agents hold that this process trades for, and others once `kept` has them."""
    kept: KeptAgents
    latest_prices: LatestPrices
    sol_price: SolPriceFeed
    create_agent: CreateAgent
    update_agent: UpdateAgent
    delete_agent: DeleteAgent
    update_config: UpdateConfig
    config_history: ConfigHistory
    buy_by_hand: BuyByHand
    close_position: CloseByHand
    bookkeeping: Bookkeeping
    create_signal: CreateSignal
    edit_signals: EditSignals
    preview_signal: PreviewSignal
    signal_webhooks: SignalWebhooks
    receive_alert: ReceiveAlert
    notification_targets: NotificationTargets
    told: TargetRepository
    """For the list of what was sent to targets."""
    signals: SignalQueries
    transactions: TransactionQueries
    closed_trades: ClosedTradeQueries
    projections: Projections
    protections: ProtectionParts
    reconciliation: ReconciliationParts
    live_check: LiveCheck
    describe_shadow: DescribeShadow
    agent_performance: AgentPerformance
    balance_history: BalanceHistory
    price_chart: PriceChart
    describe_overview: DescribeOverview
    list_notices: ListNotices
    wallets: WalletParts
    encrypted_wallets: EncryptedWallets
    web_links: WebLinks
    audit_log: AuditLog
    audit_trail: AuditTrail
    upstream_budgets: Callable[[], Sequence[UpstreamBudget]]
    """How much may still be asked of each upstream."""
    recent_warnings: Callable[[], Sequence[RecentWarning]]
    log_levels: LogLevelSwitch
    """What this process warned of, newest first."""
    metrics: Callable[[], bytes]
    """Figures of this process in Prometheus' text format."""
    servers: ServerProbe
    health: EngineProbe
    values: ApiValues
    forward_command: ForwardCommand | None = None
    """The way to the engines of agents that this process does not trade for, where there is one."""
    trades_for: Callable[[AgentId], bool] = lambda _: True
    """Tells whether this process trades for an agent."""
    turns_to_ask: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_ASKED))
    """Of lists that ask engines: however many people look at lists, there is room for orders on the way."""

    async def have_agent(self, agent_id: AgentId, user_id: UserId) -> Agent:
        """Return a user's agent when what it holds is in memory. Raises `AgentNotFoundError` (for a foreign one as well),
        `UnavailableError`."""
        agent = self.directory.owned(agent_id, user_id)
        await self.kept.have((agent_id,))
        return agent

    async def have_agents_of(self, user_id: UserId) -> None:
        """Have in memory what all agents of a user hold. Raises `UnavailableError`."""
        await self.kept.have([agent.id for agent in self.directory.each_of_user(user_id)])
