"""Whatever goes wrong with one intent, agent, position or token stays there, and leaves nothing open that was not sent."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

import nexgent
from nexgent.domain.ledger.models import Submission, TradeFailed
from nexgent.domain.positions.models import CloseReason
from nexgent.domain.trading.errors import QuoteFailedError, TradeRejectedError, UnexpectedTradeError
from nexgent.domain.trading.events import RecoveryPostponed
from nexgent.domain.trading.models import Landed, Quote, QuoteRequest, SwapOutcome
from nexgent.domain.trading.orders.sell import ClosePositionRequest
from nexgent.domain.trading.ports import fill_from_quote
from nexgent.shared.errors import NexgentError
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import TokenAddress, WalletAddress
from tests.builders import a_submission, an_agent
from tests.fakes.engine import FakeEngine
from tests.fakes.market import FakeSwaps
from tests.passes import recovered

OTHER = TokenAddress("8xQv4nYw1wJ9zK2mT7rB5cD3eF6gH1jL9pN4sV2uWyZa")


class BrokenSwaps(FakeSwaps):
    """Raises what nobody expects at one step; `signs` makes it submit as a live gateway does."""

    def __init__(self, step: str = "", *, signs: bool = False) -> None:
        super().__init__()
        self.step = step
        self.signs = signs
        self.resolved = 0

    def _break(self, step: str) -> None:
        if self.step == step:
            raise ZeroDivisionError(f"{step} broke")

    async def quote(self, request: QuoteRequest, *, urgent: bool = False) -> Quote:
        self._break("quote")
        return await super().quote(request, urgent=urgent)

    async def prepare(self, quote: Quote, wallet: WalletAddress) -> Submission | None:
        self._break("prepare")
        return a_submission() if self.signs else None

    async def execute(self, quote: Quote, submission: Submission | None) -> SwapOutcome:
        self._break("execute")
        return await super().execute(quote, submission)

    async def resolve(
        self, submission: Submission, wallet: WalletAddress, request: QuoteRequest
    ) -> SwapOutcome:
        self.resolved += 1
        self._break("execute")
        return Landed(fill=fill_from_quote(await super().quote(request)))


def every_error() -> Iterator[type[NexgentError]]:
    """Return every class of ours that is an error."""
    for module in pkgutil.walk_packages(nexgent.__path__, "nexgent."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    todo = [NexgentError]
    while todo:
        kind = todo.pop()
        yield kind
        todo += kind.__subclasses__()


def test_no_detail_of_an_error_can_collide_with_a_parameter() -> None:
    for kind in every_error():
        parameters = inspect.signature(kind.__init__).parameters.values()
        if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            named = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
            assert named == [], f"{kind.__qualname__}: a detail named {named} would be taken for a parameter"


def test_details_may_have_any_name() -> None:
    awkward: dict[str, object] = {"message": 1, "self": 2, "code": 3, "reason": 4, "error": 5}
    assert NexgentError("text", **awkward).details == awkward
    assert TradeRejectedError("CODE", "text", **awkward).details == awkward


async def test_a_refused_order_fails_with_its_reason_and_its_details() -> None:
    engine = FakeEngine()
    agent = await engine.add_agent(an_agent())
    engine.swaps.failures.append(
        QuoteFailedError("Jupiter: no route", reason="NO_ROUTE", code=7, message="m", self="s")
    )

    (result,) = await engine.buy([agent])

    assert (result.code, result.reason) == ("QUOTE_FAILED", "Jupiter: no route")
    assert result.details == {"reason": "NO_ROUTE", "code": 7, "message": "m", "self": "s"}
    assert not engine.ledger.head(agent.wallets[0].address).intents


@pytest.mark.parametrize("step", ["quote", "prepare", "execute"])
async def test_an_unexpected_error_before_anything_was_sent_is_a_failed_trade_at_once(step: str) -> None:
    engine = FakeEngine(swaps=BrokenSwaps(step))
    agent = await engine.add_agent(an_agent())

    (result,) = await engine.buy([agent])

    assert (result.code, result.in_doubt) == (UnexpectedTradeError.code, False)
    state = engine.ledger.head(agent.wallets[0].address)
    assert not state.intents
    assert state.available_raw(SOL_MINT) == state.balance_raw(SOL_MINT)
    assert isinstance(engine.journal.entries[-1].body, TradeFailed)


async def test_an_unexpected_error_after_submission_is_never_called_failed_and_is_booked_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("nexgent.domain.trading.orders.swap_execution.RESOLVE_PAUSES_SECONDS", (0.0, 0.0))
    swaps = BrokenSwaps("execute", signs=True)
    engine = FakeEngine(swaps=swaps)
    agent = await engine.add_agent(an_agent())

    (result,) = await engine.buy([agent])

    assert result.in_doubt
    assert len(engine.ledger.head(agent.wallets[0].address).intents) == 1
    assert await recovered(engine.recovery) == 0
    assert await recovered(engine.recovery) == 0
    asked = swaps.resolved
    assert await recovered(engine.recovery) == 0
    assert swaps.resolved == asked, "an intent that stays unknown rests between two attempts"
    postponed = [event for event in engine.events if isinstance(event, RecoveryPostponed)]
    assert [event.code for event in postponed] == ["EXECUTION_FAILED"] * 2
    swaps.step = ""
    engine.clock.advance(60)
    assert await recovered(engine.recovery) == 1
    assert len(engine.positions(agent)) == 1


async def test_one_agent_nobody_can_decide_for_does_not_hold_the_others_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = FakeEngine()
    broken, fine = await engine.add_agent(an_agent()), await engine.add_agent(an_agent())
    decide: Callable[..., Any] = engine.purchases._decisions.decide

    def breaks(order: Any, result: Any, now: Any) -> Any:
        if result.buyer.agent.id == broken.id:
            raise ZeroDivisionError("this agent's alone")
        return decide(order, result, now)

    monkeypatch.setattr(engine.purchases._decisions, "decide", breaks)

    results = {result.buyer.agent.id: result for result in await engine.buy([broken, fine])}

    assert results[broken.id].code == UnexpectedTradeError.code
    assert results[fine.id].position is not None


async def test_a_burst_that_breaks_half_way_leaves_no_intent_open(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = FakeEngine()
    agents = [await engine.add_agent(an_agent()) for _ in range(3)]

    async def breaks(*_: Any) -> None:
        raise ZeroDivisionError("nobody's fault")

    monkeypatch.setattr(engine.purchases._booking, "carry_out", breaks)

    results = await engine.buy(agents)

    assert {result.code for result in results} == {UnexpectedTradeError.code}
    assert not any(state.intents for state in engine.ledger.states())


async def test_recovery_goes_on_after_an_intent_that_breaks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    swaps = BrokenSwaps("execute", signs=True)
    monkeypatch.setattr("nexgent.domain.trading.orders.swap_execution.RESOLVE_PAUSES_SECONDS", ())
    engine = FakeEngine(swaps=swaps)
    agents = [await engine.add_agent(an_agent()) for _ in range(3)]
    await engine.buy(agents)
    swaps.step = ""
    finish: Callable[..., Any] = engine.recovery._resolve_intent.execute

    async def breaks(intent: Any, submission: Any) -> bool:
        if intent.agent_id == agents[0].id:
            raise TypeError("refuse() got multiple values for argument 'reason'")
        done: bool = await finish(intent, submission)
        return done

    monkeypatch.setattr(engine.recovery._resolve_intent, "execute", breaks)

    assert await recovered(engine.recovery) == 2
    assert [len(engine.positions(agent)) for agent in agents] == [0, 1, 1]


async def test_recovery_survives_a_wallet_that_is_gone_and_resumes_the_exits_of_the_others() -> None:
    engine = FakeEngine()
    gone, left = await engine.add_agent(an_agent()), await engine.add_agent(an_agent())
    for agent in (gone, left):
        await engine.buy([agent])
        (position,) = engine.positions(agent)
        await engine.sales.remember(
            ClosePositionRequest(
                wallet_address=position.wallet_address, position_id=position.id, reason=CloseReason.STOP_LOSS
            )
        )
    engine.ledger.forget(gone.wallets[0].address)

    await recovered(engine.recovery)
    await engine.settle()

    assert engine.positions(left) == []


async def test_one_position_nobody_can_evaluate_does_not_hold_the_stops_of_the_others_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = FakeEngine()
    broken, fine = await engine.add_agent(an_agent()), await engine.add_agent(an_agent())
    await engine.buy([broken, fine])
    follow: Callable[..., Any] = engine.watcher._follow

    def breaks(held: Any, *rest: Any) -> Any:
        if held.position.agent_id == broken.id:
            raise ZeroDivisionError("this position's alone")
        return follow(held, *rest)

    monkeypatch.setattr(engine.watcher, "_follow", breaks)

    engine.move_to(Decimal("0.0001"))
    await engine.settle()

    assert engine.positions(fine) == []
    assert len(engine.positions(broken)) == 1


async def test_the_recovery_pass_looks_at_wallets_with_something_to_finish_only() -> None:
    engine = FakeEngine()
    agents = [await engine.add_agent(an_agent()) for _ in range(5)]
    await engine.buy(agents)

    assert engine.ledger.unfinished() == []

    (position,) = engine.positions(agents[0])
    await engine.sales.remember(
        ClosePositionRequest(
            wallet_address=position.wallet_address, position_id=position.id, reason=CloseReason.STOP_LOSS
        )
    )
    assert [state.wallet_address for state in engine.ledger.unfinished()] == [position.wallet_address]
    engine.ledger.load(await engine.journal.load(), len(engine.journal.entries))
    assert [state.wallet_address for state in engine.ledger.unfinished()] == [position.wallet_address]
    await recovered(engine.recovery)
    await engine.settle()
    assert engine.ledger.unfinished() == []
