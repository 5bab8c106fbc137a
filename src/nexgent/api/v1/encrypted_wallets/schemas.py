"""Shapes of encrypted wallets."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class CreateWalletIn(BaseModel):
    """A wallet for an agent. Without `privateKey` a new key is made; `passphrase` is required for live wallets."""

    agentId: str  # noqa: N815 -- the contract's names
    walletType: Literal["live", "simulation"] = "live"  # noqa: N815
    passphrase: SecretStr | None = Field(default=None, min_length=12, max_length=256)
    privateKey: SecretStr | list[int] | None = None  # noqa: N815


class WalletCreatedOut(BaseModel):
    """The wallet an agent has now; a live one is locked. No part of the key is in here."""

    success: bool
    walletAddress: str  # noqa: N815
    walletType: Literal["live", "simulation"]  # noqa: N815
    network: Literal["testnet", "mainnet"]
    source: Literal["encrypted", "simulation"]
    isUnlocked: bool  # noqa: N815
    createdAt: str  # noqa: N815
    message: str


class OwnWalletOut(BaseModel):
    """A wallet of the user. `agentId` is null for an encrypted wallet that no agent has at present."""

    walletAddress: str  # noqa: N815
    agentId: str | None  # noqa: N815
    walletType: Literal["live", "simulation"]  # noqa: N815
    source: Literal["environment", "encrypted", "simulation"]
    isAvailable: bool  # noqa: N815
    isUnlocked: bool  # noqa: N815
    unlockedUntil: str | None  # noqa: N815
    createdAt: str  # noqa: N815
    updatedAt: str  # noqa: N815


class OwnWalletsOut(BaseModel):
    """All wallets of the user, newest first."""

    wallets: list[OwnWalletOut]


class UnlockIn(BaseModel):
    """The passphrase, and for how long; without `ttlSeconds` until the wallet is locked or the service stops."""

    passphrase: SecretStr | None = Field(default=None, max_length=256)
    ttlSeconds: int | None = Field(default=None, ge=60, le=86_400)  # noqa: N815


class UnlockOut(BaseModel):
    """The wallet can sign until then; null without a limit."""

    success: bool
    walletAddress: str  # noqa: N815
    isUnlocked: bool  # noqa: N815
    unlockedUntil: str | None  # noqa: N815


class LockOut(BaseModel):
    """The wallet cannot sign any more."""

    success: bool
    walletAddress: str  # noqa: N815
    isUnlocked: bool  # noqa: N815


class ExportIn(BaseModel):
    """The passphrase once more, and yes, really."""

    passphrase: SecretStr = Field(max_length=256)
    confirm: Literal[True]


class ExportOut(BaseModel):
    """The private key: base58 of 64 bytes."""

    walletAddress: str  # noqa: N815
    privateKey: str  # noqa: N815
    format: Literal["base58"]


class DeleteWalletIn(BaseModel):
    """Yes, really; `force` gives open positions up. `passphrase` is required for encrypted wallets."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"confirm": True, "passphrase": "…"}]})

    confirm: Literal[True]
    passphrase: SecretStr | None = Field(default=None, max_length=256)
    force: bool = False
