"""All metrics of a process, in a registry of its own. Times are seconds; labels have few values, never an agent or a token."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_FAST = (0.001, 0.005, 0.01, 0.05, 0.1)
_REQUEST = (0.01, 0.05, 0.1, 0.5, 1, 2, 5)
_TRADE = (0.1, 0.5, 1, 2, 5, 10, 30)
_OWN_TIME = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5)


class Durations(Histogram):
    """A histogram that takes equal values together: all trades of a burst take as long as the burst."""

    def observe_several(self, amount: float, count: int) -> None:
        """Observe an amount so many times."""
        self.observe(amount)
        if count > 1:
            self._sum.inc(amount * (count - 1))
            self._buckets[bisect_left(self._upper_bounds, amount)].inc(count - 1)


class Metrics:
    """Counters, gauges and histograms by attribute. Names and buckets are the contract's where it names them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        # Memory, processor time and open files, by the names they have everywhere; Linux only.
        ProcessCollector(registry=self.registry)
        self._before: list[Callable[[], None]] = []
        self._requests: dict[tuple[str, str, int], Counter] = {}
        self._request_seconds: dict[tuple[str, str], Histogram] = {}
        self._engine()
        self._infrastructure()
        self._api()

    def _engine(self) -> None:
        self.signal_processing_seconds = self._histogram(
            "signal_processing_latency_seconds",
            "From a signal to the last decision on it",
            ["status"],
            _REQUEST,
        )
        self.signal_processing_total = self._counter("signal_processing", "Signals processed", ["status"])
        self.trade_execution_seconds = self._histogram(
            "trade_execution_latency_seconds",
            "From a decision to the booked trade",
            ["type", "status"],
            _TRADE,
        )
        self.trade_execution_total = self._counter("trade_execution", "Trades tried", ["type", "status"])
        self.swaps_not_signed = self._counter(
            "swap_not_signed", "Orders whose transaction was not the swap that was ordered", ["code"]
        )
        self.trade_own_seconds = self._histogram(
            "trade_own_time_seconds", "Time of a trade without waiting for the market", ["type"], _OWN_TIME
        )
        self.stop_loss_evaluation_seconds = self._histogram(
            "stop_loss_evaluation_latency_seconds", "Time to decide the positions of one tick", [], _FAST
        )
        self.stop_loss_triggers = self._counter("stop_loss_trigger", "Stop losses triggered", [])
        self.stale_trade_triggers = self._counter("stale_trade_trigger", "Stale positions left", [])
        self.take_profit_triggers = self._counter("take_profit_trigger", "Take-profit levels reached", [])
        self.dca_triggers = self._counter("dca_trigger", "Positions averaged down", [])
        self.dca_execution_seconds = self._histogram(
            "dca_execution_latency_seconds", "From a drop to the booked purchase", [], _TRADE
        )
        self.engine_lease_held = self._gauge(
            "engine_lease_held",
            "1 while this process trades: it holds the lease of the engine, and in time",
            [],
        )
        self.engine_lease_epoch = self._gauge(
            "engine_lease_epoch", "Epoch of the engine's lease as this process knows it", []
        )
        self.engine_lease_age_seconds = self._gauge(
            "engine_lease_age_seconds", "Time since the engine's lease was last renewed", []
        )
        self.engine_shards = self._gauge(
            "engine_shards", "Of 64 shards of the agents, those that this process acts for", []
        )
        self.agents_followed = self._gauge(
            "agents_followed", "Agents of other engines that somebody looks at here", []
        )
        self.bridge_waiting = self._gauge(
            "bridge_waiting", "Events that wait to be sent to other processes", []
        )
        self.bridge_lag_seconds = self._gauge(
            "bridge_lag_seconds", "From sending an event to hearing it, the last time", []
        )
        self.signals_undecided_age_seconds = self._gauge(
            "signals_undecided_age_seconds", "Age of the oldest signal this process has found undecided", []
        )
        self.engine_shard_moves = self._counter(
            "engine_shard_moves", "Shards that this process has taken over or left", ["direction"]
        )
        self.engine_shard_takeover_seconds = self._histogram(
            "engine_shard_takeover_seconds",
            "From having shards to acting for them",
            [],
            (0.05, 0.2, 1, 5, 20),
        )
        self.commands_forwarded = self._counter(
            "commands_forwarded", "Requests that were forwarded to the engine of their agent", ["outcome"]
        )
        self.commands_served = self._counter(
            "commands_served", "Requests of other processes that this engine took", ["outcome"]
        )
        self.trades_unresolved = self._gauge(
            "trades_unresolved", "Open trades that recovery is bringing to an end", []
        )
        self.exits_pending = self._gauge("exits_pending", "Exits triggered and not yet flat", [])
        self.exit_attempts_failed = self._counter(
            "exit_attempt_failed", "Exits to be tried again", ["reason"]
        )
        self.exits_overdue = self._counter("exit_overdue", "Exits that took longer than they may", [])
        self.positions_open = self._gauge("positions_open", "Open positions", [])
        self.positions_stranded = self._gauge(
            "positions_stranded", "Open positions of live wallets whose key is not in memory", []
        )
        self.reconciliations = self._counter(
            "reconciliation", "Looks at live wallets on the chain", ["outcome"]
        )
        self.reconciliation_entries = self._counter(
            "reconciliation_entries", "Entries booked because the chain had them", []
        )
        self.reconciliation_age_seconds = self._gauge(
            "reconciliation_age_seconds", "Since when the live wallet was not compared that waits longest", []
        )
        self.reconciliation_differences = self._gauge(
            "reconciliation_differences", "Differences between ledgers and chain that are not booked", []
        )
        self.orphan_tokens = self._gauge(
            "orphan_tokens", "Tokens in live wallets that no position accounts for", []
        )
        self.price_update_seconds = self._histogram(
            "price_update_latency_seconds", "Time of one poll of a source", ["source"], (0.1, 0.5, 1, 2, 5)
        )
        self.price_updates = self._counter("price_update", "Polls of a source", ["source", "status"])
        self.price_verdicts = self._counter(
            "price_verdict", "What the price validator made of observations", ["verdict"]
        )
        self.price_age_seconds = self._gauge("price_poll_age_seconds", "Age of the last good poll", [])
        self.sol_price_age_seconds = self._gauge("sol_price_age_seconds", "Age of the SOL price", [])
        self.loop_failures = self._counter("loop_failures", "Steps of a loop that failed", ["loop"])
        self.errors = self._counter("errors", "Failures", ["type", "code"])

    def _infrastructure(self) -> None:
        self.journal_append_seconds = self._histogram(
            "journal_append_latency_seconds",
            "Time to make one group of entries durable",
            ["outcome"],
            _OWN_TIME,
        )
        self.journal_entries = self._counter("journal_entries", "Entries made durable", [])
        self.notifications_waiting = self._gauge(
            "notifications_waiting", "Deliveries of notifications that were not made yet", []
        )
        self.notifications_overdue_seconds = self._gauge(
            "notifications_overdue_seconds", "How long the oldest delivery is due that was not made", []
        )
        self.notifications_failed = self._gauge(
            "notifications_failed", "Deliveries of the last day that were given up", []
        )
        self.notification_targets_failing = self._gauge(
            "notification_targets_failing", "Targets of notifications that take nothing at present", []
        )
        self.projection_lag_entries = self._gauge(
            "projection_lag_entries", "Entries of the journal that are not in the tables yet", []
        )
        self.projection_lag_seconds = self._gauge(
            "projection_lag_seconds", "Age of the oldest entry that is not in the tables yet", []
        )
        self.redis_operation_seconds = self._histogram(
            "redis_operation_latency_seconds", "Time of a Redis operation", ["operation"], _FAST
        )
        self.redis_operations = self._counter("redis_operation", "Redis operations", ["operation", "status"])
        self.queue_depth = self._gauge("queue_depth", "Jobs that wait", ["queue_name"])
        self.queue_job_seconds = self._histogram(
            "queue_job_latency_seconds",
            "Time of a job",
            ["queue_name", "job_type", "status"],
            (0.1, 0.5, 1, 2, 5, 10),
        )
        self.queue_jobs = self._counter("queue_job", "Jobs done", ["queue_name", "job_type", "status"])
        self.upstream_seconds = self._histogram(
            "upstream_request_latency_seconds",
            "Time of a call to an upstream service",
            ["service", "outcome"],
            _REQUEST,
        )
        self.event_loop_lag_seconds = self._histogram(
            "event_loop_lag_seconds", "By how much a pause of the event loop was too long", [], _OWN_TIME
        )
        self.event_loop_tasks = self._gauge("event_loop_tasks", "Tasks of the event loop", [])
        self.price_tick_gap_seconds = self._histogram(
            "price_tick_gap_seconds",
            "From the beginning of one look at prices to the next",
            [],
            (0.1, 0.25, 0.5, 1, 1.1, 1.25, 1.5, 2, 3, 5, 10, 30),
        )
        self.late = self._counter("late", "Alarms about the event loop and the price loop", ["what"])
        self.connections_open = self._gauge("connections_open", "Open connections of the API", [])
        self.connections_refused = self._counter(
            "connections_refused", "Connections and requests refused for a limit of the server", ["reason"]
        )
        self.trace_spans = self._counter(
            "trace_spans",
            "Spans of traces: sent, refused by the collector, dropped for want of room",
            ["fate"],
        )
        self.websocket_clients = self._gauge("websocket_clients", "Connected WebSocket clients", [])
        self.websocket_closed = self._counter("websocket_closed", "WebSocket clients gone", ["reason"])

    def _api(self) -> None:
        self.api_requests = self._counter("api_requests", "Requests answered", ["method", "path", "status"])
        self.api_request_seconds = self._histogram(
            "api_request_latency_seconds", "Time of a request", ["method", "path"], _REQUEST
        )
        self.api_in_flight = self._gauge("api_requests_in_flight", "Requests being answered", [])

    def before_exposition(self, refresh: Callable[[], None]) -> None:
        """Have a function set its gauges whenever metrics are read."""
        self._before.append(refresh)

    def exposition(self) -> bytes:
        """Return everything in Prometheus' text format 0.0.4."""
        for refresh in self._before:
            refresh()
        return generate_latest(self.registry)

    def request_started(self) -> None:
        """Note a request being answered."""
        self.api_in_flight.inc()

    def request_finished(self, method: str, path: str, status: int, seconds: float) -> None:
        """Note an answered request. `path` is the template of its route."""
        self.api_in_flight.dec()
        counter = self._requests.get((method, path, status))
        if counter is None:
            counter = self._requests[method, path, status] = self.api_requests.labels(
                method, path, str(status)
            )
        counter.inc()
        histogram = self._request_seconds.get((method, path))
        if histogram is None:
            histogram = self._request_seconds[method, path] = self.api_request_seconds.labels(method, path)
        histogram.observe(seconds)

    def error(self, kind: str, code: str, count: int = 1) -> None:
        """Count a failure, or several alike."""
        self.errors.labels(kind, code).inc(count)

    def _histogram(self, name: str, text: str, labels: list[str], buckets: tuple[float, ...]) -> Durations:
        return Durations(name, text, labels, buckets=buckets, registry=self.registry)

    def _counter(self, name: str, text: str, labels: list[str]) -> Counter:
        return Counter(f"{name}_total", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, labels: list[str]) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)
