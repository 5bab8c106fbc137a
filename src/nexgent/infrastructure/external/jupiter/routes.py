"""What the swap instructions of Jupiter say of amounts and accounts. Pure.

Read are the exact-in instructions of the aggregator (v6) and the fill of the order engine, which market makers settle with:

    route                     …route plan, then in u64, quoted out u64, slippage bps u16, platform fee bps u8 at the very end
    shared_accounts_route     id u8, …route plan, then the same tail
    route_v2                  in u64, quoted out u64, slippage bps u16, platform fee bps u16, positive slippage bps u16, …
    shared_accounts_route_v2  id u8, then the same head
    fill (order engine)       in u64, out u64, expiry i64: what the maker gives is exact

An instruction of these programs that is not among them is not read, so it is not signed: exact-out routes may take more than
was ordered, and routes with a token ledger take whatever is there.
"""

from __future__ import annotations

from dataclasses import dataclass

from nexgent.infrastructure.external.jupiter.decoded import Step

AGGREGATOR = "JUP6LkbZbjS1jKKwapdHNy74zcZ3tLUZoi5QNyVTaV4"
ORDER_ENGINE = "61DFfeTKM7trxYcPQCM78bJ794ddZprZpAwAnLiwTpYH"
_TAIL_BYTES = 19
_HEAD_BYTES = 22
_FILL_BYTES = 32
_BPS = 10_000


@dataclass(frozen=True, slots=True)
class Route:
    """The terms of a swap instruction. A mint of None is not named by it; an account of None is native SOL of the wallet."""

    program: str
    authority: str
    source: str | None
    destination: str | None
    input_mint: str | None
    output_mint: str
    in_amount: int
    minimum_out: int
    platform_fee_bps: int
    maker: str | None = None


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the accounts stand. `other_destination` is an optional account that gets the output instead."""

    authority: int
    source: int
    destination: int
    input_mint: int | None
    output_mint: int
    other_destination: int | None
    tail: bool
    head: int = 8


_LAYOUTS = {
    bytes([229, 23, 203, 151, 122, 227, 173, 42]): _Layout(1, 2, 3, None, 5, 4, tail=True),
    bytes([193, 32, 155, 51, 65, 214, 156, 129]): _Layout(2, 3, 6, 7, 8, None, tail=True),
    bytes([187, 100, 250, 204, 49, 196, 175, 20]): _Layout(0, 1, 2, 3, 4, 7, tail=False),
    bytes([209, 152, 83, 147, 124, 254, 216, 233]): _Layout(1, 2, 5, 6, 7, None, tail=False, head=9),
}
ROUTE_V2 = bytes([187, 100, 250, 204, 49, 196, 175, 20])
FILL = bytes([168, 96, 183, 163, 92, 10, 40, 160])


def read_route(step: Step) -> Route | None:
    """Return the terms of a swap instruction, None when its layout is not known."""
    if step.program == ORDER_ENGINE:
        return _fill(step)
    layout = _LAYOUTS.get(step.data[:8])
    if step.program != AGGREGATOR or layout is None:
        return None
    if layout.tail:
        terms, fee_bytes = step.data[-_TAIL_BYTES:], 1
        complete = len(step.data) >= 8 + 4 + _TAIL_BYTES
    else:
        terms, fee_bytes = step.data[layout.head : layout.head + _HEAD_BYTES], 2
        complete = len(terms) == _HEAD_BYTES
    if not complete or len(step.accounts) <= max(layout.output_mint, layout.other_destination or 0):
        return None
    quoted, slippage = _number(terms[8:16]), _number(terms[16:18])
    destination = step.accounts[layout.destination]
    if layout.other_destination is not None:
        other = step.accounts[layout.other_destination]
        # The program's own address stands for an optional account that is not given.
        destination = destination if other == AGGREGATOR else other
    return Route(
        program=AGGREGATOR,
        authority=step.accounts[layout.authority],
        source=step.accounts[layout.source],
        destination=destination,
        input_mint=step.accounts[layout.input_mint] if layout.input_mint is not None else None,
        output_mint=step.accounts[layout.output_mint],
        in_amount=_number(terms[:8]),
        minimum_out=quoted * max(_BPS - slippage, 0) // _BPS,
        platform_fee_bps=_number(terms[18 : 18 + fee_bytes]),
    )


def _fill(step: Step) -> Route | None:
    if step.data[:8] != FILL or len(step.data) != _FILL_BYTES or len(step.accounts) < 10:
        return None
    source, destination = step.accounts[2], step.accounts[4]
    return Route(
        program=ORDER_ENGINE,
        authority=step.accounts[0],
        source=source if source != ORDER_ENGINE else None,
        destination=destination if destination != ORDER_ENGINE else None,
        input_mint=step.accounts[6],
        output_mint=step.accounts[8],
        in_amount=_number(step.data[8:16]),
        minimum_out=_number(step.data[16:24]),
        platform_fee_bps=0,
        maker=step.accounts[1],
    )


def _number(raw: bytes) -> int:
    return int.from_bytes(raw, "little")
