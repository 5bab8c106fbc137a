"""Shapes of the administrator's endpoints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import ConfigDict, StringConstraints

from nexgent.api.http.confirmation import ConfirmedBody, to_confirm
from nexgent.api.http.models import ApiModel, Body, SchemaBody
from nexgent.api.http.types import Instant
from nexgent.api.v1.admin.warning_words import words_of
from nexgent.api.v1.auth.schemas import NewEmail, NewPassword
from nexgent.domain.administration.cache_copies import CacheCounts
from nexgent.domain.administration.insight import LogStanding, RecentWarning, UpstreamBudget
from nexgent.domain.users.models import UserOverview


class NewUserIn(SchemaBody):
    """Who gets an account. The password is as good as one to register with."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"email": "trader@example.com", "password": "Correct-horse-1"}]}
    )

    email: NewEmail
    password: NewPassword


class NewPasswordIn(SchemaBody):
    """A user's new password, which has to be as good as one to register with."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"password": "Another-horse-2"}]})

    password: NewPassword


class ManagedUserOut(ApiModel):
    """A user with what they have. `lastUsedAt` is the last login or refresh that is still known of."""

    id: UUID
    email: str
    created_at: Instant
    administrator: bool
    active: bool
    agents: int
    api_keys: int
    last_used_at: Instant | None

    @classmethod
    def of(cls, user: UserOverview, admin_email: str) -> ManagedUserOut:
        """Return a user; `admin_email` is the administrator's, in lower case."""
        return cls.showing(user, administrator=bool(admin_email) and user.email == admin_email)


_MODULE = r"^nexgent(\.[a-z_][a-z0-9_]{0,60}){0,10}$"


class LogLevelIn(Body):
    """From which level on to log. `logger` names a module or package, such as `nexgent.domain.prices`; left out, all are meant.

    A level of null takes back what was set: for a part that one alone, otherwise for everything and every part.
    """

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"level": "debug", "logger": "nexgent.domain.prices"}]}
    )

    level: Literal["debug", "info", "warn", "error"] | None
    logger: Annotated[str, StringConstraints(pattern=_MODULE)] | None = None


class LogLevelOut(ApiModel):
    """How much the process logs: as it was configured, at present, and parts with a level of their own."""

    configured: str
    level: str
    loggers: dict[str, str]

    @classmethod
    def of(cls, standing: LogStanding) -> LogLevelOut:
        """Return how much is logged."""
        return cls.showing(standing)


class LogLevelChangedOut(LogLevelOut):
    """How much the process logs that has answered, and how many processes have been told.

    `processes` are those of the installation that listened, services and workers, the one that answers among them; null when
    Redis does not say, and then they are told as soon as it can be reached.
    """

    processes: int | None

    @classmethod
    def of(cls, standing: LogStanding) -> LogLevelChangedOut:
        """Return what has become of it."""
        return cls.showing(standing)


class ClearIn(ConfirmedBody, Body):
    """Yes, really."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"confirm": True}]})

    asks: ClassVar[str] = to_confirm("clear the cache")

    confirm: Literal[True]


class CacheResetIn(ClearIn):
    """Yes, really."""

    asks: ClassVar[str] = to_confirm("reset the cache")


class CountsOut(ApiModel):
    """Copies by kind."""

    positions: int
    balances: int
    configs: int
    prices: int
    agents: int
    active_agents: int


class CacheStatusOut(ApiModel):
    """How the cache stands. All counts are 0 while it cannot be reached."""

    connected: bool
    key_prefix: str
    counts: CountsOut

    @classmethod
    def of(cls, prefix: str, counts: CacheCounts | None) -> CacheStatusOut:
        """Return how the cache stands; None when it cannot be reached."""
        return cls.model_construct(
            connected=counts is not None,
            key_prefix=prefix,
            counts=CountsOut.model_construct(
                positions=counts.positions if counts is not None else 0,
                balances=counts.balances if counts is not None else 0,
                configs=counts.configs if counts is not None else 0,
                prices=counts.prices if counts is not None else 0,
                agents=counts.agents if counts is not None else 0,
                active_agents=counts.active_agents if counts is not None else 0,
            ),
        )


class WarmedCountsOut(ApiModel):
    """Copies that were written."""

    configs: int
    positions: int
    balances: int

    @classmethod
    def of(cls, counts: CacheCounts) -> WarmedCountsOut:
        """Return how many copies were written."""
        return cls.model_construct(
            configs=counts.configs, positions=counts.positions, balances=counts.balances
        )


class WarmedOut(ApiModel):
    """The cache was filled. `duration` in milliseconds."""

    success: Literal[True]
    warmed: WarmedCountsOut
    duration: int


class ClearedOut(ApiModel):
    """The cache was emptied of copies. `duration` in milliseconds."""

    success: Literal[True]
    cleared: int
    duration: int


class CacheResetOut(ApiModel):
    """The cache was emptied of copies and filled again. `duration` in milliseconds."""

    success: Literal[True]
    cleared: int
    warmed: WarmedCountsOut
    duration: int


class UpstreamBudgetOut(ApiModel):
    """Requests to a service outside: `limit` in `windowSeconds`, 0 for unlimited; `left` is null then.

    While `pausedSeconds` is above 0 nothing is sent: the service has asked for a pause. `waiting` requests wait for their turn.
    """

    name: str
    limit: int
    window_seconds: float
    left: int | None
    paused_seconds: float
    waiting: int

    @classmethod
    def of(cls, budget: UpstreamBudget) -> UpstreamBudgetOut:
        """Return how much of a budget is left."""
        return cls.showing(budget)


class RecentWarningOut(ApiModel):
    """Lines of the log of one kind, without secrets: what they mean, how many there were, and what the last one said."""

    event: str
    what: str
    """What happened, for people."""
    advice: str
    """What to do about it."""
    level: Literal["warning", "error"]
    count: int
    first_at: Instant
    last_at: Instant
    fields: dict[str, str]

    @classmethod
    def of(cls, warning: RecentWarning) -> RecentWarningOut:
        """Return a warning."""
        what, advice = words_of(warning.event)
        return cls.showing(warning, what=what, advice=advice, fields=dict(warning.fields))


class SystemOut(ApiModel):
    """What this process may still ask of others, and what it warned of since it has started, newest first."""

    budgets: list[UpstreamBudgetOut]
    warnings: list[RecentWarningOut]

    @classmethod
    def of(cls, budgets: Sequence[UpstreamBudget], warnings: Sequence[RecentWarning]) -> SystemOut:
        """Return both."""
        return cls.model_construct(
            budgets=[UpstreamBudgetOut.of(one) for one in budgets],
            warnings=[RecentWarningOut.of(one) for one in warnings],
        )
