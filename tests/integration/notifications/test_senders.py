"""Messages over the wire: signed webhooks, and addresses of apprise, against servers that are there, slow, dead or elsewhere."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import socket
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from nexgent.domain.notifications.errors import InvalidAddressError
from nexgent.domain.notifications.models import Address, Level, Message, Outcome
from nexgent.domain.notifications.ports import Sender
from nexgent.infrastructure.notifications.apprise import AppriseSender
from nexgent.infrastructure.notifications.webhook import WebhookSender
from nexgent.shared.ids import new_id
from nexgent.shared.types import UserId
from tests.builders import a_notification
from tests.fakes.clock import FakeClock
from tests.integration.external.servers import serve

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
USER = UserId(new_id())
CLOCK = FakeClock()


@dataclass
class Receiver:
    """A program that takes webhooks, or not."""

    answers: list[web.Response] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.got.append(
            ({name.lower(): value for name, value in request.headers.items()}, await request.read())
        )
        return self.answers.pop(0) if self.answers else web.Response(status=204)


def message(**changes: Any) -> Message:
    told = a_notification(USER, **changes)
    return Message(deliveries=(1,), level=told.level, title=told.title, text=told.text, notification=told)


async def sent(sender: Sender, url: str, *messages: Message) -> list[Outcome]:
    async with aclosing(sender.send(Address(url=url, secret=SECRET), messages or [message()])) as outcomes:
        return [outcome async for outcome in outcomes]


def genuine(headers: dict[str, str], body: bytes) -> bool:
    """What a receiver does to know who sent it (standardwebhooks.com)."""
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, content, "sha256").digest()).decode()
    return hmac.compare_digest(headers["webhook-signature"], f"v1,{expected}")


async def test_a_webhook_is_signed_over_id_time_and_body() -> None:
    receiver = Receiver()
    first, second = message(facts={"profitLossSol": "-0.25"}, level=Level.DANGER), message()
    async with serve(receiver.handle) as url:
        outcomes = await sent(WebhookSender(clock=CLOCK, private=True), f"{url}/in?room=1", first, second)

    assert outcomes == [Outcome(True), Outcome(True)]
    (headers, body), (other, _) = receiver.got
    assert genuine(headers, body)
    assert not genuine(headers, body.replace(b"-0.25", b"9.25"))
    assert not genuine({**headers, "webhook-timestamp": "1"}, body)
    assert not genuine({**headers, "webhook-id": other["webhook-id"]}, body)
    assert first.notification is not None
    assert headers["webhook-id"] == str(first.notification.id)
    assert headers["webhook-timestamp"] == str(int(CLOCK.now().timestamp()))
    document = json.loads(body)
    assert document["type"] == "position_opened"
    assert document["data"]["profitLossSol"] == "-0.25"
    assert document["data"]["level"] == "danger"


async def test_an_attempt_that_comes_again_has_the_same_id_and_the_time_of_its_own() -> None:
    receiver = Receiver(answers=[web.Response(status=503, headers={"Retry-After": "17"})])
    told, clock = message(), FakeClock()
    sender = WebhookSender(clock=clock, private=True)
    async with serve(receiver.handle) as url:
        (failed,) = await sent(sender, url, told, message())
        clock.advance(30)
        (done,) = await sent(sender, url, told)

    assert (failed.sent, failed.refused, failed.retry_after_seconds) == (False, False, 17)
    assert failed.error == "it answered 503"
    assert done.sent
    assert len(receiver.got) == 2, "nothing is sent after what was not taken"
    (first, _), (second, _) = receiver.got
    assert first["webhook-id"] == second["webhook-id"]
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 30


@pytest.mark.parametrize(
    ("status", "refused"), [(400, True), (410, True), (429, False), (408, False), (500, False)]
)
async def test_what_is_refused_and_what_may_work_later(status: int, refused: bool) -> None:
    receiver = Receiver(answers=[web.Response(status=status)])
    async with serve(receiver.handle) as url:
        (outcome,) = await sent(WebhookSender(clock=CLOCK, private=True), url)
    assert (outcome.sent, outcome.refused) == (False, refused)


async def test_a_redirect_is_not_followed() -> None:
    other = Receiver()
    async with serve(other.handle) as elsewhere:
        receiver = Receiver(answers=[web.Response(status=307, headers={"Location": elsewhere})])
        async with serve(receiver.handle) as url:
            (outcome,) = await sent(WebhookSender(clock=CLOCK, private=True), url)
    assert "redirects are not followed" in (outcome.error or "")
    assert other.got == []


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "127.1",
        "2130706433",
        "[::ffff:127.0.0.1]",
        # Digits that are none in ASCII, and become some in a URL.
        "１２７.0.0.1",
        "①②⑦.0.0.1",
        "127。0。0。1",
    ],
)
async def test_no_webhook_goes_to_this_machine_however_it_is_written(host: str) -> None:
    receiver = Receiver()
    async with serve(receiver.handle) as url:
        port = url.rpartition(":")[2]
        (outcome,) = await sent(WebhookSender(clock=CLOCK), f"http://{host}:{port}/")
    assert not outcome.sent
    assert receiver.got == []


async def test_a_name_one_of_whose_addresses_is_private_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    receiver = Receiver()
    loop = asyncio.get_running_loop()
    asked: list[str] = []

    async def rebinding(host: str, port: int, **options: Any) -> list[Any]:
        asked.append(host)
        kind = socket.AF_INET, socket.SOCK_STREAM, 6, ""
        return [(*kind, ("93.184.216.34", port)), (*kind, ("127.0.0.1", port))]

    async with serve(receiver.handle) as url:
        monkeypatch.setattr(loop, "getaddrinfo", rebinding, raising=False)
        (outcome,) = await sent(WebhookSender(clock=CLOCK), f"http://hooks.example:{url.rpartition(':')[2]}/")
    assert asked == ["hooks.example"]
    assert "not one of the internet" in (outcome.error or "")
    assert receiver.got == []


async def test_a_webhook_nobody_hears_or_answers_is_an_outcome() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        (slow,) = await sent(
            WebhookSender(clock=CLOCK, private=True, seconds=0.2), f"http://127.0.0.1:{port}/secret"
        )
    (dead,) = await sent(WebhookSender(clock=CLOCK, private=True), f"http://127.0.0.1:{port}/secret")
    (nobody,) = await sent(WebhookSender(clock=CLOCK, private=True), "http://nobody.invalid/secret")
    for outcome in (slow, dead, nobody):
        assert not outcome.sent
        assert not outcome.refused
        assert "secret" not in (outcome.error or "")
    assert slow.error == "no answer within 0.2 seconds"
    assert dead.error == "no connection: Connection refused"
    assert nobody.error == "no connection: its host's name cannot be resolved"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example",
        "https://",
        "https://me:pass@a.example/x",
        "https://a.example:0/",
        "https://a.example:x/",
    ],
)
async def test_addresses_no_webhook_can_have(url: str) -> None:
    with pytest.raises(InvalidAddressError) as caught:
        await WebhookSender(clock=CLOCK).check(url)
    assert "pass" not in caught.value.message


async def test_of_a_webhooks_address_scheme_and_host_are_shown() -> None:
    sender = WebhookSender(clock=CLOCK)
    assert await sender.check("https://a.example/hooks/s3cr3t?k=1") == "https://a.example/…"
    assert await sender.check("https://a.example:8443") == "https://a.example:8443"
    with pytest.raises(InvalidAddressError):
        await sender.check("http://169.254.169.254/latest/meta-data")
    assert await WebhookSender(clock=CLOCK, private=True).check("http://10.0.0.1/x") == "http://10.0.0.1/…"


async def test_apprise_brings_a_message_to_a_server() -> None:
    receiver = Receiver()
    digest = Message(deliveries=(1, 2), level=Level.DANGER, title="Two things", text="one\ntwo")
    async with serve(receiver.handle) as url:
        address = url.replace("http://", "json://") + "/s3cr3tpath"
        outcomes = await sent(AppriseSender(private=True), address, message(), digest)
    assert outcomes == [Outcome(True), Outcome(True)]
    single, both = (json.loads(body) for _, body in receiver.got)
    assert (single["title"], single["type"]) == ("Agent opened BONK", "info")
    assert (both["title"], both["message"], both["type"]) == ("Two things", "one\ntwo", "failure")


async def test_apprise_says_what_is_wrong_without_the_address() -> None:
    receiver = Receiver(answers=[web.Response(status=500)])
    async with serve(receiver.handle) as url:
        address = url.replace("http://", "json://user:passw0rd@") + "/s3cr3tpath"
        refused = await sent(AppriseSender(private=True), address, message(), message())
    dead = await sent(AppriseSender(private=True), address)
    assert len(refused) == 1, "nothing is sent after what was not taken"
    for outcome in (*refused, *dead):
        assert not outcome.sent
        assert outcome.error
        assert "s3cr3tpath" not in outcome.error
        assert "passw0rd" not in outcome.error


async def test_apprise_reaches_nothing_on_this_machine_unless_that_is_allowed() -> None:
    receiver = Receiver()
    async with serve(receiver.handle) as url:
        port = url.rpartition(":")[2]
        for host in ("127.0.0.1", "localhost"):
            (outcome,) = await sent(AppriseSender(), f"json://{host}:{port}/x")
            assert not outcome.sent
    assert receiver.got == []


async def test_apprise_writes_nothing_into_the_log_of_this_machine() -> None:
    (outcome,) = await sent(AppriseSender(), "syslog://")
    assert not outcome.sent
    assert outcome.error


async def test_apprise_is_ended_when_it_takes_too_long() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        sender = AppriseSender(private=True, seconds=0.3)
        (outcome,) = await sent(sender, f"json://127.0.0.1:{port}/?cto=60&rto=60")
    assert outcome.error == "no answer within 0.3 seconds"


async def test_addresses_of_apprise_are_tried_before_they_are_kept() -> None:
    sender = AppriseSender()
    assert await sender.check("ntfy://my-secret-topic") == "ntfy://… (ntfy)"
    shown = await sender.check("tgram://123456789:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/12315544/")
    assert shown == "tgram://… (Telegram)"
    with pytest.raises(InvalidAddressError) as caught:
        await sender.check("nothing://s3cr3t")
    assert "s3cr3t" not in caught.value.message
