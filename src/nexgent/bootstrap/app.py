"""`nexgent serve`: from the first check to the last connection closed."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack, nullcontext
from dataclasses import dataclass, field
from typing import Any

import structlog
import uvicorn
from pydantic import SecretStr

from nexgent.api.deps import ApiServices
from nexgent.bootstrap.api_services import api_ports, api_values, build_api_services
from nexgent.bootstrap.asgi import SocketReception, build_application
from nexgent.bootstrap.child import ChildProcess
from nexgent.bootstrap.garbage_collection import tune_garbage_collection
from nexgent.bootstrap.limits import server_limits
from nexgent.bootstrap.listening_socket import listen
from nexgent.bootstrap.notifications import SEALED_FOR, build_senders
from nexgent.bootstrap.observers import refresh_gauges
from nexgent.bootstrap.preflight import require_usable
from nexgent.bootstrap.service import Service
from nexgent.bootstrap.storage import Storage, open_storage
from nexgent.bootstrap.whereabouts import recorded
from nexgent.config.notifications import SECRET_VARIABLE
from nexgent.config.settings import Settings
from nexgent.infrastructure.cache.admin import RedisCopies
from nexgent.infrastructure.database.driver_arrays import install_array_types
from nexgent.infrastructure.database.ids import install_driver_ids
from nexgent.infrastructure.database.pool import REQUESTS, opened_pool
from nexgent.infrastructure.database.schema.migration import migrate
from nexgent.infrastructure.logging.recent import recent_warnings
from nexgent.infrastructure.security.sealing import Sealer
from nexgent.infrastructure.server.config import ServerConfig
from nexgent.infrastructure.server.connections import Connections
from nexgent.infrastructure.websocket.conversation import Conversations
from nexgent.infrastructure.websocket.endpoint import WebSocketEndpoint
from nexgent.infrastructure.websocket.places import SocketPlaces
from nexgent.middleware.client_address import ClientAddresses
from nexgent.shared.addresses import EVERYWHERE
from nexgent.shared.money import install_decimal_context

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ServiceInfo:
    """What a person wants to know about a service that is ready."""

    url: str
    port: int
    engine: bool
    machine_key: str = field(default="", repr=False)


async def run_service(
    settings: Settings, *, announce: Callable[[ServiceInfo], None] | None = None, demo: bool = False
) -> None:
    """Run until SIGINT or SIGTERM. Raises `NexgentError` or `SettingsError` with a message for people when it cannot start.

    One-time links of a `demo`, whose money is pretended, open from other machines as well.
    """
    install_decimal_context()
    install_driver_ids()
    install_array_types()
    require_usable(settings)
    listener = listen(settings.server.host, settings.server.port)
    port = listener.getsockname()[1]
    async with AsyncExitStack() as stack:
        stack.callback(listener.close)
        stop = _stop_on_signals()
        storage = await stack.enter_async_context(open_storage(settings.storage))
        await migrate(storage.database_url)
        pool = await stack.enter_async_context(opened_pool(storage.database_url, REQUESTS))
        service = Service(settings, storage, pool)
        worker = _embedded_worker(settings, storage, service.notification_secret)
        try:
            await service.users.seed_admin(settings.auth, service.audit_trail)
            service.start(worker)
            await _first(service.role.settled.wait(), stop.wait())
            tune_garbage_collection()
            await _serve(service, listener, port, stop, announce, demo)
        finally:
            log.info("service.stopping")
            await service.stop(settings.server.shutdown_seconds)
    log.info("service.stopped")


async def _serve(
    service: Service,
    listener: socket.socket,
    port: int,
    stop: asyncio.Event,
    announce: Callable[[ServiceInfo], None] | None,
    demo: bool,
) -> None:
    if stop.is_set():
        return
    settings = service.settings
    machine_key = secrets.token_urlsafe(32)
    address_of = ClientAddresses(settings.server.trusted_proxies, settings.server.proxies, machine_key)
    connections = Connections(
        server_limits(settings), on_refused=lambda why: service.metrics.connections_refused.labels(why).inc()
    )
    refresh_gauges(
        service.metrics,
        connections_open=lambda: len(connections),
        event_loop_tasks=lambda: len(asyncio.all_tasks()),
    )
    reception = SocketReception(service.users.authenticator, service.users.socket_tickets)
    directory = service.engine.directory
    websocket = WebSocketEndpoint(
        conversations=Conversations(
            hub=service.hub, directory=directory, reception=reception, clock=service.clock
        ),
        directory=directory,
        reception=reception,
        stopping=lambda: service.stopping,
        places=SocketPlaces(
            per_user=settings.connections.sockets_per_user,
            per_address=settings.connections.sockets_per_address,
        ),
        address_of=address_of,
        have=lambda agent_id: service.kept.have([agent_id]),
    )
    app = build_application(_api_services(service, demo), settings, service.metrics, websocket, address_of)
    service.commands.intake.carry_out_with(app.forwarded.carry_out)
    server = _Server(ServerConfig(app, connections))
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="http")
    while not server.started and not serving.done():
        await asyncio.sleep(0.005)
    host = settings.server.host
    url = f"http://{'localhost' if host in EVERYWHERE else f'[{host}]' if ':' in host else host}:{port}"
    log.info("service.ready", url=url, engine=service.role.active, positions=len(service.engine.book))
    with recorded(service.settings.storage.data_dir, url, machine_key):
        if announce is not None:
            announce(ServiceInfo(url, port, service.role.active, machine_key))
        await _first(stop.wait(), serving)
    service.stopping = True
    await service.hub.close_all()
    server.should_exit = True
    await serving


def _api_services(service: Service, demo: bool) -> ApiServices:
    settings = service.settings
    ports = api_ports(
        service.pool,
        service.market,
        agents=service.agents,
        projections=service.caught_up,
        webhook_sealer=Sealer(service.jwt_secret, "signal-webhook"),
        target_sealer=Sealer(service.notification_secret, SEALED_FOR),
        senders=build_senders(settings.notifications, service.clock),
        answers=service.answers,
        audit_log=service.audit_log,
        cache_copies=RedisCopies(service.request_redis, service.keys, service.clock),
        clock=service.clock,
        publish=service.bus.publish,
    )
    services = build_api_services(
        ports,
        engine=service.engine,
        by_hand=service.by_hand,
        users=service.users,
        wallets=service.wallets,
        encrypted_wallets=service.encrypted_wallets,
        protections=service.protections,
        reconciliation=service.reconciliation,
        audit_trail=service.audit_trail,
        rate_limits=service.rate_limits,
        metrics=service.metrics.exposition,
        upstream_budgets=lambda: [budget.state() for budget in service.market.budgets],
        recent_warnings=recent_warnings,
        log_levels=service.log_levels,
        servers=service.servers,
        health=service.health,
        values=api_values(settings),
        max_price_age_seconds=settings.prices.max_age_seconds,
        forward_command=service.commands.forward,
        require_engine=service.require_engine,
        trades_for=service.trades_for,
        links_from_anywhere=demo,
        outbox=lambda: service.outbox.state,
        kept=service.kept,
    )
    service.watch(services.list_notices)
    return services


class _Server(uvicorn.Server):
    """uvicorn without signal handlers of its own: the service decides the order of stopping."""

    def capture_signals(self) -> Any:
        """Capture nothing."""
        return nullcontext()


def _embedded_worker(settings: Settings, storage: Storage, notifying: SecretStr) -> ChildProcess | None:
    if not settings.server.worker_embedded:
        return None
    return ChildProcess(
        "worker",
        "worker",
        settings={
            "DATABASE_URL": storage.database_url,
            "REDIS_URL": storage.redis_url,
            SECRET_VARIABLE: notifying.get_secret_value(),
        },
    )


def _stop_on_signals() -> asyncio.Event:
    """Return an event that SIGINT or SIGTERM sets; a second signal ends the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def asked(number: signal.Signals) -> None:
        if stop.is_set():
            log.error("service.forced_stop")
            os._exit(130)
        log.info("service.stop_asked", signal=number.name)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked, number)
    return stop


async def _first(*waiting: Any) -> None:
    tasks = [asyncio.ensure_future(one) for one in waiting]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task, given in zip(tasks, waiting, strict=True):
            if task is not given and not task.done():
                task.cancel()
