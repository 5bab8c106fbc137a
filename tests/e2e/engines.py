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

UNFINISHED = {
    "signals": "SELECT FROM trading_signals WHERE processed_at IS NULL LIMIT 1",
    "intents": """
        SELECT intent_id FROM journal WHERE intent_id IS NOT NULL GROUP BY 1
        HAVING count(*) FILTER (WHERE kind IN ('settled', 'failed', 'expired')) = 0 LIMIT 1
    """,
    "tables": "SELECT FROM journal WHERE id > (SELECT position FROM journal_watermark) LIMIT 1",
}
"""What finds something as long as not all has come to its end."""
_PURCHASES = """
    WITH purchases AS (
        SELECT agent_id, (body #>> '{intent,signal_id}')::int AS signal_id, intent_id,
               EXISTS (SELECT FROM journal AS e WHERE e.intent_id = i.intent_id AND e.kind = 'settled') AS settled
        FROM journal AS i
        WHERE kind = 'intended' AND body #>> '{intent,kind}' = 'purchase' AND body #>> '{intent,signal_id}' IS NOT NULL
    )
"""
WRONG = {
    # One without an end is unfinished: a price that fell just now may sell again.
    "an intent has more than one end, or began other than once": """
        SELECT intent_id, array_agg(kind ORDER BY id) AS kinds FROM journal WHERE intent_id IS NOT NULL GROUP BY 1
        HAVING count(*) FILTER (WHERE kind IN ('settled', 'failed', 'expired')) > 1
               OR count(*) FILTER (WHERE kind = 'intended') <> 1
    """,
    "an agent bought for a signal more than once": f"""
        {_PURCHASES} SELECT agent_id, signal_id FROM purchases GROUP BY 1, 2 HAVING count(*) > 1
    """,
    "an agent has no outcome of a signal": """
        SELECT s.id AS signal_id, a.id AS agent_id FROM trading_signals AS s JOIN agents AS a
        ON a.user_id = s.user_id AND a.created_at < s.created_at
        WHERE a.deleted_at IS NULL
              AND NOT EXISTS (SELECT FROM signal_decisions AS d WHERE d.signal_id = s.id AND d.agent_id = a.id)
    """,
    # One that was in doubt when it was written down is shown as its intent ended.
    "an outcome says something else than the books": f"""
        {_PURCHASES} SELECT signal_id, agent_id, d.outcome, d.code, p.settled
        FROM purchases AS p FULL JOIN signal_decisions AS d USING (signal_id, agent_id)
        WHERE CASE WHEN d.outcome = 'EXECUTED' THEN NOT coalesce(p.settled, false)
                   WHEN d.outcome = 'FAILED' THEN p.settled AND d.intent_id IS DISTINCT FROM p.intent_id
                   ELSE p.settled END
    """,
    "a signal was taken twice": """
        SELECT signal_type, token_address FROM trading_signals GROUP BY 1, 2 HAVING count(*) > 1
    """,
    "a position is held twice": """
        SELECT agent_id, token_address FROM agent_positions GROUP BY 1, 2 HAVING count(*) > 1
    """,
    "two engines have a shard": """
        SELECT a.owner, b.owner AS other FROM engine_lease AS a JOIN engine_lease AS b ON a.id < b.id
        WHERE a.expires_at > clock_timestamp() AND b.expires_at > clock_timestamp() AND a.shards & b.shards <> 0
    """,
}
"""What finds something that must not be."""


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
        """Wait until every agent has carried a signal out, and nobody is left to say something.

        Who took over may have written down that it was still being carried out.
        """

        async def complete() -> bool:
            rows = await self.ask(
                """
                SELECT processed_at, answered, (SELECT array_agg(outcome || coalesce(nullif(code, 'RECOVERING'), ''))
                                                FROM signal_decisions WHERE signal_id = $1) AS outcomes
                FROM trading_signals WHERE id = $1
                """,
                signal_id,
            )
            row = rows[0]
            if row["processed_at"] is None or row["outcomes"] != ["EXECUTED"] * outcomes:
                raise KeyError(*row.items())
            return True

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

    async def at_rest(self) -> None:
        """Wait until every signal is decided on, every intent has ended, the tables have all of it, and shards are spread."""
        await self.spread()

        async def nothing_left() -> bool:
            left = [name for name, query in UNFINISHED.items() if await self.ask(query)]
            if left:
                raise KeyError(*left)
            return True

        await until(nothing_left, "everything has come to its end")

    async def nothing_is_wrong(self) -> None:
        """Look for what must not be, whatever happened."""
        for name, query in WRONG.items():
            found = await self.ask(query)
            assert not found, f"{name}: {[dict(row) for row in found[:10]]} ({len(found)} in all)"

    async def check(self, agents: Sequence[dict[str, Any]]) -> None:
        """Wait until all has come to rest: nothing is wrong then, and the books are right."""
        await self.at_rest()
        await self.nothing_is_wrong()
        for agent in agents:
            await check_the_books(self.up[0], agent)
        code, report = await self.up[0].verify()
        assert code == 0, report
