"""How commands talk to a running service: over its public API, with the credentials of this installation."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Collection
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from pydantic import SecretStr

from nexgent.cli.address import Address, find_service, service_url
from nexgent.config.settings import Settings
from nexgent.middleware.client_address import MACHINE_KEY_HEADER
from nexgent.shared.errors import InvalidInputError, NexgentError, NotFoundError, UnavailableError
from nexgent.shared.tls import verification

SESSION_FILE = "cli-session.json"
PASSWORD_FILE = "admin-password"  # noqa: S105 -- the name of a file
PATIENCE_SECONDS = 30.0
DEMO_EMAIL = "demo@nexgent.local"


class ServiceUnreachableError(UnavailableError):
    """Nobody answers, or not in time."""

    code = "SERVICE_UNREACHABLE"


class NotAServiceError(UnavailableError):
    """Somebody answers, and it is not this service."""

    code = "NOT_A_SERVICE"


class NoAnswerError(ServiceUnreachableError):
    """What was asked for may have been done: the request was sent, and no answer came."""


class RefusalError(NexgentError):
    """The service answered with a refusal: its status, and its code where it gave one (`said`)."""

    code = "REFUSED"

    def __init__(self, message: str, status: int, said: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.said = said


class LoginFailedError(NexgentError):
    """The service does not accept the credentials."""

    code = "LOGIN_FAILED"


def add_connection_options(parser: argparse.ArgumentParser) -> None:
    """Add the options every command that talks to a service has."""
    parser.add_argument(
        "--url",
        type=service_url,
        help="address of the service, such as localhost:4000 (the one that runs in NEXGENT_DATA_DIR, else PORT)",
    )
    parser.add_argument("--email", help="user (ADMIN_EMAIL, else the demo's)")
    parser.add_argument(
        "--password", help="password (ADMIN_PASSWORD, else the demo's; better not on the command line)"
    )


class Connection:
    """HTTP to one service. Who asks is a matter of those below."""

    _number: Callable[[str], object] = float
    """What a number with a point becomes."""

    def __init__(self, url: str, why: str = "", machine_key: str = "") -> None:
        self.url = url.rstrip("/")
        self._why = f" ({why})" if why else ""
        # Strangers who guess passwords from the same address are not to lock out the commands of this machine.
        headers = {MACHINE_KEY_HEADER: machine_key} if machine_key else {}
        self._http = httpx.AsyncClient(
            base_url=f"{self.url}/api/v1",
            timeout=PATIENCE_SECONDS,
            headers=headers,
            verify=verification(self.url),
        )

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def _send(
        self,
        method: str,
        path: str,
        body: object,
        headers: dict[str, str],
        timeout_seconds: float = PATIENCE_SECONDS,
    ) -> httpx.Response:
        """Send a request. Raises `ServiceUnreachableError` saying where the service was looked for, and why there."""
        try:
            return await self._http.request(method, path, json=body, headers=headers, timeout=timeout_seconds)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            raise ServiceUnreachableError(
                f"No service answers at {self.url}{self._why}. Start one with `nexgent serve` or make run, or say where it "
                "is: --url ADDRESS, or NEXGENT_DATA_DIR for its data folder."
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NoAnswerError(
                f"The service at {self.url}{self._why} does not answer as it should ({type(error).__name__}). "
                "`nexgent doctor` tells more."
            ) from None

    def _document(self, answer: httpx.Response) -> Any:  # JSON of any shape
        if not answer.content:
            return None
        try:
            return json.loads(answer.content, parse_float=self._number)
        except ValueError:
            raise self._stranger(answer) from None

    def _stranger(self, answer: httpx.Response) -> NotAServiceError:
        return NotAServiceError(
            f"What answers at {self.url}{self._why} is no nexgent service (status {answer.status_code}). Say where it is: "
            "--url ADDRESS, or NEXGENT_DATA_DIR for its data folder."
        )


class KeyClient(Connection):
    """A program with an API key, for as long as it runs."""

    _number = Decimal

    def __init__(self, address: Address, key: SecretStr) -> None:
        super().__init__(address.url, address.why)
        self._key = key

    async def __aenter__(self) -> Self:
        return self

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        timeout_seconds: float = PATIENCE_SECONDS,
        idempotency_key: str = "",
        taken: Collection[int] = (),
    ) -> Any:  # JSON of any shape
        """Return the JSON of an answer; its decimals are `Decimal`. `taken` are statuses that are answers and no refusals.

        Raises `RefusalError` with the service's own words, `ServiceUnreachableError` when nothing was sent, `NoAnswerError` when
        what was sent was not answered, `NotAServiceError`.
        """
        headers = {"Authorization": f"Bearer {self._key.get_secret_value()}"}
        if idempotency_key:
            headers["Idempotency-Key"] = idempotency_key
        answer = await self._send(method, path, body, headers, timeout_seconds)
        document = self._document(answer)
        if answer.status_code >= 400 and answer.status_code not in taken:
            code = document.get("code") if isinstance(document, dict) else None
            raise RefusalError(_text(answer, document), answer.status_code, str(code or ""))
        return document


class ApiClient(Connection):
    """One logged-in user. `session` keeps the token between commands, which would else log in each time: a service takes
    only a few logins a minute."""

    def __init__(
        self,
        url: str,
        email: str,
        password: str,
        session: SessionFile | None = None,
        why: str = "",
        machine_key: str = "",
    ) -> None:
        super().__init__(url, why, machine_key)
        self.token = ""
        self._email = email
        self._password = password
        self._session = session

    @classmethod
    def of(cls, arguments: argparse.Namespace, settings: Settings) -> Self:
        """Return a client for the options and settings. Raises `InvalidInputError` when no password is known."""
        address = find_service(arguments, settings)
        email = arguments.email or settings.auth.admin_email or DEMO_EMAIL
        password = arguments.password or os.environ.get("NEXGENT_PASSWORD")
        if password is None and settings.auth.admin_password is not None:
            password = settings.auth.admin_password.get_secret_value()
        if password is None:
            password = _kept_password(settings.storage.data_dir)
        if password is None:
            raise InvalidInputError(
                f"No password is known for {email}: set ADMIN_EMAIL and ADMIN_PASSWORD, or give --email and --password. "
                f"The data folder {settings.storage.data_dir.resolve()} has none either; is it the right one "
                "(NEXGENT_DATA_DIR)?"
            )
        # A password that was typed is to be tried, whatever was kept.
        kept = None if arguments.password else SessionFile(settings.storage.data_dir, address.url, email)
        return cls(address.url, email, password, kept, address.why, address.machine_key)

    async def __aenter__(self) -> Self:
        if self._session is not None:
            self.token = self._session.read()
        if not self.token:
            await self.log_in()
        return self

    async def log_in(self) -> None:
        """Get a fresh access token."""
        credentials = {"email": self._email, "password": self._password}
        answer = await self._send("POST", "/auth/login", credentials, {})
        document = self._document(answer)
        if answer.status_code != 200:
            raise LoginFailedError(
                f"The service at {self.url} refused the login of {self._email}: {_text(answer, document)}"
            )
        if not isinstance(document, dict) or not isinstance(document.get("accessToken"), str):
            raise self._stranger(answer)
        self.token = document["accessToken"]
        if self._session is not None:
            self._session.write(self.token)

    async def call(self, method: str, path: str, body: object = None) -> Any:  # JSON of any shape
        """Return the JSON of an answer. Raises `NexgentError` with the service's own words."""
        return self._document(await self.answer(method, path, body))

    async def answer(self, method: str, path: str, body: object = None) -> httpx.Response:
        """Return an answer as it came. Raises `NexgentError` with the service's own words when it is a refusal.

        `NotFoundError` for what is not there, or not any more.
        """
        answer = await self._request(method, path, body)
        if answer.status_code == 401:
            await self.log_in()
            answer = await self._request(method, path, body)
        if answer.status_code >= 400:
            refusal = NotFoundError if answer.status_code == 404 else NexgentError
            raise refusal(_text(answer, self._document(answer)))
        return answer

    async def accepts_key(self, key: str) -> bool:
        """Tell whether the service lets an API key work with signals."""
        answer = await self._send("GET", "/trading-signals?limit=1", None, {"X-API-Key": key})
        return answer.status_code == 200

    async def _request(self, method: str, path: str, body: object) -> httpx.Response:
        return await self._send(method, path, body, {"Authorization": f"Bearer {self.token}"})


