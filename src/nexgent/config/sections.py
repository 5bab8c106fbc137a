"""The settings, in sections. Each is a line with an explanation in `env.example`."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import quote, urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr

from nexgent.config.section import Section, names_of, setting
from nexgent.shared.addresses import NO_NETWORKS, Networks

MIN_SECRET_LENGTH = 32
MIN_TOKEN_LENGTH = 16
PLACEHOLDER_SECRETS = frozenset(
    {
        "your-super-secret-jwt-key-change-this-in-production",
        "your-super-secret-jwt-key-minimum-32-characters-long",
        "your-secret-key-change-this-in-production-min-32-chars",
        "your_jwt_secret_key_here_minimum_32_characters",
        "your-jwt-secret-here-minimum-32-characters",
        "your-secret-key-here-min-32-characters-long",
        "change-this-to-a-long-random-secret-of-32-characters",
    }
)
_PLACEHOLDER_WORDS = (
    "change-this",
    "change_this",
    "changeme",
    "change-me",
    "your-secret",
    "your_jwt",
    "your-jwt",
    "your-super-secret",
    "placeholder",
    "generate-with",
)
PLACEHOLDER_PASSWORDS = frozenset({"YourSecurePassword1!", "changeme", "change-me"})

_SECOND = "a number of seconds"


class Environment(StrEnum):
    """What `NODE_ENV` says this installation is."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"
    TEST = "test"


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("not an http(s) address")
    if parts.port == 0:
        raise ValueError("port 0")
    return value.rstrip("/")


