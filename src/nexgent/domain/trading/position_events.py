"""What recorded entries mean for open positions: the one place that positions are announced from when a trade changed them.

Purchases, sales, take profit, averaging down, write-offs, recovery, resets and deleted agents all end as entries, so whatever
is in the journal has been announced, and nothing is that is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from nexgent.domain.ledger.models import Entry, TradeSettled, WalletReset
from nexgent.domain.ledger.state import WalletState
from nexgent.domain.positions.events import PositionClosed, PositionOpened, PositionUpdated
from nexgent.domain.positions.models import CloseReason, Position, PositionTrail


def position_events(
    before: WalletState, entry: Entry, trail_of: Callable[[Position], PositionTrail]
) -> Iterator[PositionOpened | PositionUpdated | PositionClosed]:
    """Return what an entry did to the positions of its wallet, given the state it met.

    Pure; `trail_of` tells what prices have made of a position by now, and is asked as each event is taken.
    """
    match entry.body:
        case TradeSettled(position=None) as settled:
            closed = before.positions.get(settled.position_id)
            if closed is not None:
                yield _closed(closed, settled.reason)
        case TradeSettled(position=Position() as position):
            if position.id in before.positions:
                yield PositionUpdated(position, trail_of(position))
            else:
                yield PositionOpened(position, position.base_trail)
        case WalletReset():
            for position in before.positions.values():
                yield _closed(position, None)
        case _:
            # Intents and remembered exits change what the journal knows of a position, not what it holds.
            pass


def _closed(position: Position, reason: CloseReason | None) -> PositionClosed:
    return PositionClosed(
        position.id,
        position.agent_id,
        position.wallet_address,
        position.token_address,
        reason,
        position.version + 1,
    )
