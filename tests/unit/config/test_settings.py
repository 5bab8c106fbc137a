"""Settings: what is read, what is refused, and that `env.example` names them all."""

from __future__ import annotations

import re
import stat
from decimal import Decimal
from pathlib import Path

import pytest

from nexgent.config.jwt_secret import FILE_NAME, resolve_jwt_secret
from nexgent.config.settings import SECTIONS, Settings, SettingsError

REPOSITORY = Path(__file__).resolve().parents[3]
GOOD_SECRET = "0123456789abcdef0123456789abcdef"


def test_nothing_set_gives_a_working_local_installation() -> None:
    settings = Settings.from_values({})

    assert settings.server.port == 4000
    assert settings.storage.embedded
    assert settings.storage.redis_address is None
    assert settings.server.cors_origins == ("http://localhost:3000",)
    assert settings.trading.fee_reserve_sol == Decimal("0.01")
    assert settings.wallet_keys == ()


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ({}, 10),
        ({"PRICE_POLL_SECONDS": "20"}, 60),
        ({"ENGINE_LEASE_SECONDS": "3"}, 3),
        ({"ENGINE_LEASE_SECONDS": "2", "PRICE_POLL_SECONDS": "0.2", "PRICE_PATIENCE_SECONDS": "0.5"}, 2),
    ],
)
def test_the_lease_leaves_room_for_rounds_of_the_price_loop(given: dict[str, str], seconds: float) -> None:
    assert Settings.from_values(given).engine_lease_seconds == seconds


def test_the_link_to_grafana_is_shown_to_everybody_so_no_login_is_in_it() -> None:
    given = Settings.from_values({"GRAFANA_URL": " https://grafana.example/d/nexgent?kiosk "})

    assert given.server.grafana_url == "https://grafana.example/d/nexgent?kiosk"
    with pytest.raises(SettingsError) as refused:
        Settings.from_values({"GRAFANA_URL": "https://me:secret@grafana.example"})
    assert "without a login" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_an_empty_text_means_not_set() -> None:
    settings = Settings.from_values({"DATABASE_URL": "", "PORT": " ", "CORS_ORIGIN": "", "WALLET_1": ""})

    assert settings == Settings.from_values({})


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("PORT", "abc", "a whole number from 0 to 65535"),
        ("PORT", "65536", "a whole number from 0 to 65535"),
        ("NODE_ENV", "staging", "development, production or test"),
        ("LOG_LEVEL", "loud", "debug, info, warn or error"),
        ("WORKER_EMBEDDED", "maybe", "true or false"),
        ("REDISPORT", "0", "a whole number from 1 to 65535"),
        ("REDIS_KEY_PREFIX", "a b", "without spaces"),
        ("JUPITER_BASE_URL", "api.jup.ag", "http:// or https://"),
        ("GRAFANA_URL", "javascript:alert(1)", "http:// or https://"),
        ("GRAFANA_URL", "grafana:3000", "http:// or https://"),
        ("PYTH_HERMES_URL", "http://host:port", "http:// or https://"),
        ("PRICE_POLL_SECONDS", "nan", "0.05 to 60"),
        ("PRICE_MAX_JUMP_FACTOR", "Infinity", "above 1"),
        ("PRICE_PROVIDER", "coingecko", "dexscreener or jupiter"),
        ("FEE_RESERVE_SOL", "-1", "from 0 to 1"),
        ("SIGNAL_MAX_AGE_SECONDS", "1e9", "from 1 to 86400"),
        ("ENGINE_LEASE_SECONDS", "1", "from 2 to 600"),
        ("ENGINE_LEASE_SECONDS", "2.5", "at least 3"),
        ("ADMIN_EMAIL", "nobody", "an e-mail address"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(name: str, value: str, allowed: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_values({name: value})

    message = str(caught.value)
    assert name in message
    assert repr(value) in message or "ADMIN_PASSWORD" in message
    assert allowed in message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JWT_SECRET", "short-secret"),
        ("JWT_SECRET", "your-super-secret-jwt-key-change-this-in-production"),
        ("METRICS_TOKEN", "tiny-token"),
        ("DATABASE_URL", "mysql://root:pa55@host/db"),
        ("REDIS_URL", "http://:pa55@host"),
        ("SOLANA_RPC_URL", "ftp://node/?api-key=pa55"),
        ("JUPITER_BASE_URL", "ftp://user:pa55@host"),
    ],
)
def test_a_bad_secret_is_never_shown(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_values({name: value})

    assert name in str(caught.value)
    assert value not in str(caught.value)
    assert "pa55" not in str(caught.value)


def test_secrets_are_not_in_the_text_of_the_settings() -> None:
    values = {
        "JWT_SECRET": GOOD_SECRET,
        "DATABASE_URL": "postgresql://u:pa55@h/d",
        "REDIS_URL": "redis://:pa55@h/0",
        "ADMIN_EMAIL": "a@b.co",
        "ADMIN_PASSWORD": "pa55word",
        "SOLANA_RPC_URL": "https://rpc.example/?api-key=pa55",
        "JUPITER_API_KEY": "pa55",
        "WALLET_1": "pa55pa55",
    }

    shown = repr(Settings.from_values(values))

    assert "pa55" not in shown
    assert GOOD_SECRET not in shown


def test_all_problems_are_reported_together() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_values({"PORT": "x", "LOG_LEVEL": "y", "PRICE_PROVIDER": "z"})

    assert len(caught.value.problems) == 3


def test_email_and_password_belong_together() -> None:
    with pytest.raises(SettingsError, match="ADMIN_PASSWORD is not set"):
        Settings.from_values({"ADMIN_EMAIL": "a@b.co"})


def test_redis_can_be_named_in_parts() -> None:
    settings = Settings.from_values(
        {"REDISHOST": "cache", "REDIS_PORT": "6380", "REDISPASSWORD": "p@ss/word", "REDIS_DB": "2"}
    )

    address = settings.storage.redis_address
    assert address is not None
    assert address.get_secret_value() == "redis://:p%40ss%2Fword@cache:6380/2"


def test_the_first_spelling_wins() -> None:
    assert Settings.from_values({"REDISHOST": "b", "REDIS_HOST": "a"}).storage.redis_host == "a"


def test_production_allows_no_origin_by_default_and_origins_are_trimmed() -> None:
    assert Settings.from_values({"NODE_ENV": "production"}).server.cors_origins == ()
    several = Settings.from_values({"CORS_ORIGIN": " https://a.example , https://b.example/ ,"})
    assert several.server.cors_origins == ("https://a.example", "https://b.example")


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / ".env"
    file.write_text("PORT=5001\nHOST=127.0.0.1\nWALLET_2=second\nWALLET_1=first\nWALLET_10=tenth\n")
    monkeypatch.setenv("PORT", "5002")

    settings = Settings.load(file)

    assert settings.server.port == 5002
    assert settings.server.host == "127.0.0.1"
    assert [name for name, _ in settings.wallet_keys] == ["WALLET_1", "WALLET_2", "WALLET_10"]


def test_a_section_never_reads_the_environment_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "5003")

    assert Settings.from_values({}).server.port == 4000


