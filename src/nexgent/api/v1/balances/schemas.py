"""Shapes of balances."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import msgspec
from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from nexgent.api.encoding import encode, iso
from nexgent.api.fields import shown
from nexgent.api.http.models import ApiModel, Body, Query
from nexgent.api.http.problems import problem, problem_text
from nexgent.api.http.types import (
    AgentIdInQuery,
    AnAgentId,
    DecimalNumber,
    DecimalText,
    FlagInQuery,
    GivenMint,
    Instant,
    Mint,
    NotBlank,
    Trimmed,
    WalletInQuery,
)
from nexgent.domain.bookkeeping.ports import OwnedBalance
from nexgent.shared.money import from_raw, plain
from nexgent.shared.numbers import read_decimal

# No exponents here, unlike elsewhere: the contract wants the plain notation it answers with.
_AMOUNT = re.compile(r"[ \t]*-?[0-9]+(\.[0-9]+)?[ \t]*")


def _amount(given: object) -> object:
    if given is None:
        return None
    amount = read_decimal(given) if isinstance(given, str) and _AMOUNT.fullmatch(given) else None
    if amount is None:
        raise problem(f'a text with a number such as "12.5" is required, received {shown(given)}')
    if amount < 0:
        raise problem("it must not be negative")
    return amount


_AMOUNT_SCHEMA = {"type": "string", "pattern": r"^[ \t]*[0-9]+(\.[0-9]+)?[ \t]*$", "examples": ["12.5"]}
Amount = Annotated[Decimal, BeforeValidator(_amount), WithJsonSchema(_AMOUNT_SCHEMA)]
Symbol = Annotated[str, Field(max_length=20), NotBlank]


class BalancesQuery(Query):
    """Which balances."""

    agent_id: AgentIdInQuery = Field(description="The agent")
    wallet_address: WalletInQuery = None
    held: FlagInQuery = Field(
        default=None,
        description="true for what is held alone: tokens that were sold are left out, which after a year are tens of thousands",
    )


class BalanceIn(Body):
    """A balance to put on the books."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "agentId": "6f9b3c1e-5a40-4d33-9a0b-1c1de8a3b0f2",
                    "tokenAddress": "So11111111111111111111111111111111111111112",
                    "tokenSymbol": "SOL",
                    "balance": "12.5",
                }
            ]
        }
    )

    agent_id: AnAgentId
    token_address: GivenMint
    token_symbol: Symbol
    balance: Amount
    wallet_address: Annotated[str | None, Field(max_length=44), Trimmed] = None


class BalanceChangesIn(Body):
    """What is to be changed of a balance: at least one of both."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"balance": "10"}],
            "anyOf": [
                {"required": [name], "properties": {name: {"not": {"type": "null"}}}}
                for name in ("balance", "tokenSymbol")
            ],
        }
    )

    balance: Amount | None = None
    token_symbol: Symbol | None = None

    @model_validator(mode="after")
    def _something(self) -> BalanceChangesIn:
        if self.balance is None and self.token_symbol is None:
            raise problem_text("balance or tokenSymbol is required")
        return self


class BalanceOut(ApiModel):
    """What a wallet holds of one token; `balance` is the exact amount as text."""

    id: UUID
    agent_id: UUID
    wallet_address: str
    token_address: Mint
    token_symbol: str
    balance: DecimalText
    last_updated: Instant
    price_sol: DecimalNumber | None = None

    @classmethod
    def of(cls, owned: OwnedBalance, price_sol: Decimal | None = None) -> BalanceOut:
        """Return a balance, with the price of its token where one is asked for and known."""
        balance = owned.balance
        shown = cls.showing(
            owned,
            token_address=balance.mint,
            token_symbol=balance.symbol,
            balance=from_raw(balance.amount_raw, balance.decimals),
            last_updated=balance.updated_at,
            price_sol=price_sol,
        )
        if price_sol is None:
            # It is left out, not null.
            shown.model_fields_set.discard("price_sol")
        return shown


class _Written(msgspec.Struct, rename="camel", omit_defaults=True, gc=False):
    """A `BalanceOut` that is only written."""

    id: UUID
    agent_id: UUID
    wallet_address: str
    token_address: str
    token_symbol: str
    balance: str
    last_updated: str
    price_sol: Decimal | None = None


def written(owned: OwnedBalance, price_sol: Decimal | None) -> bytes:
    """Return the JSON of a balance as `BalanceOut` shows it, in half the time: a year leaves tens of thousands in a list."""
    balance = owned.balance
    amount = plain(from_raw(balance.amount_raw, balance.decimals)) if balance.amount_raw else "0"
    return encode(
        _Written(
            owned.id,
            owned.agent_id,
            owned.wallet_address,
            balance.mint,
            balance.symbol,
            amount,
            iso(balance.updated_at),
            price_sol,
        )
    )


def with_price(balance: bytes, price_sol: Decimal | None) -> bytes:
    """Return the JSON of a balance that was written without a price, with one where there is one."""
    return balance if price_sol is None else balance[:-1] + b',"priceSol":' + encode(price_sol) + b"}"
