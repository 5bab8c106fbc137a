"""Keys, batches and the order in which the mirror keeps values."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

import pytest

from nexgent.domain.agents.events import AgentSaved
from nexgent.domain.ledger.events import EntriesRecorded
from nexgent.domain.ledger.state import Balance, WalletState
from nexgent.domain.positions.events import PositionClosed, PositionOpened, PositionUpdated
from nexgent.domain.prices.events import PricesChanged
from nexgent.infrastructure.cache.keys import CacheKeys
from nexgent.infrastructure.cache.mirror import RedisMirror
from nexgent.infrastructure.cache.mirror_content import MirrorContent
from nexgent.infrastructure.cache.mirror_state import MirrorState
from nexgent.infrastructure.cache.writes import WriteBatch
from nexgent.shared.ids import new_id
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import AgentId, PositionId, TokenAddress, WalletAddress
from tests.builders import T0, a_position, a_price, an_agent

KEYS = CacheKeys()


class _Commands:
    """Notes the commands of a pipeline."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, Any]] = []

    def mset(self, values: dict[str, bytes]) -> None:
        self.seen.append(("mset", values))

    def eval(self, script: str, count: int, *keys_and_members: str) -> None:
        keys, members = keys_and_members[:count], keys_and_members[count:]
        command = "sadd" if "SADD" in script else "srem"
        self.seen.append((command, set(zip(keys, members, strict=True))))

    def sadd(self, key: str, *members: str) -> None:
        self.seen.append(("sadd", {(key, member) for member in members}))

    def srem(self, key: str, *members: str) -> None:
        self.seen.append(("srem", {(key, member) for member in members}))

    def unlink(self, *keys: str) -> None:
        self.seen.append(("unlink", set(keys)))


def commands_of(batch: WriteBatch) -> list[tuple[str, Any]]:
    commands = _Commands()
    batch.fill(commands)  # type: ignore[arg-type]
    return commands.seen


def test_the_last_word_about_a_key_wins() -> None:
    batch = WriteBatch()
    batch.put("a", b"1")
    batch.delete("a")
    batch.delete("b")
    batch.put("b", b"2")
    batch.add("s", "x")
    batch.remove("s", "x")
    batch.add("s", "y")

    assert commands_of(batch) == [
        ("mset", {"b": b"2"}),
        ("sadd", {("s", "y")}),
        ("srem", {("s", "x")}),
        ("unlink", {"a"}),
    ]


def test_members_of_one_set_go_out_in_one_command_and_single_members_of_many_in_another() -> None:
    batch = WriteBatch()
    for number in range(3):
        batch.add("token", f"p{number}")
        batch.add(f"agent {number}", f"p{number}")
    batch.remove("token", "p9")

    assert commands_of(batch) == [
        ("sadd", {("token", "p0"), ("token", "p1"), ("token", "p2")}),
        ("srem", {("token", "p9")}),
        ("sadd", {("agent 0", "p0"), ("agent 1", "p1"), ("agent 2", "p2")}),
    ]


def test_addresses_keep_their_case_and_patterns_name_only_copies() -> None:
    token = TokenAddress("MixedCase")

    assert KEYS.price(token) == "nexgent:price:MixedCase"
    assert KEYS.token_positions(token) == "nexgent:token:MixedCase:positions"
    patterns = KEYS.mirrored_patterns()
    for foreign in ("refresh_token:x", "blacklist:x", "lock:position:x", "idempotency:sale:x", "mirror:boot"):
        assert not any(fnmatchcase(f"nexgent:{foreign}", pattern) for pattern in patterns)
    assert CacheKeys("a*[b]:").mirrored_patterns()[0] == "a\\*\\[b\\]:position:*"


def test_an_older_version_never_replaces_a_newer_one() -> None:
    state = MirrorState(KEYS)
    position = a_position(version=5, token_symbol="NEW")
    state.absorb(PositionUpdated(position, position.base_trail))
    state.absorb(PositionUpdated(replace(position, version=4, token_symbol="OLD"), position.base_trail))

    batch = WriteBatch()
    state.take(10, batch)

    assert b'"NEW"' in batch.values[KEYS.position(position.id)]