def _page_url(value: str) -> str:
    if urlsplit(value).username is not None:
        raise ValueError("a login does not belong in a link that everybody sees")
    return _http_url(value)


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _stripped(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


def _flag(value: object) -> object:
    if isinstance(value, str):
        words = {
            "true": True,
            "1": True,
            "yes": True,
            "on": True,
            "false": False,
            "0": False,
            "no": False,
            "off": False,
        }
        return words.get(value.strip().lower(), value)
    return value


def is_placeholder(secret: str) -> bool:
    """Tell whether a secret is one that is printed in documentation, ours or the reference's."""
    text = secret.strip().lower()
    return text in PLACEHOLDER_SECRETS or any(word in text for word in _PLACEHOLDER_WORDS)


def checked_secret(value: SecretStr) -> SecretStr:
    """Return a secret that is long enough and not published. Raises `ValueError`."""
    secret = value.get_secret_value()
    if len(secret) < MIN_SECRET_LENGTH or is_placeholder(secret):
        raise ValueError("too short, or published")
    return value


def _checked_token(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < MIN_TOKEN_LENGTH:
        raise ValueError("too short")
    return value


def _secret_http_url(value: SecretStr) -> SecretStr:
    return SecretStr(_http_url(value.get_secret_value().strip()))


def _secret_http_urls(value: SecretStr) -> SecretStr:
    parts = [part.strip() for part in value.get_secret_value().split(",")]
    return SecretStr(",".join(_http_url(part) for part in parts if part))


def _database_url(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().startswith(("postgres://", "postgresql://", "postgresql+")):
        raise ValueError("not a PostgreSQL address")
    return value


def _redis_url(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("not a Redis address")
    return value


def _networks(value: str) -> str:
    return ",".join(Networks.parse(value).listed)


PageUrl = Annotated[str, BeforeValidator(_stripped), AfterValidator(_page_url)]
HttpUrl = Annotated[str, BeforeValidator(_stripped), AfterValidator(_http_url)]
Flag = Annotated[bool, BeforeValidator(_flag)]
_URL = "an address starting with http:// or https://"
_FLAG = "true or false"


class LogLevel(StrEnum):
    """The least important message that is written."""

    DEBUG = "debug"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"


class LogFormat(StrEnum):
    """How log lines look; `auto` is JSON in production and readable text elsewhere."""

    AUTO = "auto"
    JSON = "json"
    CONSOLE = "console"


class ServerSettings(Section):
    """Where the API listens and how it behaves towards browsers and proxies."""

    host: Annotated[str, BeforeValidator(_stripped)] = setting(
        "HOST",
        default="127.0.0.1",
        allowed="an IP address or host name to listen on",
        min_length=1,
    )
    port: int = setting("PORT", default=4000, allowed="a whole number from 0 to 65535", ge=0, le=65535)
    environment: Annotated[Environment, BeforeValidator(_lower)] = setting(
        "NODE_ENV", default=Environment.DEVELOPMENT, allowed="development, production or test"
    )
    cors_origin: str | None = setting(
        "CORS_ORIGIN", default=None, allowed="a comma-separated list of origins such as https://example.com"
    )
    trusted_proxies: int = setting(
        "TRUSTED_PROXIES", default=0, allowed="a whole number from 0 to 10", ge=0, le=10
    )
    trusted_proxy_networks: Annotated[str, AfterValidator(_networks)] = setting(
        "TRUSTED_PROXY_NETWORKS",
        default="127.0.0.0/8,::1/128",
        allowed="addresses or networks such as 10.0.0.5,172.16.0.0/12, separated by commas",
        max_length=2000,
    )
    api_docs: Flag = setting("API_DOCS", default=True, allowed=_FLAG)
    grafana_url: PageUrl | None = setting(
        "GRAFANA_URL", default=None, allowed=f"{_URL}, without a login in it"
    )
    worker_embedded: Flag = setting("WORKER_EMBEDDED", default=True, allowed=_FLAG)
    shutdown_seconds: float = setting(
        "SHUTDOWN_SECONDS",
        default=30.0,
        allowed=f"{_SECOND} from 1 to 600",
        ge=1,
        le=600,
        allow_inf_nan=False,
    )

    @property
    def proxies(self) -> Networks:
        """Return whose `X-Forwarded-For` is believed: nobody's when there is no proxy."""
        return Networks.parse(self.trusted_proxy_networks) if self.trusted_proxies else NO_NETWORKS

    @property
    def production(self) -> bool:
        """Tell whether this is a production installation."""
        return self.environment is Environment.PRODUCTION

    @property
    def cors_origins(self) -> tuple[str, ...]:
        """Return the origins browsers may call from. Not set: none in production, else the dashboard's usual address."""
        if self.cors_origin is not None:
            origins = (origin.strip().rstrip("/") for origin in self.cors_origin.split(","))
            return tuple(origin for origin in origins if origin)
        return () if self.production else ("http://localhost:3000",)


class LoggingSettings(Section):
    """What is logged and in which form."""

    level: Annotated[LogLevel, BeforeValidator(_lower)] = setting(
        "LOG_LEVEL", default=LogLevel.INFO, allowed="debug, info, warn or error"
    )
    format: Annotated[LogFormat, BeforeValidator(_lower)] = setting(
        "LOG_FORMAT", default=LogFormat.AUTO, allowed="auto, json or console"
    )
    audit_retention_days: int = setting(
        "AUDIT_RETENTION_DAYS", default=365, allowed="a whole number of days from 1 to 3650", ge=1, le=3650
    )


class StorageSettings(Section):
    """PostgreSQL, Redis and the data folder. What is not set is started embedded, with its data in the folder."""

    data_dir: Path = setting("NEXGENT_DATA_DIR", default=Path(".nexgent"), allowed="a folder")
    database_url: Annotated[SecretStr, AfterValidator(_database_url)] | None = setting(
        "DATABASE_URL",
        default=None,
        allowed="an address starting with postgresql:// or postgres://, or empty for an embedded server",
        secret=True,
    )
    redis_url: Annotated[SecretStr, AfterValidator(_redis_url)] | None = setting(
        "REDIS_URL",
        default=None,
        allowed="an address starting with redis://, rediss:// or unix://, or empty for an embedded server",
        secret=True,
    )
    redis_host: str | None = setting("REDIS_HOST", "REDISHOST", default=None, allowed="a host name")
    redis_port: int = setting(
        "REDIS_PORT", "REDISPORT", default=6379, allowed="a whole number from 1 to 65535", ge=1, le=65535
    )
    redis_password: SecretStr | None = setting(
        "REDIS_PASSWORD", "REDISPASSWORD", default=None, allowed="the password of the Redis server"
    )
    redis_db: int = setting("REDIS_DB", default=0, allowed="a whole number from 0 to 65535", ge=0, le=65535)
    redis_key_prefix: str = setting(
        "REDIS_KEY_PREFIX",
        default="nexgent:",
        allowed="at most 64 characters without spaces",
        pattern=r"^\S{0,64}$",
    )

    @property
    def redis_address(self) -> SecretStr | None:
        """Return the address of the Redis to use, or None for the embedded one. `REDIS_URL` wins over `REDIS_HOST`."""
        if self.redis_url is not None:
            return self.redis_url
        if self.redis_host is None:
            return None
        secret = self.redis_password.get_secret_value() if self.redis_password is not None else ""
        login = f":{quote(secret, safe='')}@" if secret else ""
        host = f"[{self.redis_host}]" if ":" in self.redis_host else self.redis_host
        return SecretStr(f"redis://{login}{host}:{self.redis_port}/{self.redis_db}")

    @property
    def embedded(self) -> bool:
        """Tell whether this installation runs a server of its own."""
        return self.database_url is None or self.redis_address is None


class AuthSettings(Section):
    """Who may come in."""

    jwt_secret: Annotated[SecretStr, AfterValidator(checked_secret)] | None = setting(
        "JWT_SECRET",
        default=None,
        allowed="at least 32 characters and not a published example (`nexgent secret` makes one)",
        secret=True,
    )
    admin_email: Annotated[str | None, BeforeValidator(_lower)] = setting(
        "ADMIN_EMAIL",
        default=None,
        allowed="an e-mail address",
        pattern=r"^[^\s@]+@[^\s@]+\.[^\s@]+$",
        max_length=255,
    )
    admin_password: SecretStr | None = setting("ADMIN_PASSWORD", default=None, allowed="any text")
    allow_registration: Flag = setting("ALLOW_REGISTRATION", default=False, allowed=_FLAG)
    wallets_shared: Flag = setting("WALLETS_SHARED", default=False, allowed=_FLAG)
    metrics_token: Annotated[SecretStr, AfterValidator(_checked_token)] | None = setting(
        "METRICS_TOKEN", default=None, allowed="at least 16 characters", secret=True
    )
    metrics_public: Flag = setting("METRICS_PUBLIC", default=False, allowed=_FLAG)


class LimitSettings(Section):
    """How many requests are taken from whom, beside the limits of single endpoints."""

    enabled: Flag = setting("RATE_LIMITS", default=True, allowed=_FLAG)
    per_user: int = setting(
        "RATE_LIMIT_PER_USER",
        default=600,
        allowed="a whole number of requests a minute from 1 to 10000000",
        ge=1,
        le=10_000_000,
    )
    per_address: int = setting(
        "RATE_LIMIT_PER_ADDRESS",
        default=1200,
        allowed="a whole number of requests a minute from 1 to 10000000",
        ge=1,
        le=10_000_000,
    )


_ADDRESS = "[1-9A-HJ-NP-Za-km-z]{32,44}"
_ADDRESSES = rf"^\s*({_ADDRESS}(\s*,\s*{_ADDRESS})*)?\s*$"


class MarketSettings(Section):
    """The services the engine trades through. Every address can point elsewhere, for example at `nexgent sandbox`."""

    jupiter_base_url: HttpUrl = setting("JUPITER_BASE_URL", default="https://api.jup.ag", allowed=_URL)
    jupiter_price_url: HttpUrl | None = setting("JUPITER_API_URL", default=None, allowed=_URL)
    jupiter_api_key: SecretStr | None = setting(
        "JUPITER_API_KEY", default=None, allowed="a key of the Jupiter portal"
    )
    dexscreener_base_url: HttpUrl = setting(
        "DEXSCREENER_BASE_URL", default="https://api.dexscreener.com", allowed=_URL
    )
    pyth_hermes_url: HttpUrl = setting("PYTH_HERMES_URL", default="https://hermes.pyth.network", allowed=_URL)
    pyth_api_key: SecretStr | None = setting("PYTH_API_KEY", default=None, allowed="a key of Pyth")
    jupiter_requests_per_minute: int | None = setting(
        "JUPITER_REQUESTS_PER_MINUTE",
        default=None,
        allowed="a whole number from 0 (unlimited) to 1000000; not set: 60 with a key, 30 without",
        ge=0,
        le=1_000_000,
    )
    dexscreener_requests_per_minute: int = setting(
        "DEXSCREENER_REQUESTS_PER_MINUTE",
        default=300,
        allowed="a whole number from 0 (unlimited) to 1000000",
        ge=0,
        le=1_000_000,
    )
    solana_requests_per_ten_seconds: int = setting(
        "SOLANA_REQUESTS_PER_TEN_SECONDS",
        default=40,
        allowed="a whole number from 0 (unlimited) to 1000000",
        ge=0,
        le=1_000_000,
    )
    swap_max_network_fee_lamports: int = setting(
        "SWAP_MAX_NETWORK_FEE_LAMPORTS",
        default=5_000_000,
        allowed="a whole number of lamports from 5000 to 1000000000",
        ge=5_000,
        le=1_000_000_000,
    )
    swap_max_tip_lamports: int = setting(
        "SWAP_MAX_TIP_LAMPORTS",
        default=5_000_000,
        allowed="a whole number of lamports from 0 to 1000000000",
        ge=0,
        le=1_000_000_000,
    )
    swap_max_slippage_bps: int = setting(
        "SWAP_MAX_SLIPPAGE_BPS",
        default=3_000,
        allowed="a whole number of basis points from 1 to 9999",
        ge=1,
        le=9_999,
    )
    swap_programs_text: str = setting(
        "SWAP_PROGRAMS", default="", allowed="addresses separated by commas", pattern=_ADDRESSES
    )
    swap_tip_accounts_text: str = setting(
        "SWAP_TIP_ACCOUNTS", default="", allowed="addresses separated by commas", pattern=_ADDRESSES
    )
    allow_plain_http: Flag = setting("ALLOW_PLAIN_HTTP", default=False, allowed=_FLAG)
    solana_rpc_url: Annotated[SecretStr, AfterValidator(_secret_http_url)] = setting(
        "SOLANA_RPC_URL", default=SecretStr("https://api.mainnet-beta.solana.com"), allowed=_URL, secret=True
    )

    solana_rpc_witness_urls: Annotated[SecretStr, AfterValidator(_secret_http_urls)] = setting(
        "SOLANA_RPC_WITNESS_URL",
        default=SecretStr(""),
        allowed="addresses starting with http:// or https://, separated by commas, or nothing",
        secret=True,
    )

    def addresses(self) -> list[tuple[str, str]]:
        """Return every address that is set, with the name of its setting: what is called `…_url` or `…_urls` is one, or some."""
        found = []
        for field, about in type(self).model_fields.items():
            value = getattr(self, field) if field.endswith(("_url", "_urls")) else None
            text = value.get_secret_value() if isinstance(value, SecretStr) else value or ""
            found += [(names_of(about)[0], url) for url in text.split(",") if url]
        return found

    @property
    def witness_urls(self) -> tuple[str, ...]:
        """Return the addresses of further Solana nodes, which are asked a second time."""
        listed = self.solana_rpc_witness_urls.get_secret_value().split(",")
        return tuple(url for url in listed if url)

    @property
    def swap_programs(self) -> frozenset[str]:
        """Return the programs a swap may call beside the known ones."""
        return _addresses(self.swap_programs_text)

    @property
    def swap_tip_accounts(self) -> frozenset[str]:
        """Return the accounts a swap may tip beside the known ones."""
        return _addresses(self.swap_tip_accounts_text)


def _addresses(text: str) -> frozenset[str]:
    return frozenset(part.strip() for part in text.split(",") if part.strip())


class PriceSettings(Section):
    """Polling prices and judging them."""

    provider: Annotated[str, BeforeValidator(_lower)] = setting(
        "PRICE_PROVIDER",
        default="dexscreener",
        allowed="dexscreener or jupiter",
        pattern="^(dexscreener|jupiter)$",
    )
    poll_seconds: float = setting(
        "PRICE_POLL_SECONDS",
        default=1.0,
        allowed=f"{_SECOND} from 0.05 to 60",
        ge=0.05,
        le=60,
        allow_inf_nan=False,
    )
    patience_seconds: float = setting(
        "PRICE_PATIENCE_SECONDS",
        default=0.9,
        allowed=f"{_SECOND} from 0.01 to 60",
        ge=0.01,
        le=60,
        allow_inf_nan=False,
    )
    max_age_seconds: float = setting(
        "PRICE_MAX_AGE_SECONDS",
        default=10.0,
        allowed=f"{_SECOND} from 1 to 600",
        ge=1,
        le=600,
        allow_inf_nan=False,
    )
    max_jump_factor: Decimal = setting(
        "PRICE_MAX_JUMP_FACTOR",
        default=Decimal("1.25"),
        allowed="a number above 1, at most 1000",
        gt=1,
        le=1000,
        allow_inf_nan=False,
    )
    agreement_factor: Decimal = setting(
        "PRICE_AGREEMENT_FACTOR",
        default=Decimal("1.10"),
        allowed="a number above 1, at most 10",
        gt=1,
        le=10,
        allow_inf_nan=False,
    )
    sol_max_age_seconds: float = setting(
        "SOL_PRICE_MAX_AGE_SECONDS",
        default=30.0,
        allowed=f"{_SECOND} from 1 to 3600",
        ge=1,
        le=3600,
        allow_inf_nan=False,
    )
    history_seconds_hours: int = setting(
        "PRICE_HISTORY_SECONDS_HOURS", default=24, allowed="a number of hours from 0 to 720", ge=0, le=720
    )
    history_minutes_days: int = setting(
        "PRICE_HISTORY_MINUTES_DAYS", default=30, allowed="a number of days from 0 to 3650", ge=0, le=3650
    )
    history_hours_days: int = setting(
        "PRICE_HISTORY_HOURS_DAYS", default=365, allowed="a number of days from 0 to 3650", ge=0, le=3650
    )


class Engines(StrEnum):
    """How many of the services on one database trade. One that has `none` only serves, beside engines of either kind."""

    ONE = "one"
    SHARED = "shared"
    NONE = "none"


class TradingSettings(Section):
    """Limits of the engine that are not the agents' own."""

    signal_max_age_seconds: float = setting(
        "SIGNAL_MAX_AGE_SECONDS",
        default=300.0,
        allowed=f"{_SECOND} from 1 to 86400",
        ge=1,
        le=86400,
        allow_inf_nan=False,
    )
    fee_reserve_sol: Decimal = setting(
        "FEE_RESERVE_SOL",
        default=Decimal("0.01"),
        allowed="an amount of SOL from 0 to 1",
        ge=0,
        le=1,
        allow_inf_nan=False,
    )
    engines: Engines = setting(
        "ENGINES",
        default=Engines.ONE,
        allowed=(
            "'one' (the others are replicas and take over), 'shared' (each has its share of the agents) or 'none' (this one "
            "serves requests and never trades)"
        ),
    )
    engine_lease_seconds: float | None = setting(
        "ENGINE_LEASE_SECONDS",
        default=None,
        allowed=f"{_SECOND} from 2 to 600, at least three times PRICE_POLL_SECONDS and PRICE_PATIENCE_SECONDS",
        ge=2,
        le=600,
        allow_inf_nan=False,
    )
    max_quote_deviation_pct: Decimal = setting(
        "MAX_QUOTE_DEVIATION_PCT",
        default=Decimal(25),
        allowed="a percentage from 0 (off) to 90",
        ge=0,
        le=90,
        allow_inf_nan=False,
    )
    wallet_idle_lock_seconds: float = setting(
        "WALLET_IDLE_LOCK_SECONDS",
        default=0.0,
        allowed=f"{_SECOND} from 0 (never) to 31536000",
        ge=0,
        le=31_536_000,
        allow_inf_nan=False,
    )
    reconcile_seconds: float = setting(
        "RECONCILE_SECONDS",
        default=60.0,
        allowed=f"{_SECOND} from 1 to 86400, or 0 for never",
        ge=0,
        le=86_400,
        allow_inf_nan=False,
    )
    close_empty_token_accounts: Flag = setting("CLOSE_EMPTY_TOKEN_ACCOUNTS", default=False, allowed=_FLAG)
    simulation_costs: Flag = setting("SIMULATION_COSTS", default=True, allowed=_FLAG)
    exits_need_automated_trading: Flag = setting("EXITS_NEED_AUTOMATED_TRADING", default=False, allowed=_FLAG)
