"""Shapes of encrypted wallets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

import msgspec
from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from nexgent.api.encoding import encode, iso, iso_or_none
from nexgent.api.http.confirmation import ConfirmedBody, to_confirm
from nexgent.api.http.models import ApiModel, SchemaBody
from nexgent.api.http.problems import problem
from nexgent.api.http.types import Instant
from nexgent.api.v1.wallets.schemas import NETWORK, ListedAgentId, Mode, Network, Source
from nexgent.domain.agents.models import TradingMode
from nexgent.domain.wallets.encrypted.models import OwnWallet, Passphrase, WalletSource
from nexgent.domain.wallets.encrypted.passphrases import MAX_LENGTH, MIN_LENGTH
from nexgent.domain.wallets.encrypted.unlock_wallet import MAX_TTL_SECONDS, MIN_TTL_SECONDS


class _PassphraseOf:
    """Reads a passphrase. Messages never quote it, and nothing that holds it shows it."""

    def __init__(self, least: int) -> None:
        self._least = least

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        text = core_schema.str_schema(strict=True, min_length=self._least, max_length=MAX_LENGTH)
        return core_schema.no_info_before_validator_function(
            _required, core_schema.no_info_after_validator_function(Passphrase, text)
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {
            "type": "string",
            "format": "password",
            "writeOnly": True,
            "minLength": self._least,
            "maxLength": MAX_LENGTH,
        }


def _required(value: object) -> object:
    if value is None:
        raise problem("Required")
    return value


GivenPassphrase = Annotated[Passphrase, _PassphraseOf(1)]
NewPassphrase = Annotated[Passphrase, _PassphraseOf(MIN_LENGTH)]


def _private_key(value: object) -> object:
    if value is not None and not isinstance(value, (str, list)):
        raise problem("Expected base58 text or an array of 64 numbers")
    return value


def _seconds(value: object) -> object:
    if value is not None and (type(value) is not int or not MIN_TTL_SECONDS <= value <= MAX_TTL_SECONDS):
        raise problem(f"A whole number from {MIN_TTL_SECONDS} to {MAX_TTL_SECONDS} is required")
    return value


_NULL: dict[str, Any] = {"type": "null"}
PrivateKey = Annotated[
    Any,
    BeforeValidator(_private_key),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "format": "password", "writeOnly": True},
                {"type": "array", "items": {"type": "integer"}},
                _NULL,
            ]
        }
    ),
]
Seconds = Annotated[
    int | None,
    BeforeValidator(_seconds),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": MIN_TTL_SECONDS, "maximum": MAX_TTL_SECONDS}, _NULL]}
    ),
]


class CreateWalletIn(SchemaBody):
    """A wallet for an agent. Without `privateKey` a new key is made; `passphrase` is required for live wallets."""

    agent_id: ListedAgentId
    wallet_type: Mode = TradingMode.LIVE
    passphrase: NewPassphrase | None = Field(default=None, validate_default=True)
    private_key: PrivateKey = Field(default=None, repr=False)

    @field_validator("passphrase", mode="after")
    @classmethod
    def _locks_a_live_one(cls, value: Passphrase | None, info: ValidationInfo) -> Passphrase | None:
        live = info.data.get("wallet_type", TradingMode.LIVE) is TradingMode.LIVE
        if live and value is None:
            raise problem("Required")
        return value if live else None


class WalletCreatedOut(ApiModel):
    """The wallet an agent has now; a live one is locked. No part of the key is in here."""

    success: bool
    wallet_address: str
    wallet_type: Mode
    network: Network
    source: Source
    is_unlocked: bool
    created_at: Instant
    message: str

    @classmethod
    def of(cls, wallet: OwnWallet) -> WalletCreatedOut:
        """Return a wallet that was created or imported."""
        live = wallet.mode is TradingMode.LIVE
        return cls.model_construct(
            success=True,
            wallet_address=wallet.address,
            wallet_type=wallet.mode,
            network=NETWORK[wallet.mode],
            source=wallet.source,
            is_unlocked=wallet.is_unlocked,
            created_at=wallet.created_at,
            message="Wallet created; unlock it to trade" if live else "Wallet created",
        )


class OwnWalletOut(ApiModel):
    """A wallet of the user. `agentId` is null for an encrypted wallet that no agent has at present."""

    wallet_address: str
    agent_id: UUID | None
    wallet_type: Mode
    source: Source
    is_available: bool
    is_unlocked: bool
    unlocked_until: Instant | None
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, wallet: OwnWallet) -> OwnWalletOut:
        """Return a wallet of the user."""
        return cls.showing(
            wallet,
            wallet_address=wallet.address,
            wallet_type=wallet.mode,
            is_available=wallet.is_unlocked,
        )


class OwnWalletsOut(ApiModel):
    """All wallets of the user, newest first."""

    wallets: list[OwnWalletOut]


class _WrittenWallet(msgspec.Struct, rename="camel", gc=False):
    """An `OwnWalletOut` that is only written."""

    wallet_address: str
    agent_id: UUID | None
    wallet_type: TradingMode
    source: WalletSource
    is_available: bool
    is_unlocked: bool
    unlocked_until: str | None
    created_at: str
    updated_at: str


def written(wallets: Iterable[OwnWallet]) -> bytes:
    """Return the JSON of all wallets of the user as `OwnWalletsOut` shows them, in half the time: there may be thousands."""
    shown = []
    for wallet in wallets:
        created_at = iso(wallet.created_at)
        shown.append(
            _WrittenWallet(
                wallet.address,
                wallet.agent_id,
                wallet.mode,
                wallet.source,
                wallet.is_unlocked,
                wallet.is_unlocked,
                iso_or_none(wallet.unlocked_until),
                created_at,
                # Most never change.
                created_at if wallet.updated_at == wallet.created_at else iso(wallet.updated_at),
            )
        )
    return encode({"wallets": shown})


class UnlockIn(SchemaBody):
    """The passphrase, and for how long; without `ttlSeconds` until the wallet is locked or the service stops."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"passphrase": "a long passphrase nobody guesses", "ttlSeconds": 3600}]
        }
    )

    passphrase: GivenPassphrase | None = None
    ttl_seconds: Seconds = None


class UnlockOut(ApiModel):
    """The wallet can sign until then; null without a limit."""

    success: bool
    wallet_address: str
    is_unlocked: bool
    unlocked_until: Instant | None

    @classmethod
    def of(cls, wallet: OwnWallet) -> UnlockOut:
        """Return how a wallet stands."""
        return cls.model_construct(
            success=True,
            wallet_address=wallet.address,
            is_unlocked=wallet.is_unlocked,
            unlocked_until=wallet.unlocked_until,
        )


class LockOut(ApiModel):
    """The wallet cannot sign any more."""

    success: bool
    wallet_address: str
    is_unlocked: bool


class ExportIn(ConfirmedBody, SchemaBody):
    """The passphrase once more, and yes, really."""

    asks: ClassVar[str] = to_confirm("export the private key")

    passphrase: GivenPassphrase
    confirm: Literal[True]


class ExportOut(ApiModel):
    """The private key: base58 of 64 bytes."""

    wallet_address: str
    private_key: str = Field(repr=False)
    format: Literal["base58"]


class DeleteWalletIn(ConfirmedBody, SchemaBody):
    """Yes, really; `force` gives open positions up. `passphrase` is required for encrypted wallets."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"confirm": True, "passphrase": "a long passphrase nobody guesses"}]}
    )

    asks: ClassVar[str] = to_confirm("delete the wallet")

    confirm: Literal[True]
    passphrase: GivenPassphrase | None = None
    force: bool | None = None