def test_a_closed_position_does_not_come_back() -> None:
    state = MirrorState(KEYS)
    position = a_position()
    state.absorb(PositionOpened(position, position.base_trail))
    state.absorb(
        PositionClosed(position.id, position.agent_id, position.wallet_address, position.token_address, None)
    )
    state.absorb(PositionUpdated(replace(position, version=9), position.base_trail))

    batch = WriteBatch()
    state.take(10, batch)

    assert batch.values == {}
    assert ("unlink", {KEYS.position(position.id)}) in commands_of(batch)


def test_what_could_not_be_written_gives_way_to_newer_values() -> None:
    state = MirrorState(KEYS)
    position = a_position(version=1, token_symbol="OLD")
    state.absorb(PositionOpened(position, position.base_trail))
    taken = state.take(10, WriteBatch())
    state.absorb(PositionUpdated(replace(position, version=2, token_symbol="NEW"), position.base_trail))
    state.put_back(taken)

    batch = WriteBatch()
    state.take(10, batch)

    assert b'"NEW"' in batch.values[KEYS.position(position.id)]
    assert len(state) == 0


def test_only_changed_balances_are_written_and_vanished_ones_deleted() -> None:
    state = MirrorState(KEYS)
    agent_id, wallet = AgentId(new_id()), WalletAddress("sim_W")
    token = TokenAddress("Mint")
    sol, tokens = Balance(SOL_MINT, "SOL", 9, 1_500_000_000, T0), Balance(token, "TKN", 6, 7, T0)
    before = WalletState(wallet, agent_id, 1, {SOL_MINT: sol, token: tokens})
    after = WalletState(wallet, agent_id, 2, {SOL_MINT: replace(sol, amount_raw=2_500_000_000)})

    first, second, third = WriteBatch(), WriteBatch(), WriteBatch()
    state.absorb(EntriesRecorded((), (before,), 1))
    state.take(10, first)
    state.absorb(EntriesRecorded((), (after,), 2))
    taken = state.take(10, second)
    state.put_back(taken)
    state.take(10, third)

    sol_key, token_key = (KEYS.balance(agent_id, wallet, mint) for mint in (SOL_MINT, token))
    assert set(first.values) == {sol_key, token_key}
    assert set(second.values) == {sol_key}
    assert b'"balance":"2.5"' in second.values[sol_key]
    assert ("unlink", {token_key}) in commands_of(second)
    # A failed batch is written again in full: nobody knows how much of it arrived.
    assert set(third.values) == {sol_key}


def test_an_emptied_balance_has_no_copy() -> None:
    state = MirrorState(KEYS)
    agent_id, wallet, token = AgentId(new_id()), WalletAddress("sim_W"), TokenAddress("Mint")
    held = Balance(token, "TKN", 6, 7, T0)
    batch = WriteBatch()
    for seq, balance in enumerate((held, replace(held, amount_raw=0)), 1):
        state.absorb(EntriesRecorded((), (WalletState(wallet, agent_id, seq, {token: balance}),), seq))
        batch = WriteBatch()
        state.take(10, batch)

    assert commands_of(batch) == [("unlink", {KEYS.balance(agent_id, wallet, token)})]


def test_a_state_of_an_older_entry_is_ignored() -> None:
    state = MirrorState(KEYS)
    agent_id, wallet = AgentId(new_id()), WalletAddress("sim_W")
    newer = WalletState(wallet, agent_id, 5, {SOL_MINT: Balance(SOL_MINT, "SOL", 9, 5, T0)})
    older = WalletState(wallet, agent_id, 4, {SOL_MINT: Balance(SOL_MINT, "SOL", 9, 4, T0)})
    state.absorb(EntriesRecorded((), (newer,), 5))
    state.absorb(EntriesRecorded((), (older,), 4))

    batch = WriteBatch()
    state.take(10, batch)

    assert b'"0.000000005"' in batch.values[KEYS.balance(agent_id, wallet, SOL_MINT)]


@pytest.mark.parametrize(
    ("later_seconds", "changed", "written"), [(1, False, False), (5, False, True), (1, True, True)]
)
def test_a_confirmed_price_is_written_now_and_then(later_seconds: int, changed: bool, written: bool) -> None:
    state = MirrorState(KEYS)
    price = a_price(Decimal("1E-11"), token=TokenAddress("T"))
    state.absorb(PricesChanged((price,), T0))
    state.take(10, WriteBatch())
    later = replace(
        price,
        observed_at=T0 + timedelta(seconds=later_seconds),
        price_sol=Decimal("2E-11") if changed else price.price_sol,
    )
    state.absorb(PricesChanged((later,), T0))

    batch = WriteBatch()
    state.take(10, batch)

    assert (KEYS.price(price.token_address) in batch.values) is written


