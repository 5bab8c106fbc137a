"""Services that share the work, and what the database says of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg

from nexgent.shared.shards import SHARDS, shard_of
from nexgent.shared.types import AgentId
from tests.e2e.product import Product, until
from tests.e2e.test_trade import check_the_books


class Engines:
    """Services that share the work, and what the database says of them."""

    def __init__(self, products: Sequence[Product], database_url: str) -> None:
        self.all = list(products)
        self.up = list(products)
        self._database_url = database_url

    async def ask(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self._database_url)
        try:
            rows: list[asyncpg.Record] = await connection.fetch(query, *arguments)
            return rows
        finally:
            await connection.close()

    async def shards(self) -> dict[str, set[int]]:
        """Return the shards of each engine that lives, by the number of its process."""
        rows = await self.ask(
            "SELECT owner, shards FROM engine_lease WHERE expires_at > clock_timestamp() AND owner IS NOT NULL"
        )
        return {
            row["owner"].rpartition(":")[2]: {n for n in range(SHARDS) if row["shards"] >> n & 1}
            for row in rows
        }

    async def spread(self) -> None:
        """Wait until each engine that is up has an even share."""

        async def even() -> bool:
            held = await self.shards()
            wanted = {str(one.service.pid) for one in self.up}
            most = -(-SHARDS // len(wanted))
            assert sum(map(len, held.values())) <= SHARDS
            return (
                held.keys() == wanted
                and sum(map(len, held.values())) == SHARDS
                and all(len(mine) <= most for mine in held.values())
            )

        await until(even, "the shards are spread")

    async def act(self) -> None:
        """Wait until every engine acts for what it has."""

        async def acting() -> bool:
            logs = [one.log("service") for one in self.up]
            return all("shards.taken" in log for log in logs)

        await until(acting, "every engine acts for its shards")

    async def of(self, product: Product, agents: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the agents that an engine trades for."""
        held = (await self.shards())[str(product.service.pid)]
        return [agent for agent in agents if shard_of(AgentId(UUID(agent["id"]))) in held]

    async def decided(self, signal_id: int, outcomes: int) -> None:
        """Wait until every agent has carried a signal out, and nobody is left to say something."""

        async def complete() -> bool:
            rows = await self.ask(
                """
                SELECT processed_at, answered, (SELECT array_agg(outcome || coalesce(code, '')) FROM signal_decisions
                                                WHERE signal_id = $1) AS outcomes
                FROM trading_signals WHERE id = $1
                """,
                signal_id,
            )
            row = rows[0]
            return row["processed_at"] is not None and row["outcomes"] == ["EXECUTED"] * outcomes

        await until(complete, "the signal is carried out for every agent")

    async def shared_out(self, signal_ids: Sequence[int], agents: int) -> None:
        """Wait until signals for one token are processed: each agent has carried one out, whichever reached it first."""

        async def complete() -> bool:
            row = (
                await self.ask(
                    """
                    SELECT count(*) FILTER (WHERE d.outcome = 'EXECUTED') AS executed, count(DISTINCT d.agent_id) AS agents,
                           count(*) AS decisions, bool_and(s.processed_at IS NOT NULL) AS processed
                    FROM trading_signals s JOIN signal_decisions d ON d.signal_id = s.id WHERE s.id = ANY($1::int[])
                    """,
                    list(signal_ids),
                )
            )[0]
            return (row["processed"], row["executed"], row["agents"], row["decisions"]) == (
                True,
                agents,
                agents,
                agents * len(signal_ids),
            )

        await until(complete, "every agent has carried out one of the signals")

    async def check(self, agents: Sequence[dict[str, Any]]) -> None:
        """One intent per agent and signal and per position, one outcome per intent, and books that are right."""

        async def all_decided() -> bool:
            return not await self.ask("SELECT FROM trading_signals WHERE processed_at IS NULL")

        await until(all_decided, "every signal is decided on")
        twice = await self.ask(
            "SELECT intent_id, kind, count(*) FROM journal WHERE intent_id IS NOT NULL GROUP BY 1, 2 HAVING count(*) > 1"
        )
        assert not twice, twice
        endless = await self.ask(
            """
            SELECT intent_id FROM journal WHERE intent_id IS NOT NULL GROUP BY 1
            HAVING count(*) FILTER (WHERE kind IN ('settled', 'failed', 'expired')) <> 1
            """
        )
        assert not endless, endless
        undecided = await self.ask(
            """
            SELECT s.id, a.id FROM trading_signals s JOIN agents a ON a.user_id = s.user_id
            WHERE a.deleted_at IS NULL AND NOT EXISTS (
                SELECT FROM signal_decisions d WHERE d.signal_id = s.id AND d.agent_id = a.id
            )
            """
        )
        assert not undecided, undecided
        for agent in agents:
            await check_the_books(self.up[0], agent)
        code, report = await self.up[0].verify()
        assert code == 0, report
