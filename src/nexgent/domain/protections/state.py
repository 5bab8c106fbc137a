"""What protections know, in memory: one record per wallet, the switches, and the answer to "may this be bought?".

Filled at start from one snapshot of the store and kept current by the entries of the ledger. What is at stake and what is
under way is read from the wallet's newest state, staged entries included, so two decisions of one moment see each other.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right, insort
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from nexgent.domain.agents.config_models import NO_PROTECTIONS
from nexgent.domain.agents.events import AgentDeleted, AgentSaved
from nexgent.domain.agents.models import Agent
from nexgent.domain.ledger.events import EntriesRecorded, WalletsTouched
from nexgent.domain.ledger.models import (
    ClosedTradeEdited,
    ClosedTradeRecorded,
    ClosedTradeRemoved,
    Entry,
    Imported,
    TradeExpired,
    TradeFailed,
    TradeIntended,
    TradeKind,
    TradeSettled,
    TransactionRemoved,
    WalletReset,
)
from nexgent.domain.ledger.state import WalletState
from nexgent.domain.protections.evaluate import NOT_READ, cooldown_of, evaluate_protections
from nexgent.domain.protections.events import KillSwitchChanged, ProtectionsReset
from nexgent.domain.protections.models import (
    NOTHING_IN_THE_WAY,
    KillSwitch,
    ProtectionControls,
    ProtectionFacts,
    ProtectionHistory,
    ProtectionVerdict,
    WalletRecord,
)
from nexgent.domain.transactions.models import ClosedTrade
from nexgent.shared.money import CONTEXT, SOL_MINT, sol
from nexgent.shared.types import AgentId, IntentId, TokenAddress, UserId, WalletAddress

ENTRY_KINDS = frozenset({TradeKind.PURCHASE, TradeKind.DCA_BUY})
HOUR = timedelta(hours=1)
HOUR_SECONDS = HOUR.total_seconds()
LONGEST_COOLDOWN = timedelta(days=7)
_NO_TIME = timedelta(0)
_ZERO = Decimal(0)


@dataclass(slots=True)
class _Record:
    """A `WalletRecord` that goes on."""

    agent_id: AgentId
    seq: int = 0
    cooldown: timedelta = _NO_TIME
    profit_sol: Decimal = _ZERO
    peak_profit_sol: Decimal = _ZERO
    day: date | None = None
    day_profit_sol: Decimal = _ZERO
    loss_streak: int = 0
    last_loss_at: datetime | None = None
    # Tokens that were left within the cooldown, in that order: one that is over is no longer of interest to anybody.
    closed_at: dict[TokenAddress, datetime] = field(default_factory=dict)
    # When they were made, in that order, as seconds since 1970: old ones leave at the front.
    entries: dict[IntentId, float] = field(default_factory=dict)
    # When those were made that are settled, in order: an hour of trading takes eight bytes an entry.
    settled: array[float] = field(default_factory=lambda: array("d"))
    # Whether closed trades from before the first entry that was heard of are in the sums.
    results_known: bool = True

    def close(self, trade: ClosedTrade) -> None:
        profit = trade.profit_loss_sol
        self.profit_sol = CONTEXT.add(self.profit_sol, profit)
        self.peak_profit_sol = max(self.peak_profit_sol, self.profit_sol)
        day = trade.sale_time.astimezone(UTC).date()
        if self.day is None or day > self.day:
            self.day, self.day_profit_sol = day, profit
        elif day == self.day:
            self.day_profit_sol = CONTEXT.add(self.day_profit_sol, profit)
        if profit < 0:
            self.loss_streak += 1
            self.last_loss_at = trade.sale_time
        else:
            self.loss_streak, self.last_loss_at = 0, None
        self.closed_at.pop(trade.token_address, None)
        if self.cooldown:
            self.closed_at[trade.token_address] = trade.sale_time
            self.cool_down(trade.sale_time)

    def enter(self, intent_id: IntentId, at: datetime) -> None:
        made = at.timestamp()
        # Without protections nobody ever counts them, and they would pile up.
        self.forget_before(made - HOUR_SECONDS)
        self.entries[intent_id] = made

    def settle(self, intent_id: IntentId) -> None:
        made = self.entries.pop(intent_id, None)
        if made is not None:
            insort(self.settled, made)

    def forget(self, *, entries: bool) -> None:
        self.profit_sol = self.peak_profit_sol = self.day_profit_sol = _ZERO
        self.day, self.loss_streak, self.last_loss_at = None, 0, None
        self.closed_at = {}
        if entries:
            self.entries, self.settled = {}, array("d")

    def cool_down(self, now: datetime) -> None:
        since = now - self.cooldown
        while self.closed_at:
            first = next(iter(self.closed_at))
            if self.closed_at[first] > since:
                break
            del self.closed_at[first]

    def profit_on(self, day: date) -> Decimal:
        return self.day_profit_sol if self.day == day else _ZERO

    def forget_before(self, oldest: float) -> None:
        while self.entries:
            first = next(iter(self.entries))
            if self.entries[first] > oldest:
                break
            del self.entries[first]
        if self.settled and self.settled[0] <= oldest:
            del self.settled[: bisect_right(self.settled, oldest)]


class ProtectionState:
    """Records by wallet, switches by user, resets and cooldowns by agent.

    Which tokens a wallet has left is remembered for the cooldown of its agent alone, and what its trades have brought is read for
    agents with protections: of the others a start would read all there ever were, for nobody. When a cooldown becomes longer, or
    an agent gets protections, the wallet is read again (`incomplete`). Until its results are known, it buys nothing.
    """

    def __init__(self) -> None:
        self._cooldowns: dict[AgentId, timedelta] = {}
        self._protected: set[AgentId] = set()
        self._records: dict[WalletAddress, _Record] = {}
        self._resets: dict[AgentId, datetime] = {}
        self._system: KillSwitch | None = None
        self._switches: dict[UserId, KillSwitch] = {}
        self._incomplete: set[WalletAddress] = set()

    @property
    def incomplete(self) -> frozenset[WalletAddress]:
        """Wallets of which too little is known here, as others wrote to them: their records have to be read again."""
        return frozenset(self._incomplete)

    @property
    def cooldowns(self) -> Mapping[AgentId, timedelta]:
        """For how long tokens have to be remembered, by agent; the others have no cooldown."""
        return dict(self._cooldowns)

    @property
    def protected(self) -> frozenset[AgentId]:
        """Agents with protections: what their trades have brought has to be known."""
        return frozenset(self._protected)

    def load(self, history: ProtectionHistory, now: datetime) -> None:
        """Replace everything by what the store says, but for switches that are newer than the store's."""
        self._incomplete = set()
        self._resets = dict(history.controls.resets)
        self._records = {}
        for record in history.records:
            self._take_over(record, now)
        self.take_controls(history.controls)
        self._apply(history.unprojected)

    def know(self, agents: Iterable[Agent]) -> None:
        """Take over cooldowns, and who has protections, of all agents; before `load`, which then reads no more than they need."""
        for agent in agents:
            self.on_agent_saved(AgentSaved(agent))

    def being_read(self, wallets: Iterable[WalletAddress]) -> None:
        """Note that wallets are being read: what makes one incomplete from now on makes it due once more."""
        self._incomplete.difference_update(wallets)

    def not_read(self, wallets: Iterable[WalletAddress]) -> None:
        """Note that wallets could not be read: they stay due."""
        self._incomplete.update(wallets)

    def complete(self, wallets: Collection[WalletAddress], history: ProtectionHistory, now: datetime) -> None:
        """Take over records that were read again, unless this process has recorded more meanwhile: then they stay due."""
        self.take_controls(history.controls)
        before = {
            wallet: known for wallet in wallets if (known := self._records.pop(wallet, None)) is not None
        }
        for record in history.records:
            if record.wallet_address in wallets:
                self._take_over(record, now)
        self._apply(entry for entry in history.unprojected if entry.wallet_address in wallets)
        for wallet, old in before.items():
            new = self._records.get(wallet)
            if new is not None and new.seq < old.seq:
                self._records[wallet] = old
                self._incomplete.add(wallet)

    def take_controls(self, controls: ProtectionControls) -> None:
        """Take over switches and resets as the store has them, unless this process knows newer ones."""
        for switch in controls.switches:
            self._put_switch(switch)
        for agent_id, at in controls.resets.items():
            self.on_reset(ProtectionsReset(agent_id, at))

    def on_entries(self, event: EntriesRecorded) -> None:
        """Take over what was recorded."""
        self._apply(event.entries)

    def on_touched(self, event: WalletsTouched) -> None:
        """Note that another process wrote to wallets."""
        self._incomplete.update(event.wallets)

    def on_kill_switch(self, event: KillSwitchChanged) -> None:
        """Take over a switch."""
        self._put_switch(event.switch)

    def on_reset(self, event: ProtectionsReset) -> None:
        """Start an agent's record anew."""
        known = self._resets.get(event.agent_id)
        if known is not None and known >= event.at:
            return
        self._resets[event.agent_id] = event.at
        for record in self._records.values():
            if record.agent_id == event.agent_id:
                record.forget(entries=True)

    def on_agent_saved(self, event: AgentSaved) -> None:
        """Take over an agent's cooldown, and whether it has protections."""
        agent = event.agent
        if agent.config.protections is NO_PROTECTIONS:
            self._protected.discard(agent.id)
        else:
            self._protected.add(agent.id)
        cooldown = cooldown_of(agent.config.protections) or _NO_TIME
        before = self._cooldowns.pop(agent.id, _NO_TIME)
        if cooldown:
            self._cooldowns[agent.id] = cooldown
        for wallet in agent.wallets:
            record = self._records.get(wallet.address)
            if record is None or record.agent_id != agent.id:
                continue
            record.cooldown = cooldown
            if cooldown > before or self._lacks_results(record):
                # What was left before and is over by the old cooldown is not known here any more.
                self._incomplete.add(wallet.address)

    def on_agent_deleted(self, event: AgentDeleted) -> None:
        """Forget an agent."""
        self._resets.pop(event.agent_id, None)
        self._cooldowns.pop(event.agent_id, None)
        self._protected.discard(event.agent_id)
        self._records = {
            wallet: record for wallet, record in self._records.items() if record.agent_id != event.agent_id
        }

    def switches_of(self, user_id: UserId) -> tuple[KillSwitch | None, KillSwitch | None]:
        """Return the switch of the whole system and that of a user, where they were ever used."""
        return self._system, self._switches.get(user_id)

    def flattening(self) -> tuple[bool, Sequence[UserId]]:
        """Tell whether everybody's positions are to be exited, and whose else."""
        system = self._system
        users = [user for user, switch in self._switches.items() if switch.engaged and switch.flatten]
        return system is not None and system.engaged and system.flatten, users

    def reset_at(self, agent_id: AgentId) -> datetime | None:
        """Return from when on an agent's record counts."""
        return self._resets.get(agent_id)

    def check(
        self,
        agent: Agent,
        state: WalletState,
        now: datetime,
        *,
        size_lamports: int = 0,
        new_position_in: TokenAddress | None = None,
    ) -> ProtectionVerdict:
        """Return whether an entry of a wallet may happen. `state` is its newest one, as the ledger's head has it.

        `new_position_in` is the token of a purchase; a DCA buy leaves it out, as no cooldown concerns it.
        """
        config = agent.config.protections
        user_switch = self._switches.get(agent.user_id)
        if config is NO_PROTECTIONS and self._system is None and user_switch is None:
            return NOTHING_IN_THE_WAY
        facts = self._facts(agent, state, now, size_lamports, new_position_in, user_switch)
        record = self._records.get(state.wallet_address)
        if config is not NO_PROTECTIONS and record is not None and not record.results_known:
            # Also where nobody has said that the agent has protections.
            self._protected.add(agent.id)
            self._incomplete.add(state.wallet_address)
            switches = evaluate_protections(facts, NO_PROTECTIONS, now)
            return switches if switches.blocked else NOT_READ
        return evaluate_protections(facts, config, now)

    def _facts(
        self,
        agent: Agent,
        state: WalletState,
        now: datetime,
        size_lamports: int,
        token: TokenAddress | None,
        user_switch: KillSwitch | None,
    ) -> ProtectionFacts:
        record = self._records.get(state.wallet_address)
        if record is None:
            record = _Record(agent.id)
        record.forget_before(now.timestamp() - HOUR_SECONDS)
        record.cool_down(now)
        entries, under_way = len(record.entries) + len(record.settled), 0
        for open_intent in state.intents.values():
            intent = open_intent.intent
            if intent.kind in ENTRY_KINDS:
                under_way += intent.amount_raw
                # Once it is recorded it is among the recent ones.
                entries += intent.id not in record.entries
        cost = sum(position.cost_basis_lamports for position in state.positions.values())
        return ProtectionFacts(
            system_switch=self._system,
            user_switch=user_switch,
            profit_today_sol=record.profit_on(now.astimezone(UTC).date()),
            below_peak_sol=CONTEXT.subtract(record.peak_profit_sol, record.profit_sol),
            loss_streak=record.loss_streak,
            last_loss_at=record.last_loss_at,
            token_closed_at=record.closed_at.get(token) if token is not None else None,
            entries_last_hour=entries,
            equity_sol=sol(state.balance_raw(SOL_MINT) + cost),
            exposure_sol=sol(cost + under_way + size_lamports),
        )

    def _apply(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            record = self._records.get(entry.wallet_address)
            if record is None or record.agent_id != entry.agent_id:
                seq = entry.seq - 1 if record is None else record.seq
                record = self._records[entry.wallet_address] = _Record(
                    entry.agent_id, seq, self._cooldowns.get(entry.agent_id, _NO_TIME)
                )
            if entry.seq <= record.seq:
                continue
            if entry.seq > record.seq + 1:
                # Somebody else wrote what lies between.
                self._incomplete.add(entry.wallet_address)
            record.seq = entry.seq
            body = entry.body
            reset_at = self._resets.get(entry.agent_id)
            match body:
                case TradeIntended(intent) if intent.kind in ENTRY_KINDS:
                    if reset_at is None or entry.at > reset_at:
                        record.enter(intent.id, entry.at)
                case TradeFailed() | TradeExpired():
                    record.entries.pop(body.intent_id, None)
                case TradeSettled(closed=ClosedTrade() as trade):
                    if reset_at is None or trade.sale_time > reset_at:
                        record.close(trade)
                case TradeSettled():
                    record.settle(body.intent_id)
                case WalletReset():
                    # What was bought within the hour was bought all the same.
                    record.forget(entries=False)
                case (
                    ClosedTradeRecorded()
                    | ClosedTradeEdited()
                    | ClosedTradeRemoved()
                    | TransactionRemoved()
                    | Imported()
                ):
                    # The history was edited: what it adds up to is for the store to say.
                    self._incomplete.add(entry.wallet_address)
                case _:
                    pass

    def _put_switch(self, switch: KillSwitch) -> None:
        known = self._system if switch.user_id is None else self._switches.get(switch.user_id)
        if known is not None and known.changed_at > switch.changed_at:
            return
        if switch.user_id is None:
            self._system = switch
        else:
            self._switches[switch.user_id] = switch

    def _lacks_results(self, record: _Record) -> bool:
        return not record.results_known and record.agent_id in self._protected

    def _take_over(self, record: WalletRecord, now: datetime) -> None:
        taken = self._records[record.wallet_address] = self._taken_over(record, now)
        if self._lacks_results(taken):
            # Its agent got protections while this was read.
            self._incomplete.add(record.wallet_address)

    def _taken_over(self, record: WalletRecord, now: datetime) -> _Record:
        taken = _Record(
            agent_id=record.agent_id,
            seq=record.seq,
            cooldown=self._cooldowns.get(record.agent_id, _NO_TIME),
            profit_sol=record.profit_sol,
            peak_profit_sol=record.peak_profit_sol,
            day=now.astimezone(UTC).date(),
            day_profit_sol=record.profit_today_sol,
            loss_streak=record.loss_streak,
            last_loss_at=record.last_loss_at if record.loss_streak else None,
            closed_at=dict(sorted(record.closed_at.items(), key=lambda item: item[1])),
            entries={
                one: at.timestamp() for one, at in sorted(record.entries.items(), key=lambda item: item[1])
            },
            results_known=record.results_known,
        )
        taken.cool_down(now)
        return taken
