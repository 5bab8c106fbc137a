"""What a purchase has to know of a token, asked for while the signal is still being stored.

A question moves no money, so it need not wait for a durable signal; what is bought for it does. Upstreams take few calls, so
nothing is asked for a signal that nobody would buy for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.models import Agent
from nexgent.domain.signals.events import SignalArrived
from nexgent.domain.signals.models import SignalAction, SignalDraft
from nexgent.domain.trading.orders.judged_quotes import PriceJudge
from nexgent.domain.trading.orders.purchase_decision import PurchaseDecisions
from nexgent.domain.trading.orders.purchases import Buyer, PurchaseOrder, PurchaseResult
from nexgent.domain.trading.ports import TokenDecimals
from nexgent.domain.trading.signal_candidates import SignalCandidates
from nexgent.shared.clock import Clock
from nexgent.shared.errors import NexgentError
from nexgent.shared.ids import new_id
from nexgent.shared.loops import TaskSet
from nexgent.shared.types import IntentId

LOOKED_AT = 2
"""How many agents are looked at for one that buys: those of a user mostly decide alike, and a look takes as long as deciding."""
_TURNS = 2
"""After so many turns of the event loop the signal is on its way to the database."""


class LookAhead:
    """Asks for a token's decimals and for what others say of its price. Whoever needs them has them, or shares the call."""

    def __init__(
        self,
        *,
        directory: AgentDirectory,
        candidates: SignalCandidates,
        decisions: PurchaseDecisions,
        decimals: TokenDecimals,
        judges: Sequence[PriceJudge],
        clock: Clock,
    ) -> None:
        self._directory = directory
        self._candidates = candidates
        self._decisions = decisions
        self._decimals = decimals
        self._judges = judges
        self._clock = clock
        self._tasks = TaskSet("look ahead")

    def on_arrived(self, event: SignalArrived) -> None:
        """Look ahead for a signal that is about to be stored."""
        self._tasks.start(self._look(event.draft), name="signal.look_ahead")

    async def _look(self, draft: SignalDraft) -> None:
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        if draft.action is not SignalAction.BUY or not self._somebody_buys(draft):
            return
        token = draft.token_address
        for judge in self._judges:
            judge.ask_unless_known(token)
        # What is wrong with a token is said by whoever buys it.
        with suppress(NexgentError):
            await self._decimals.decimals(token)

    def _somebody_buys(self, draft: SignalDraft) -> bool:
        order = PurchaseOrder(draft.token_address, draft.symbol, None, "signal")
        agents = islice(self._directory.each_of_user(draft.user_id), LOOKED_AT)
        return any(self._candidates.takes(draft, agent) and self._buys(order, agent) for agent in agents)

    def _buys(self, order: PurchaseOrder, agent: Agent) -> bool:
        wallet = agent.wallet_for(agent.trading_mode)
        if wallet is None:
            return False
        result = PurchaseResult(Buyer(agent, wallet, IntentId(new_id())))
        try:
            return self._decisions.decide(order, result, self._clock.now()) is not None
        except NexgentError:
            return False
