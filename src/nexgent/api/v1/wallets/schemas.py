"""Shapes of wallets."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, Strict, WithJsonSchema

from nexgent.api.fields import parse_uuid
from nexgent.api.http.confirmation import ConfirmedBody, to_confirm
from nexgent.api.http.models import ApiModel, Body, SchemaBody
from nexgent.api.http.problems import json_type, problem
from nexgent.api.http.types import AnAgentId, DecimalNumber, Instant
from nexgent.domain.agents.models import TradingMode, Wallet
from nexgent.domain.wallets.assign_wallet import MAX_ADDRESS_LENGTH
from nexgent.domain.wallets.check_deposits import DepositCheck
from nexgent.domain.wallets.encrypted.models import WalletSource
from nexgent.domain.wallets.list_wallets import AgentWallet, AgentWallets
from nexgent.domain.wallets.reset_wallet import ResetResult
from nexgent.shared.errors import InvalidInputError
from nexgent.shared.money import sol
from nexgent.shared.types import AgentId, WalletAddress

Mode = Annotated[TradingMode, Strict(False)]
Source = Annotated[WalletSource, Strict(False)]
Network = Literal["testnet", "mainnet"]
NETWORK: dict[TradingMode, Network] = {TradingMode.SIMULATION: "testnet", TradingMode.LIVE: "mainnet"}
_LONGEST_ID = 100


def _agent_id(value: object) -> object:
    if not isinstance(value, str):
        raise problem(f"Expected string, received {json_type(value)}")
    if len(value) > _LONGEST_ID:
        raise problem(f"String must contain at most {_LONGEST_ID} character(s)")
    try:
        return parse_uuid(value, "agent")
    except InvalidInputError:
        raise problem("Invalid uuid") from None


ListedAgentId = Annotated[
    AgentId, BeforeValidator(_agent_id), WithJsonSchema({"type": "string", "format": "uuid"})
]
"""The agent's id in a body all of whose problems are listed."""
GivenAddress = Annotated[str, Field(min_length=1, max_length=MAX_ADDRESS_LENGTH), AfterValidator(str.strip)]


class AgentWalletOut(ApiModel):
    """A wallet of an agent; `isAvailable` tells whether it can trade."""

    wallet_address: str
    wallet_type: Mode
    is_available: bool
    source: Source
    is_unlocked: bool
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, one: AgentWallet) -> AgentWalletOut:
        """Return a wallet of an agent."""
        return cls.model_construct(
            wallet_address=one.wallet.address,
            wallet_type=one.wallet.mode,
            is_available=one.can_trade,
            source=one.source,
            is_unlocked=one.can_trade,
            created_at=one.wallet.created_at,
            updated_at=one.wallet.updated_at,
        )


class LoadedWalletOut(ApiModel):
    """A live wallet whose key is loaded; `isAssigned` when any agent has it."""

    wallet_address: str
    is_assigned: bool


class WalletsOut(ApiModel):
    """The wallets of an agent, and the live wallets there are."""

    agent_wallets: list[AgentWalletOut]
    available_wallets: list[LoadedWalletOut]

    @classmethod
    def of(cls, wallets: AgentWallets) -> WalletsOut:
        """Return the wallets of an agent, and those that are loaded."""
        return cls.model_construct(
            agent_wallets=[AgentWalletOut.of(one) for one in wallets.own],
            available_wallets=[
                LoadedWalletOut.model_construct(wallet_address=address, is_assigned=taken)
                for address, taken in wallets.loaded
            ],
        )


class AssignIn(SchemaBody):
    """Which wallet an agent shall have."""

    agent_id: ListedAgentId
    wallet_address: GivenAddress
    wallet_type: Mode


class AssignOut(ApiModel):
    """The wallet an agent has now."""

    success: bool
    wallet_address: str
    wallet_type: Mode
    network: Network
    message: str

    @classmethod
    def of(cls, wallet: Wallet, *, is_new: bool) -> AssignOut:
        """Return the wallet an agent has now."""
        return cls.model_construct(
            success=True,
            wallet_address=wallet.address,
            wallet_type=wallet.mode,
            network=NETWORK[wallet.mode],
            message="Wallet assigned successfully" if is_new else "Wallet updated successfully",
        )


class ResetIn(ConfirmedBody, Body):
    """Yes, really."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"confirm": True}]})

    asks: ClassVar[str] = to_confirm("reset the wallet")

    confirm: Literal[True]


class UnassignIn(ResetIn):
    """Yes, really."""

    asks: ClassVar[str] = to_confirm("unassign the wallet")


class DeletedRowsOut(ApiModel):
    """How many rows are gone."""

    positions: int
    historical_swaps: int
    balances: int
    transactions: int
    balance_snapshots: int


class ResetOut(ApiModel):
    """What a reset has deleted; `duration` in milliseconds."""

    success: bool
    message: str
    wallet_address: str
    deleted: DeletedRowsOut
    duration: int

    @classmethod
    def of(cls, address: WalletAddress, result: ResetResult, message: str) -> ResetOut:
        """Return what was deleted."""
        deleted = result.deleted
        return cls.model_construct(
            success=True,
            message=message,
            wallet_address=address,
            deleted=DeletedRowsOut.showing(deleted),
            duration=result.milliseconds,
        )


class CheckDepositsIn(Body):
    """The agent that has the wallet."""

    agent_id: AnAgentId


class CheckDepositsOut(ApiModel):
    """Balances in SOL; a deposit that was found is recorded."""

    success: bool
    deposit_detected: bool
    previous_balance: DecimalNumber
    on_chain_balance: DecimalNumber
    deposit_amount: DecimalNumber | None
    transaction_id: UUID | None
    message: str

    @classmethod
    def of(cls, check: DepositCheck) -> CheckDepositsOut:
        """Return what was found on the chain."""
        booked = check.transaction_id is not None
        return cls.model_construct(
            success=True,
            deposit_detected=booked,
            previous_balance=sol(check.previous_lamports),
            on_chain_balance=sol(check.on_chain_lamports),
            deposit_amount=sol(check.difference_lamports) if booked else None,
            transaction_id=check.transaction_id,
            message=check.message,
        )
