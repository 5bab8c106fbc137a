"""What leaves an installation open is refused in production, and told about elsewhere."""

from __future__ import annotations

import secrets

import pytest

from nexgent.config.exposure import exposure_problems, exposure_warnings, is_nearby
from nexgent.config.sections import MarketSettings
from nexgent.config.settings import Settings, is_private_to_the_service
from nexgent.domain.users.strength import estimated_bits

STRONG = {
    "NODE_ENV": "production",
    "JWT_SECRET": "vB3k9Qz7Lr1wXeT5uHs2PmNc8YdGf4Ja",
    "ADMIN_EMAIL": "a@b.co",
    "ADMIN_PASSWORD": "kT7#wq-Zp2&mLx",
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JWT_SECRET", "a" * 32),
        ("JWT_SECRET", "password" * 4),
        ("JWT_SECRET", "0123456789abcdef" * 2),
        ("JWT_SECRET", "thisisaverysecretkeyforproduction"),
        ("ADMIN_PASSWORD", "1"),
        ("ADMIN_PASSWORD", "Password1!"),
        ("ADMIN_PASSWORD", "P@ssw0rd!"),
        ("ADMIN_PASSWORD", "Admin123!"),
        ("ADMIN_PASSWORD", "kvtqzpmx"),
        ("METRICS_TOKEN", "a" * 16),
        ("JUPITER_BASE_URL", "http://api.jup.ag"),
        ("JUPITER_API_URL", "http://8.8.8.8/price/v3"),
        ("DEXSCREENER_BASE_URL", "http://api.dexscreener.com"),
        ("PYTH_HERMES_URL", "http://[2001:4860:4860::8888]:80"),
        ("SOLANA_RPC_URL", "http://rpc.example.com/?api-key=hunter2"),
    ],
)
def test_production_refuses_it_and_says_which(name: str, value: str) -> None:
    settings = Settings.from_values({**STRONG, name: value})
    elsewhere = Settings.from_values({**STRONG, name: value, "NODE_ENV": "development"})

    (problem,) = exposure_problems(settings)

    assert problem.startswith(f"{name}: ")
    assert "hunter2" not in problem
    assert list(exposure_problems(elsewhere)) == []
    assert [found.partition(":")[0] for found, _ in exposure_warnings(elsewhere)] == [name]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ADMIN_PASSWORD", "correct horse battery staple"),
        ("JUPITER_BASE_URL", "http://127.0.0.1:4100"),
        ("JUPITER_BASE_URL", "http://sandbox:4100"),
        ("SOLANA_RPC_URL", "http://10.0.0.7:8899"),
        ("SOLANA_RPC_URL", "http://node.internal:8899"),
        ("PYTH_HERMES_URL", "http://[::1]:80"),
    ],
)
def test_production_takes_what_is_safe(name: str, value: str) -> None:
    assert list(exposure_problems(Settings.from_values({**STRONG, name: value}))) == []


@pytest.mark.parametrize("name", [one for one in MarketSettings.variables() if one.endswith("_URL")])
def test_no_address_of_the_market_is_forgotten(name: str) -> None:
    settings = Settings.from_values({**STRONG, name: "http://upstream.example.com"})
    assert [problem.partition(":")[0] for problem in exposure_problems(settings)] == [name]


def test_plain_http_can_be_allowed() -> None:
    values = {**STRONG, "SOLANA_RPC_URL": "http://rpc.example.com", "ALLOW_PLAIN_HTTP": "true"}
    assert list(exposure_problems(Settings.from_values(values))) == []


def test_random_secrets_are_never_taken_for_weak_ones() -> None:
    assert min(estimated_bits(secrets.token_hex(16)) for _ in range(300)) > 32
    assert min(estimated_bits(secrets.token_urlsafe(48)) for _ in range(300)) > 100


@pytest.mark.parametrize(
    ("name", "value", "warned"),
    [
        ("DATABASE_URL", "postgresql://u:hunter2@db.example.com/n", True),
        ("DATABASE_URL", "postgresql://u:hunter2@db.example.com/n?sslmode=require", False),
        ("DATABASE_URL", "postgresql://u:hunter2@postgres/n", False),
        ("DATABASE_URL", "postgresql://u:hunter2@192.168.1.5/n", False),
        ("REDIS_URL", "redis://:hunter2@cache.example.com:6379/0", True),
        ("REDIS_URL", "rediss://:hunter2@cache.example.com:6379/0", False),
        ("REDIS_URL", "redis://localhost:6379/0", False),
        ("REDIS_URL", "unix:///run/redis.sock", False),
        ("CORS_ORIGIN", "*", True),
    ],
)
def test_doctor_hears_of_servers_without_tls_and_of_every_origin(name: str, value: str, warned: bool) -> None:
    found = list(exposure_warnings(Settings.from_values({**STRONG, name: value})))

    assert [text.partition(":")[0] for text, _ in found] == ([name] if warned else [])
    assert "hunter2" not in str(found)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "::1", "localhost", "db", "172.16.3.4", "fd00::1", "x.home.arpa", None]
)
def test_some_hosts_are_near(host: str | None) -> None:
    assert is_nearby(host)


@pytest.mark.parametrize("host", ["1.1.1.1", "2606:4700::1111", "example.com", "127.0.0.1.example.com"])
def test_others_are_not(host: str) -> None:
    assert not is_nearby(host)


def test_children_get_no_secret_of_the_service() -> None:
    secret = ["WALLET_1", "WALLET_77", "ADMIN_PASSWORD", "JWT_SECRET", "JUPITER_API_KEY", "PYTH_API_KEY"]
    secret += ["SOLANA_RPC_URL", "METRICS_TOKEN"]
    assert all(map(is_private_to_the_service, secret))
    assert not any(
        map(is_private_to_the_service, ["DATABASE_URL", "REDIS_URL", "WALLETS_SHARED", "LOG_LEVEL"])
    )


KEYED = {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20hunter2"}


@pytest.mark.parametrize(
    "values",
    [
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel.example.com:4318", **KEYED},
        {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://8.8.8.8/traces", **KEYED},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel.example.com?key=hunter2"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://me:hunter2@otel.example.com"},
    ],
)
def test_a_key_of_a_collector_on_an_open_way_is_warned_of(values: dict[str, str]) -> None:
    ((problem, advice),) = exposure_warnings(Settings.from_values({**STRONG, **values}))

    assert problem.startswith("OTEL_EXPORTER_OTLP_ENDPOINT: ")
    assert "https://" in advice
    assert "hunter2" not in problem + advice


@pytest.mark.parametrize(
    "values",
    [
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://otel.example.com", **KEYED},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", **KEYED},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", **KEYED},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel.example.com:4318", "ALLOW_PLAIN_HTTP": "true", **KEYED},
        # Nothing in them is a secret, or nothing is sent.
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel.example.com:4318"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel.example.com:4318", "OTEL_SDK_DISABLED": "true", **KEYED},
    ],
)
def test_a_collector_on_a_safe_way_or_without_a_key_is_not(values: dict[str, str]) -> None:
    assert list(exposure_warnings(Settings.from_values({**STRONG, **values}))) == []
