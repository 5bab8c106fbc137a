"""What would leave an installation open to others: refused in production, told about elsewhere."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

from nexgent.config.sections import AuthSettings
from nexgent.config.settings import Settings
from nexgent.config.tracing import plan_tracing
from nexgent.domain.users.register import weaknesses
from nexgent.domain.users.strength import estimated_bits

MIN_KEY_BITS = 32.0
"""Any secret made by a program is far above it; repeated characters, runs and well-known words are far below."""
MIN_PASSWORD_BITS = 12.0
MIN_PASSPHRASE_LENGTH = 16
_PRIVATE_SUFFIXES = (".local", ".internal", ".localhost", ".lan", ".home.arpa")
_TLS_MODES = {"require", "verify-ca", "verify-full"}


def exposure_problems(settings: Settings) -> Iterator[str]:
    """Return what a service does not start with, each with what puts it right."""
    if (problem := _unowned_keys(settings)) is not None:
        yield problem
    if settings.server.production:
        yield from _weak_secrets(settings.auth)
        yield from _plain_http(settings)


def exposure_warnings(settings: Settings) -> Iterator[tuple[str, str]]:
    """Return what a service starts with although it is not safe everywhere, each with advice."""
    if not settings.server.production:
        for problem in (*_weak_secrets(settings.auth), *_plain_http(settings)):
            yield problem, "It is accepted because NODE_ENV is not production"
    if "*" in settings.server.cors_origins:
        yield (
            "CORS_ORIGIN: * lets the pages of every site call, though without cookies or other credentials",
            "Name the origins of your dashboard instead",
        )
    yield from _unencrypted_servers(settings)
    yield from _traces_in_the_open(settings)


def telegram_in_the_open(settings: Settings) -> str:
    """Return why the bot's token must not be sent to where the Bot API is said to be; nothing where it may."""
    parts = urlsplit(settings.telegram.api_url)
    if parts.scheme != "http" or is_nearby(parts.hostname) or settings.market.allow_plain_http:
        return ""
    return (
        "TELEGRAM_API_URL: http:// to another network lets anybody on the way read the bot's token and speak for Telegram. "
        "Use https://, or set ALLOW_PLAIN_HTTP=true if the way is safe (a tunnel, for example)."
    )


def _traces_in_the_open(settings: Settings) -> Iterator[tuple[str, str]]:
    plan, _ = plan_tracing(settings.tracing)
    if plan is None:
        return
    parts = urlsplit(plan.endpoint)
    if parts.scheme != "http" or is_nearby(parts.hostname) or settings.market.allow_plain_http:
        return
    if not (plan.headers or parts.query or parts.username or parts.password):
        return
    problem = (
        "OTEL_EXPORTER_OTLP_ENDPOINT: http:// to another network lets anybody on the way read what the collector knows you "
        "by (OTEL_EXPORTER_OTLP_HEADERS, or a key in the address)"
    )
    yield problem, "Use https://, or set ALLOW_PLAIN_HTTP=true if the way is safe (a tunnel, for example)"


def is_nearby(host: str | None) -> bool:
    """Tell whether a host is this machine or in a private network, where nobody on the way reads along."""
    if not host:
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        # A name without a dot is one of the local network or of a container; nobody can own it on the internet.
        name = host.lower().rstrip(".")
        return "." not in name or name.endswith(_PRIVATE_SUFFIXES)
    return address.is_loopback or address.is_private or address.is_link_local


def _unowned_keys(settings: Settings) -> str | None:
    auth = settings.auth
    if (
        not settings.wallet_keys
        or not auth.allow_registration
        or auth.admin_email is not None
        or auth.wallets_shared
    ):
        return None
    return (
        "ALLOW_REGISTRATION: anybody may register, and the live keys of WALLET_1 and so on belong to nobody. "
        "Set ADMIN_EMAIL and ADMIN_PASSWORD, then they are the administrator's; or set ALLOW_REGISTRATION=false; "
        "or WALLETS_SHARED=true, if every user may trade with them."
    )


def _weak_secrets(auth: AuthSettings) -> Iterator[str]:
    if auth.jwt_secret is not None and estimated_bits(auth.jwt_secret.get_secret_value()) < MIN_KEY_BITS:
        yield (
            "JWT_SECRET: the value given is easy to guess (repeated characters, runs or common words), and whoever has it "
            "can log in as anybody. `nexgent secret` makes one."
        )
    if auth.metrics_token is not None:
        token = auth.metrics_token.get_secret_value()
        if estimated_bits(token) < MIN_PASSWORD_BITS:
            yield "METRICS_TOKEN: the value given is easy to guess; take a random one (`nexgent secret` makes one)."
    if auth.admin_password is not None:
        lacking = _password_problem(auth.admin_password.get_secret_value().strip())
        if lacking:
            yield (
                f"ADMIN_PASSWORD: the value given is too weak: {lacking}. Choose 8 to 128 characters with upper-case and "
                f"lower-case letters, digits and others, or a phrase of at least {MIN_PASSPHRASE_LENGTH} characters that is "
                "not made of common words."
            )


def _password_problem(password: str) -> str:
    bits = estimated_bits(password)
    if bits < MIN_PASSWORD_BITS:
        return "it is easy to guess (common words, repeated characters or runs)"
    problems = weaknesses(password)
    long_phrase = len(password) >= MIN_PASSPHRASE_LENGTH and bits >= MIN_KEY_BITS
    return "" if not problems or long_phrase else "; ".join(problems)


def _plain_http(settings: Settings) -> Iterator[str]:
    market = settings.market
    if market.allow_plain_http:
        return
    for name, address in market.addresses():
        parts = urlsplit(address)
        if parts.scheme == "http" and not is_nearby(parts.hostname):
            yield (
                f"{name}: http:// to another network lets anybody on the way read the API key and change prices and swaps. "
                "Use https://, or set ALLOW_PLAIN_HTTP=true if the way is safe (a tunnel, for example)."
            )


def _unencrypted_servers(settings: Settings) -> Iterator[tuple[str, str]]:
    storage = settings.storage
    if storage.database_url is not None:
        parts = urlsplit(storage.database_url.get_secret_value())
        mode = (parse_qs(parts.query).get("sslmode") or parse_qs(parts.query).get("ssl") or [""])[-1]
        if not is_nearby(_host(parts.hostname)) and mode not in _TLS_MODES:
            yield (
                "DATABASE_URL: the database is on another network and its address does not ask for TLS",
                "Add ?sslmode=require (or verify-full) to the address",
            )
    if storage.redis_address is not None:
        parts = urlsplit(storage.redis_address.get_secret_value())
        if parts.scheme == "redis" and not is_nearby(_host(parts.hostname)):
            yield (
                "REDIS_URL: Redis is on another network and its address does not ask for TLS",
                "Use an address that starts with rediss://",
            )


def _host(host: str | None) -> str | None:
    # A socket in the file system is written as a host that starts with a slash.
    return None if host is None or host.startswith(("/", "%2f", "%2F")) else host
