"""What the mirror still has to write, newest value per key, and what it has to remember of what it wrote."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import compress, islice
from operator import is_not
from typing import assert_never

from nexgent.domain.agents.events import AgentDeleted, AgentSaved
from nexgent.domain.agents.models import Agent, TradingMode
from nexgent.domain.ledger.events import EntriesRecorded, WalletsRead
from nexgent.domain.ledger.share import LEADING
from nexgent.domain.ledger.state import Balance, WalletState
from nexgent.domain.positions.events import PositionClosed, PositionOpened, PositionUpdated
from nexgent.domain.positions.models import Position
from nexgent.domain.prices.events import PricesChanged
from nexgent.domain.prices.models import TokenPrice
from nexgent.infrastructure.cache.codecs import encode_balance, encode_config, encode_position, encode_price
from nexgent.infrastructure.cache.keys import CacheKeys
from nexgent.infrastructure.cache.mirror_content import MirrorContent, MirroredEvent
from nexgent.infrastructure.cache.writes import WriteBatch
from nexgent.shared.shards import ALL_SHARDS, is_in
from nexgent.shared.types import AgentId, PositionId, TokenAddress, WalletAddress

# A price that has not changed is written again after this time, so that readers can tell it is alive.
CONFIRM_AFTER = timedelta(seconds=5)
_REMEMBERED_CLOSED = 10_000
_SPARE_PRICES = 100
"""So many more prices than there were are gone through for those that nobody tells any more, not after every sale."""
_TOLD_WITHIN = 4 * CONFIRM_AFTER
"""A token that nobody holds keeps its copy while somebody tells its price: dropped, it would be back with the next poll."""


@dataclass(frozen=True, slots=True)
class _Closed:
    position_id: PositionId
    agent_id: AgentId
    token_address: TokenAddress


@dataclass(frozen=True, slots=True)
class _WalletGone:
    wallet_address: WalletAddress
    agent_id: AgentId
    mints: frozenset[TokenAddress]


@dataclass(frozen=True, slots=True)
class _AgentGone:
    agent_id: AgentId


@dataclass(frozen=True, slots=True)
class _PriceGone:
    token_address: TokenAddress


_Value = (
    PositionOpened
    | PositionUpdated
    | _Closed
    | WalletState
    | _WalletGone
    | Agent
    | _AgentGone
    | TokenPrice
    | _PriceGone
)
_Slot = tuple[str, object]
Taken = dict[_Slot, _Value]


class MirrorState:
    """Pending values. `absorb` events, `take` a batch, `put_back` what could not be written.

    What is of agents of other shards than its own is somebody else's to write, and is not absorbed.
    """

    def __init__(self, keys: CacheKeys, shards: int = ALL_SHARDS) -> None:
        self._shards = shards
        self._keys = keys
        self._pending: dict[_Slot, _Value] = {}
        # The newest there is of each position and wallet, and of each wallet the balances that were written.
        self._positions: dict[PositionId, Position] = {}
        self._closed: dict[PositionId, None] = {}
        self._wallets: dict[WalletAddress, WalletState] = {}
        self._balances: dict[WalletAddress, Mapping[TokenAddress, Balance]] = {}
        self._prices: dict[TokenAddress, TokenPrice] = {}
        self._held: Counter[TokenAddress] = Counter()
        self._tidy_above = _SPARE_PRICES

    def __len__(self) -> int:
        return len(self._pending)

    def take_over(self, shards: int) -> None:
        """Absorb from now on what is of these shards as well."""
        self._shards |= shards

    def leave(self, shards: int) -> None:
        """Forget everything of these shards: what is not written yet, and what was."""
        self._shards &= ~shards
        self._pending = {slot: value for slot, value in self._pending.items() if not _is_of(shards, value)}
        for position_id in [i for i, known in self._positions.items() if is_in(shards, known.agent_id)]:
            self._forget_position(position_id)
        for wallet in [one for one, known in self._wallets.items() if is_in(shards, known.agent_id)]:
            del self._wallets[wallet]
            self._balances.pop(wallet, None)
        if shards & LEADING:
            self._prices.clear()

    def knows(self, content: MirrorContent) -> None:
        """Take note of what was just written."""
        for position, _ in content.positions:
            self._know(position)
        for state in content.states:
            self._wallets[state.wallet_address] = state
            self._balances[state.wallet_address] = state.balances
        for price in content.prices:
            self._prices[price.token_address] = price
        self._tidy_above = len(self._prices) + _SPARE_PRICES

    def absorb(self, event: MirroredEvent) -> None:
        """Replace older pending values by those of the event."""
        match event:
            case PositionOpened() | PositionUpdated():
                position = event.position
                if not is_in(self._shards, position.agent_id):
                    return
                known = self._positions.get(position.id)
                if position.id in self._closed or (known is not None and position.version < known.version):
                    return
                self._know(position)
                self._pending["position", position.id] = event
            case PositionClosed(position_id, agent_id, _, token):
                if is_in(self._shards, agent_id):
                    self._close(position_id, agent_id, token)
            case EntriesRecorded() | WalletsRead():
                for state in event.states:
                    if is_in(self._shards, state.agent_id):
                        self._absorb_wallet(state)
            case PricesChanged():
                self.absorb_prices(event.prices)
            case AgentSaved(agent):
                if is_in(self._shards, agent.id):
                    self._pending["agent", agent.id] = agent
                    self._forget_wallets(agent.id, {wallet.address for wallet in agent.wallets})
            case AgentDeleted(agent_id):
                if is_in(self._shards, agent_id):
                    self._forget_agent(agent_id)
            case _:
                assert_never(event)

    def absorb_prices(self, prices: Iterable[TokenPrice]) -> None:
        """Replace older pending prices, where they are its own to write."""
        if not self._shards & LEADING:
            return
        newest: datetime | None = None
        for price in prices:
            self._absorb_price(price)
            if newest is None or price.observed_at > newest:
                newest = price.observed_at
        if newest is not None and len(self._prices) > self._tidy_above:
            self._drop_untold(newest - _TOLD_WITHIN)

    def _drop_untold(self, since: datetime) -> None:
        for token, price in list(self._prices.items()):
            if token not in self._held and price.observed_at < since:
                del self._prices[token]
                self._pending["price", token] = _PriceGone(token)
        self._tidy_above = len(self._prices) + _SPARE_PRICES

    def take(self, count: int, batch: WriteBatch) -> Taken:
        """Move the oldest pending values into a batch; return them for `put_back`."""
        taken: Taken = {}
        for slot in list(islice(self._pending, count)):
            value = self._pending.pop(slot)
            taken[slot] = value
            self._write(value, batch)
        return taken

    def put_back(self, taken: Taken) -> None:
        """Make values pending again, unless newer ones came in meanwhile."""
        for slot, value in taken.items():
            if isinstance(value, WalletState):
                # What is in Redis is unknown now: all balances are written again.
                self._balances[value.wallet_address] = _all_unknown(
                    self._balances.get(value.wallet_address, {}), value.balances
                )
            self._pending.setdefault(slot, value)

    def _know(self, position: Position) -> None:
        if position.id not in self._positions:
            self._held[position.token_address] += 1
        self._positions[position.id] = position

    def _close(self, position_id: PositionId, agent_id: AgentId, token: TokenAddress) -> None:
        self._forget_position(position_id)
        self._closed[position_id] = None
        if len(self._closed) > _REMEMBERED_CLOSED:
            del self._closed[next(iter(self._closed))]
        self._pending["position", position_id] = _Closed(position_id, agent_id, token)

    def _forget_position(self, position_id: PositionId) -> None:
        known = self._positions.pop(position_id, None)
        if known is not None:
            self._held[known.token_address] -= 1
            if not self._held[known.token_address]:
                del self._held[known.token_address]

    def _absorb_wallet(self, state: WalletState) -> None:
        known = self._wallets.get(state.wallet_address)
        if known is not None and state.seq < known.seq:
            return
        self._wallets[state.wallet_address] = state
        self._pending["wallet", state.wallet_address] = state

    def _absorb_price(self, price: TokenPrice) -> None:
        before = self._prices.get(price.token_address)
        if before is not None and price.observed_at < before.observed_at:
            return
        if (
            before is not None
            and before.price_sol == price.price_sol
            and before.price_usd == price.price_usd
            and price.observed_at - before.observed_at < CONFIRM_AFTER
        ):
            return
        self._prices[price.token_address] = price
        self._pending["price", price.token_address] = price

    def _forget_agent(self, agent_id: AgentId) -> None:
        self._pending["agent", agent_id] = _AgentGone(agent_id)
        for position_id, known in [(i, k) for i, k in self._positions.items() if k.agent_id == agent_id]:
            self._close(position_id, agent_id, known.token_address)
        self._forget_wallets(agent_id, frozenset())

    def _forget_wallets(self, agent_id: AgentId, kept: Collection[WalletAddress]) -> None:
        mine = [address for address, known in self._wallets.items() if known.agent_id == agent_id]
        for wallet in (address for address in mine if address not in kept):
            del self._wallets[wallet]
            mints = frozenset(self._balances.pop(wallet, {}))
            self._pending["wallet", wallet] = _WalletGone(wallet, agent_id, mints)

    def _write(self, value: _Value, batch: WriteBatch) -> None:
        keys = self._keys
        match value:
            case PositionOpened() | PositionUpdated():
                position, position_id = value.position, str(value.position.id)
                batch.put(keys.position(position.id), encode_position(position, value.trail))
                batch.add(keys.agent_positions(position.agent_id), position_id)
                batch.add(keys.token_positions(position.token_address), position_id)
            case _Closed(position_id, agent_id, token):
                batch.delete(keys.position(position_id))
                batch.remove(keys.agent_positions(agent_id), str(position_id))
                batch.remove(keys.token_positions(token), str(position_id))
            case WalletState():
                self._write_balances(value, batch)
            case _WalletGone(wallet, agent_id, mints):
                for mint in mints:
                    batch.delete(keys.balance(agent_id, wallet, mint))
            case Agent():
                write_agent(value, keys, batch)
            case _AgentGone(agent_id):
                batch.remove(keys.active_agents(), str(agent_id))
                batch.delete(keys.config(agent_id))
                batch.delete(keys.trading_mode(agent_id))
                for mode in TradingMode:
                    batch.delete(keys.automated_trading(agent_id, mode))
            case _PriceGone(token):
                batch.delete(keys.price(token))
            case TokenPrice():
                batch.put(keys.price(value.token_address), encode_price(value))
            case _:
                assert_never(value)

    def _write_balances(self, state: WalletState, batch: WriteBatch) -> None:
        wallet, agent_id = state.wallet_address, state.agent_id
        before = self._balances.get(wallet, {})
        balances = state.balances
        # States share the balances that an entry did not touch, which are nearly all of them.
        for mint in compress(balances, map(is_not, map(before.get, balances), balances.values())):
            balance = balances[mint]
            key = self._keys.balance(agent_id, wallet, mint)
            if balance.amount_raw:
                batch.put(key, encode_balance(agent_id, wallet, balance))
            else:
                batch.delete(key)
        # Most that has left the state was empty before and has no copy any more; what was removed by hand or reset has.
        if not before.keys() <= balances.keys():
            for mint in before.keys() - balances.keys():
                batch.delete(self._keys.balance(agent_id, wallet, mint))
        self._balances[wallet] = balances


def write_agent(agent: Agent, keys: CacheKeys, batch: WriteBatch) -> None:
    """Put an agent's configuration, mode and toggles into a batch."""
    batch.put(keys.config(agent.id), encode_config(agent.config))
    batch.put(keys.trading_mode(agent.id), agent.trading_mode.encode())
    for mode, is_on in (
        (TradingMode.SIMULATION, agent.automated_trading_simulation),
        (TradingMode.LIVE, agent.automated_trading_live),
    ):
        batch.put(keys.automated_trading(agent.id, mode), b"1" if is_on else b"0")
    batch.add(keys.active_agents(), str(agent.id))


def _is_of(shards: int, value: _Value) -> bool:
    match value:
        case PositionOpened(position) | PositionUpdated(position):
            return is_in(shards, position.agent_id)
        case Agent():
            return is_in(shards, value.id)
        case TokenPrice() | _PriceGone():
            return bool(shards & LEADING)
        case _:
            return is_in(shards, value.agent_id)


def _all_unknown(
    before: Mapping[TokenAddress, Balance], now: Mapping[TokenAddress, Balance]
) -> dict[TokenAddress, Balance]:
    """Return balances of the same mints that are identical to none, so that each is written or deleted."""
    return {
        mint: Balance(mint, balance.symbol, balance.decimals, balance.amount_raw, balance.updated_at)
        for mint, balance in {**before, **now}.items()
    }