def test_prices_of_tokens_that_nobody_holds_are_dropped_and_their_copies_deleted() -> None:
    state = MirrorState(KEYS)
    held = a_position(token_address=TokenAddress("Held"))
    other = a_position(id=PositionId(new_id()), token_address=TokenAddress("Held"))
    for position in (held, other):
        state.absorb(PositionOpened(position, position.base_trail))
    state.absorb(PositionClosed(other.id, other.agent_id, other.wallet_address, other.token_address, None))
    batch = WriteBatch()
    for number in range(150):
        price = a_price(Decimal(1), token=TokenAddress(f"T{number}"))
        told = replace(price, observed_at=T0 + timedelta(seconds=number))
        state.absorb(PricesChanged((told,), told.observed_at))
    state.absorb(PricesChanged((a_price(Decimal(1), token=TokenAddress("Held")),), T0))

    state.take(1_000, batch)

    prices = {name for name in batch.values if name.startswith(KEYS.price(TokenAddress("")))}
    assert len(prices) <= 101
    assert KEYS.price(TokenAddress("Held")) in prices
    assert KEYS.price(TokenAddress("T149")) in prices
    (deleted,) = (names for command, names in commands_of(batch) if command == "unlink")
    assert {KEYS.price(TokenAddress(f"T{number}")) for number in range(80)} <= deleted


def test_prices_that_somebody_goes_on_telling_keep_their_copies_though_nobody_holds_the_tokens() -> None:
    state = MirrorState(KEYS)
    tokens = [TokenAddress(f"T{number}") for number in range(250)]
    written: list[int] = []
    for second in range(60):
        at = T0 + timedelta(seconds=second)
        told = tuple(replace(a_price(Decimal(1), token=token), observed_at=at) for token in tokens)
        # As the mirror does it: a part at a time.
        for start in range(0, len(told), 100):
            state.absorb_prices(told[start : start + 100])
        batch = WriteBatch()
        state.take(1_000, batch)
        assert not [command for command, _ in commands_of(batch) if command == "unlink"]
        written.append(len(batch.values))

    # Each is confirmed every five seconds.
    assert sum(written) == len(tokens) * 60 / 5
    # Nobody tells them any more.
    late = replace(a_price(Decimal(1), token=TokenAddress("Other")), observed_at=T0 + timedelta(hours=1))
    batch = WriteBatch()
    others = [replace(late, token_address=TokenAddress(f"O{number}")) for number in range(101)]
    state.absorb(PricesChanged(tuple(others), late.observed_at))
    state.take(1_000, batch)
    (deleted,) = (names for command, names in commands_of(batch) if command == "unlink")
    assert deleted == {KEYS.price(token) for token in tokens}


def test_a_wallet_that_an_agent_has_no_longer_leaves_no_copies() -> None:
    state = MirrorState(KEYS)
    agent, wallet, token = an_agent(), WalletAddress("sim_before"), TokenAddress("Mint")
    held = Balance(token, "TKN", 6, 7, T0)
    batch = WriteBatch()
    state.absorb(EntriesRecorded((), (WalletState(wallet, agent.id, 1, {token: held}),), 1))
    state.take(10, WriteBatch())

    state.absorb(AgentSaved(agent))
    state.take(10, batch)

    assert ("unlink", {KEYS.balance(agent.id, wallet, token)}) in commands_of(batch)


async def test_listening_costs_microseconds_and_stays_bounded() -> None:
    content = MirrorContent((), (), (), ())
    mirror = RedisMirror(redis=None, keys=KEYS, content=lambda _: content)  # type: ignore[arg-type]
    positions = [a_position(id=PositionId(new_id())) for _ in range(50)]
    events = [PositionUpdated(position, position.base_trail) for position in positions]
    # A replica's mirror does not run, and keeps nothing of what it hears.
    mirror.on_event(events[0])
    assert mirror.in_line == 0
    mirror.listen()
    for event in events:
        mirror.on_event(event)
    assert mirror.in_line == 50

    started = time.thread_time()
    for _ in range(1_000):
        for event in events:
            mirror.on_event(event)
    microseconds = (time.thread_time() - started) / 50_000 * 1e6

    print(f"{microseconds:.2f} µs per event")
    assert microseconds < 50
    assert mirror.in_line <= 2_000 + 50
