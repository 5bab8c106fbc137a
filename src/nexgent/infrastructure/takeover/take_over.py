"""Take an installation of the reference over: everything that can be mapped, in one transaction, or nothing.

The unit is the agent. One that is here already, also one that was deleted here, is left as it is with everything that belongs to
it: it has a life of its own here. So a second run writes nothing, or what has been added there since.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from nexgent.domain.agents.config import DEFAULT_CONFIG, InvalidConfigError, TradingConfig, parse_config
from nexgent.domain.agents.config_keys import key_problems
from nexgent.domain.agents.create_agent import SIMULATION_PREFIX, simulation_address
from nexgent.domain.agents.models import Agent, TradingMode, Wallet
from nexgent.infrastructure.database.engine import first_connection
from nexgent.infrastructure.takeover.agent import AgentBelongings
from nexgent.infrastructure.takeover.decimals import TokenScales
from nexgent.infrastructure.takeover.errors import SameDatabaseError
from nexgent.infrastructure.takeover.people import People
from nexgent.infrastructure.takeover.report import Report, Thing
from nexgent.infrastructure.takeover.source import Source, opened_source, which_database
from nexgent.infrastructure.takeover.target import Target, opened_target
from nexgent.shared.types import AgentId, UserId, WalletAddress

_TABLES = {
    Thing.USERS: "users",
    Thing.API_KEYS: "api_keys",
    Thing.SIGNALS: "trading_signals",
    Thing.AGENTS: "agents",
    Thing.WALLETS: "agent_wallets",
    Thing.BALANCES: "agent_balances",
    Thing.POSITIONS: "agent_positions",
    Thing.TRANSACTIONS: "agent_transactions",
    Thing.CLOSED_TRADES: "agent_historical_swaps",
    Thing.EXECUTIONS: "signal_executions",
    Thing.SNAPSHOTS: "agent_balance_snapshots",
}
_OF_AGENTS = tuple(_TABLES)[4:]
_AGENT_LEFT_OUT = "its agent is left out"
_SHOWN_PROBLEMS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """How it shall be done. `admin_email` is the administrator of the settings; `keys` are live wallets that can sign here."""

    carry_out: bool
    """False is a trial: everything is done and taken back."""
    leave_out: bool = False
    """Whether what cannot be taken over may be left out; otherwise nothing is written then."""
    admin_email: str | None = None
    keys: Collection[WalletAddress] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found, and whether it was written. `generation` tells how the tables there came into being."""

    report: Report
    generation: str
    written: bool


class _NotWantedError(Exception):
    """Ends the transaction: something would be left out, and nobody said that it may."""


async def require_apart(address: str, database_url: str) -> None:
    """Raise `SameDatabaseError` when both addresses lead to one place, before anything is done there; and what `take_over` does
    for a source that cannot be used.
    """
    async with opened_source(address) as source:
        which = await source.which()
        ours = await first_connection(database_url)
        try:
            async with ours.transaction(readonly=True):
                if which is not None and which == await which_database(ours):
                    raise SameDatabaseError("Both addresses lead to the same database and schema.")
        finally:
            ours.terminate()


async def take_over(
    address: str, database_url: str, wishes: Wishes, scales: TokenScales, now: datetime
) -> Outcome:
    """Read the reference's database at `address` in one snapshot and write it into ours.

    Raises `SourceAddressError`, `SourceUnreachableError`, `NotAReferenceError`, `EngineRunsError`, `DoesNotFitError`,
    `UnavailableError`. Nothing was written then.
    """
    report = Report()
    async with opened_source(address) as source:
        outcome = Outcome(report, source.generation, written=False)
        try:
            async with opened_target(database_url, keep=wishes.carry_out) as target:
                await _Takeover(source, target, report, scales, wishes, now).execute()
                if wishes.carry_out and not report.is_complete and not wishes.leave_out:
                    raise _NotWantedError
                if wishes.carry_out:
                    await target.number_on()
        except _NotWantedError:
            return outcome
    return Outcome(report, source.generation, written=wishes.carry_out and not report.is_empty)


