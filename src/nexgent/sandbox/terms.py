"""What a run may change about the chain and the orders while it goes on."""

from __future__ import annotations

from dataclasses import dataclass

from nexgent.sandbox.constants import TOKEN_ACCOUNT_BYTES
from nexgent.sandbox.settings import SandboxSettings

# An account pays for this many bytes beside its own, as on the real chain.
_ACCOUNT_OVERHEAD_BYTES = 128


@dataclass(slots=True)
class ChainTerms:
    """Terms that hold for what happens from now on."""

    slot_seconds: float
    """How long a slot is; 0 stops the clock of the chain."""
    order_version: int
    """The version of the transactions in orders: 0 or 1."""
    rent_lamports: int
    """The deposit of a token account of 165 bytes."""
    second_node_slots_behind: int
    """How far the node at `/rpc/second` is behind the one at `/rpc`."""
    understated_blocks: int
    """By how much orders understate the last block height at which they can land."""
    platform_fee_part_bps: int | None
    """What `platformFee.feeBps` says; None is the whole fee. The fee that is charged is `feeBps` either way."""
    genesis: str = ""
    """A name for another chain than the one of the seed, whose genesis hash `getGenesisHash` then tells."""

    def rent_for(self, size_bytes: int) -> int:
        """Return the least lamports with which an account of that size is exempt from rent."""
        whole = _ACCOUNT_OVERHEAD_BYTES + TOKEN_ACCOUNT_BYTES
        return (_ACCOUNT_OVERHEAD_BYTES + size_bytes) * self.rent_lamports // whole


def first_terms(settings: SandboxSettings) -> ChainTerms:
    """Return the terms a sandbox starts with."""
    return ChainTerms(
        slot_seconds=settings.slot_seconds,
        order_version=settings.order_version,
        rent_lamports=settings.rent_lamports,
        second_node_slots_behind=settings.second_node_slots_behind,
        understated_blocks=0,
        platform_fee_part_bps=settings.platform_fee_part_bps,
    )