def test_env_example_names_exactly_the_settings_there_are() -> None:
    text = (REPOSITORY / "env.example").read_text(encoding="utf-8")
    named = re.findall(r"^([A-Z][A-Z0-9_]*)=", text, re.MULTILINE)
    known = [name for section in SECTIONS for name in section.variables()] + ["WALLET_1"]
    # Read by `make tunnel` alone.
    known.append("CLOUDFLARE_TUNNEL_TOKEN")

    assert sorted(named) == sorted(known)


def test_env_example_is_valid_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for section in SECTIONS:
        for name in section.variables():
            monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("WALLET_1", raising=False)

    assert Settings.load(REPOSITORY / "env.example") == Settings.from_values({})


class TestJwtSecret:
    def test_the_given_one_is_used(self, tmp_path: Path) -> None:
        settings = Settings.from_values({"JWT_SECRET": GOOD_SECRET, "NEXGENT_DATA_DIR": str(tmp_path)})

        assert resolve_jwt_secret(settings).get_secret_value() == GOOD_SECRET
        assert list(tmp_path.iterdir()) == []

    def test_one_is_made_once_and_kept_private(self, tmp_path: Path) -> None:
        settings = Settings.from_values({"NEXGENT_DATA_DIR": str(tmp_path / "data")})

        first = resolve_jwt_secret(settings)

        assert len(first.get_secret_value()) >= 32
        assert resolve_jwt_secret(settings) == first
        file = tmp_path / "data" / FILE_NAME
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert [path.name for path in file.parent.iterdir()] == [FILE_NAME]

    def test_a_damaged_file_is_replaced(self, tmp_path: Path) -> None:
        (tmp_path / FILE_NAME).write_text("")
        settings = Settings.from_values({"NEXGENT_DATA_DIR": str(tmp_path)})

        made = resolve_jwt_secret(settings)

        assert (tmp_path / FILE_NAME).read_text().strip() == made.get_secret_value()

    @pytest.mark.parametrize(
        "values",
        [
            {"NODE_ENV": "production"},
            {"DATABASE_URL": "postgresql://h/d", "REDIS_HOST": "h"},
        ],
    )
    def test_where_it_is_shared_it_has_to_be_given(self, tmp_path: Path, values: dict[str, str]) -> None:
        settings = Settings.from_values({**values, "NEXGENT_DATA_DIR": str(tmp_path)})

        with pytest.raises(SettingsError, match="JWT_SECRET is not set"):
            resolve_jwt_secret(settings)