class _Takeover:
    def __init__(
        self,
        source: Source,
        target: Target,
        report: Report,
        scales: TokenScales,
        wishes: Wishes,
        now: datetime,
    ) -> None:
        self._source = source
        self._target = target
        self._report = report
        self._scales = scales
        self._wishes = wishes
        self._now = now
        self._people = People(source, target, report, admin_email=wishes.admin_email)

    async def execute(self) -> None:
        """Write everything; what is not, is in the report."""
        for thing, table in _TABLES.items():
            self._report.there(thing, await self._source.count(table))
        # What is in the journal and not in the tables comes first.
        await self._target.project()
        await self._people.take_users()
        new = await self._new_agents()
        await self._people.take_keys()
        await self._people.take_signals({row["user_id"] for row in new})
        wallets = await self._wallets_of(new)
        for row in new:
            await self._take_agent(row, wallets.get(row["id"], []))
        await self._remark()

    async def _new_agents(self) -> list[asyncpg.Record]:
        rows = [row async for row in self._source.rows("agents")]
        here = await self._target.agents([AgentId(row["id"]) for row in rows])
        new: list[asyncpg.Record] = []
        for row in rows:
            if row["id"] in here:
                self._people.known_before(row["user_id"])
                self._report.here(Thing.AGENTS)
                for thing in _OF_AGENTS:
                    count = await self._source.count(_TABLES[thing], agent_id=row["id"])
                    self._report.here(thing, count)
            elif not self._people.is_owner(row["user_id"]):
                self._report.left_out(Thing.AGENTS, row["name"], "its user is left out")
                for thing in _OF_AGENTS:
                    count = await self._source.count(_TABLES[thing], agent_id=row["id"])
                    self._report.left_out(thing, row["name"], _AGENT_LEFT_OUT, count)
            else:
                new.append(row)
        return new

    async def _wallets_of(self, agents: Collection[asyncpg.Record]) -> dict[UUID, list[asyncpg.Record]]:
        ids = {row["id"] for row in agents}
        rows = [row async for row in self._source.rows("agent_wallets") if row["agent_id"] in ids]
        here = await self._target.wallets([WalletAddress(row["wallet_address"]) for row in rows])
        found: dict[UUID, list[asyncpg.Record]] = {}
        for row in rows:
            problem = _problem_of(row) or (
                "it belongs to another agent here" if row["wallet_address"] in here else None
            )
            if problem is not None:
                self._report.left_out(Thing.WALLETS, row["wallet_address"], problem)
                continue
            self._report.taken(Thing.WALLETS)
            found.setdefault(row["agent_id"], []).append(row)
        return found

    async def _take_agent(self, row: asyncpg.Record, wallets: Collection[asyncpg.Record]) -> None:
        named = f"{row['name']} ({row['id']})"
        agent_id, stored = AgentId(row["id"]), row["trading_config"]
        stored = None if stored == "null" else stored
        known_mode = row["trading_mode"] in set(TradingMode)
        if not known_mode:
            self._report.changed(
                Thing.AGENTS,
                named,
                "its mode is none that there is here; it trades on paper, and nothing by itself",
            )
        brought = [
            Wallet(
                WalletAddress(one["wallet_address"]),
                agent_id,
                TradingMode(one["wallet_type"]),
                one["created_at"],
                one["updated_at"],
            )
            for one in wallets
        ]
        if not any(wallet.mode is TradingMode.SIMULATION for wallet in brought):
            self._report.changed(Thing.AGENTS, named, "it had no paper wallet, and gets an empty one")
            brought.append(
                Wallet(simulation_address(), agent_id, TradingMode.SIMULATION, self._now, self._now)
            )
        agent = Agent(
            id=agent_id,
            user_id=UserId(self._people.owners[row["user_id"]]),
            name=row["name"],
            trading_mode=TradingMode(row["trading_mode"]) if known_mode else TradingMode.SIMULATION,
            automated_trading_simulation=row["automated_trading_simulation"] and known_mode,
            automated_trading_live=row["automated_trading_live"] and known_mode,
            config=self._config(named, stored),
            wallets=tuple(brought),
            created_at=row["created_at"],
            updated_at=row["updated_at"],
        )
        await self._target.add_agent(agent, stored)
        self._report.taken(Thing.AGENTS)
        for wallet in brought:
            if wallet.mode is TradingMode.LIVE and wallet.address not in self._wishes.keys:
                self._report.notes.append(
                    f"No WALLET_n of the settings is the key of the live wallet {wallet.address} ({row['name']}): until one is, "
                    "its positions are watched and cannot be sold."
                )
        belongings = AgentBelongings(
            self._source,
            self._target,
            self._report,
            self._scales,
            agent=agent,
            taken_numbers=self._people.taken_numbers,
            now=self._now,
        )
        await belongings.take()

    def _config(self, named: str, stored: str | None) -> TradingConfig:
        """Return the effective configuration; the stored one is kept as it is in any case."""
        if stored is None:
            return DEFAULT_CONFIG
        document = json.loads(stored)
        try:
            config = parse_config(document)
        except InvalidConfigError as error:
            self._report.changed(
                Thing.AGENTS,
                named,
                f"its configuration is not valid here ({'; '.join(error.problems[:_SHOWN_PROBLEMS])}): it has the defaults and "
                "trades nothing by itself until a valid one is saved",
            )
            return DEFAULT_CONFIG
        unknown = key_problems(document)
        if unknown:
            names = ", ".join(problem.partition(":")[0] for problem in unknown[:_SHOWN_PROBLEMS])
            self._report.changed(
                Thing.AGENTS, named, f"settings of its configuration mean nothing here: {names}"
            )
        return config

    async def _remark(self) -> None:
        others = await self._source.others()
        if others:
            self._report.notes.append(
                f"{others} other sessions are open on the reference's database. If it still runs: stop it before this service "
                "trades, or both trade with the same wallets."
            )


def _problem_of(wallet: asyncpg.Record) -> str | None:
    if wallet["wallet_type"] not in set(TradingMode):
        return f"{wallet['wallet_type']} is no kind of wallet that there is here"
    if wallet["wallet_type"] == TradingMode.LIVE and wallet["wallet_address"].startswith(SIMULATION_PREFIX):
        return "it is called live, and its address is one on paper"
    return None
