"""The book of open positions: by id, by agent, by token, and with what prices have done to each."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from nexgent.domain.positions.models import Position
from nexgent.domain.trading.book.position_book import HeldPosition, PositionBook, TriggerPrices, age_ms
from nexgent.domain.trading.book.trigger_index import NEVER
from nexgent.domain.trading.rules.rule import Look
from nexgent.shared.ids import new_id
from nexgent.shared.types import AgentId, PositionId, TokenAddress
from tests.builders import T0, TOKEN, a_position, a_trail

OTHER_TOKEN = TokenAddress("OtherMint")
AGENT, OTHER_AGENT = AgentId(new_id()), AgentId(new_id())
AGENTS, TOKENS = [AgentId(new_id()) for _ in range(4)], [TokenAddress(name) for name in "abcd"]


def _put(book: PositionBook, triggers: TriggerPrices = NEVER, **changes: object) -> HeldPosition:
    position = a_position(**{"agent_id": AGENT, "token_address": TOKEN, **changes})
    return book.put(position, position.base_trail, triggers)


def _positions(held: list[HeldPosition]) -> list[Position]:
    return [one.position for one in held]


def test_positions_are_found_by_what_they_are() -> None:
    book = PositionBook()
    one, two = _put(book), _put(book, agent_id=OTHER_AGENT)
    three = _put(book, token_address=OTHER_TOKEN)

    assert len(book) == 3
    assert book.get(one.position.id) is one
    assert book.get(PositionId(new_id())) is None
    assert list(book.all()) == [one, two, three]
    assert book.tokens() == [TOKEN, OTHER_TOKEN]
    assert book.tokens_of([AGENT], [TOKEN, OTHER_TOKEN]) == {AGENT: (TOKEN, OTHER_TOKEN)}
    assert book.tokens_of([AGENT, OTHER_AGENT], [OTHER_TOKEN]) == {AGENT: (OTHER_TOKEN,)}
    assert book.holders(TOKEN) == [one, two]
    assert book.holders(TokenAddress("nobody's")) == []
    assert book.holds(AGENT, OTHER_TOKEN)
    assert not book.holds(OTHER_AGENT, OTHER_TOKEN)
    assert not book.holds(AgentId(new_id()), TOKEN)
    assert book.of_agent(AgentId(new_id())) == []


@given(
    positions=st.lists(st.tuples(st.sampled_from(AGENTS), st.sampled_from(TOKENS)), max_size=12),
    agents=st.lists(st.sampled_from(AGENTS), unique=True),
    among=st.lists(st.sampled_from(TOKENS), unique=True),
)
def test_the_tokens_of_agents_are_found_from_either_side(
    positions: list[tuple[AgentId, TokenAddress]], agents: list[AgentId], among: list[TokenAddress]
) -> None:
    book = PositionBook()
    for agent, token in positions:
        _put(book, agent_id=agent, token_address=token)

    found = book.tokens_of(agents, among)

    expected = {agent: {t for a, t in positions if a == agent and t in among} for agent in agents}
    assert {agent: set(tokens) for agent, tokens in found.items()} == {
        agent: tokens for agent, tokens in expected.items() if tokens
    }
    assert all(len(set(tokens)) == len(tokens) for tokens in found.values())


def test_the_newest_positions_of_an_agent_come_first_and_ids_decide_between_equals() -> None:
    book = PositionBook()
    ids = sorted(PositionId(new_id()) for _ in range(3))
    first = _put(book, id=ids[2], opened_at=T0 - timedelta(seconds=1))
    twins = [_put(book, id=ids[0]), _put(book, id=ids[1])]

    assert book.of_agent(AGENT) == [twins[1], twins[0], first]


def test_what_is_closed_is_nowhere_any_more() -> None:
    book = PositionBook()
    one, two = _put(book), _put(book)

    assert book.remove(one.position.id) is one
    assert book.remove(one.position.id) is None
    assert book.is_held(TOKEN)
    assert book.tokens_of([AGENT], [TOKEN, OTHER_TOKEN]) == {AGENT: (TOKEN,)}
    assert book.holders(TOKEN) == book.of_agent(AGENT) == [two]
    book.remove(two.position.id)
    assert not book.is_held(TOKEN)
    assert book.of_agent(AGENT) == []
    assert len(book) == 0


def test_a_new_state_replaces_the_old_one_where_it_stands() -> None:
    book = PositionBook()
    held = _put(book, TriggerPrices(lower=Decimal(1)))
    newer = replace(held.position, version=2)
    trail = a_trail(newer.id, position_version=2)

    assert book.put(newer, trail, TriggerPrices(lower=Decimal(2))) is held
    assert (held.position, held.trail) == (newer, trail)
    assert len(book) == 1
    assert book.concerned(TOKEN, Decimal("1.5"), 1.5) == [held]
    book.reset_triggers(held, NEVER)
    assert book.concerned(TOKEN, Decimal("1.5"), 1.5) == []
    assert book.concerned(OTHER_TOKEN, Decimal(1), 1.0) == []


def test_one_price_moves_positions_together() -> None:
    book = PositionBook()
    one, two = _put(book), _put(book)
    moved = a_trail(one.position.id, peak_price_sol=Decimal(5))

    book.move(TOKEN, [(one, moved, TriggerPrices(upper=Decimal(5)))])

    assert one.trail is moved
    assert two.trail is two.position.base_trail
    assert book.concerned(TOKEN, Decimal(6), 6.0) == [one]


def test_a_window_has_not_begun_for_who_does_not_say_what_time_it_is() -> None:
    book = PositionBook()
    held = _put(book, TriggerPrices(window=Look(Decimal(1), Decimal(2), 5.0)))

    assert book.concerned(TOKEN, Decimal(1), 1.0) == []
    assert book.concerned(TOKEN, Decimal(1), 1.0, 5.0) == [held]


def test_the_lowest_price_counts_from_the_moment_a_position_is_there() -> None:
    book = PositionBook()
    first = _put(book)
    book.concerned(TOKEN, Decimal("0.0001"), 0.0001)
    later = _put(book)
    book.concerned(TOKEN, Decimal("0.0002"), 0.0002)

    assert book.current_trail(first) == replace(first.trail, lowest_price_sol=Decimal("0.0001"))
    assert book.current_trail(later) == replace(later.trail, lowest_price_sol=Decimal("0.0002"))
    book.concerned(TOKEN, Decimal("0.0005"), 0.0005)
    known = replace(later.trail, lowest_price_sol=Decimal("0.0002"))
    assert book.with_lowest(later, known) is known
    book.remove(first.position.id)
    book.remove(later.position.id)
    assert book.current_trail(first) is first.trail


def test_the_trail_of_a_position_is_the_newer_one() -> None:
    book = PositionBook()
    held = _put(book)
    moved = a_trail(held.position.id, peak_price_sol=Decimal(5))
    book.move(TOKEN, [(held, moved, NEVER)])

    assert book.trail_of(held.position) is moved
    rebased = replace(held.position, base_trail=a_trail(held.position.id, position_version=2))
    assert book.trail_of(rebased) is rebased.base_trail
    stranger = a_position()
    assert book.trail_of(stranger) is stranger.base_trail


def test_the_age_of_a_price_is_never_negative() -> None:
    assert age_ms(T0, T0 - timedelta(seconds=1.5)) == 1_500
    assert age_ms(T0, T0 + timedelta(seconds=1)) == 0