class SessionFile:
    """The newest access token of a user at a service, readable by the owner of the data folder alone.

    Without a folder, or one that cannot be written, nothing is kept. A token that is not good any more is answered with 401,
    and then there is a new login.
    """

    def __init__(self, folder: Path, url: str, email: str) -> None:
        self._path = folder / SESSION_FILE
        self._of = f"{email} {url.rstrip('/')}"

    def read(self) -> str:
        """Return the token, or nothing."""
        try:
            kept = json.loads(self._path.read_text())
            return str(kept["token"]) if kept["of"] == self._of else ""
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def write(self, token: str) -> None:
        """Keep a token in the place of the one before."""
        new = self._path.with_suffix(".new")
        with suppress(OSError):
            new.unlink(missing_ok=True)
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123 -- with a mode
                json.dump({"of": self._of, "token": token}, file)
            new.replace(self._path)


def _kept_password(data_dir: Path) -> str | None:
    try:
        return (data_dir / PASSWORD_FILE).read_text().strip()
    except OSError:
        return None


def _text(answer: httpx.Response, document: object) -> str:
    """Return what a service says is wrong, with each single problem on a line of its own."""
    facts = document if isinstance(document, dict) else {}
    said = facts.get("error") or f"status {answer.status_code}"
    details = facts.get("details")
    listed = details.get("errors") if isinstance(details, dict) else details
    problems = [facts["message"]] if isinstance(facts.get("message"), str) else []
    for one in listed if isinstance(listed, list) else []:
        if isinstance(one, dict):
            problems.append(": ".join(str(one[key]) for key in ("field", "message") if one.get(key)))
        else:
            problems.append(str(one))
    return "\n  - ".join([f"{said}:" if problems else str(said), *problems])
