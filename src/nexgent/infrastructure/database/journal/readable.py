"""Whether the body of a trade's step can be read, found out without making of it what it says.

To make the ids and decimals of a body takes longer than all else that is done with a line when it is checked first, and nobody
wants them: of most it is enough that they are some. So they stay texts, and it is looked at all of them at once whether they are
written as ours are. Whatever is written in another way is read as it always is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache, reduce
from operator import or_
from types import NoneType
from typing import Annotated, Any

import msgspec
from msgspec import inspect

from nexgent.domain.ledger.models import TradeIntended, TradeSettled
from nexgent.infrastructure.database.journal.codec import KINDS

_ID = Annotated[str, msgspec.Meta(min_length=36, max_length=36)]
_NUMBER = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
_PLAIN: Mapping[type[inspect.Type], Any] = {
    inspect.UUIDType: _ID,
    inspect.DecimalType: _NUMBER,
    inspect.StrType: str,
    inspect.IntType: int,
    inspect.BoolType: bool,
    inspect.NoneType: NoneType,
    inspect.DateTimeType: datetime,
}
# Every hexadecimal digit as a nought.
_AS_NOUGHTS = bytes.maketrans(b"123456789abcdef", b"0" * 15)
_AN_ID = b"00000000-0000-0000-0000-000000000000"
_IDS = tuple(_AN_ID * count for count in range(64))
_DIGITS = b"0123456789"
# How decimals are written that have an exponent, as quite small ones do.
_NUMBERS = re.compile(r",(?:-?[0-9]+(?:\.[0-9]+)?(?:E[+-][0-9]{1,3})?,)+")


def read_step(kind: bytes, body: bytes) -> Any:
    """Return a body with its ids and decimals as texts; None where that does not tell whether it can be read.

    Raises what msgspec raises where it is none of its kind.
    """
    read, texts_of = _READERS[kind]
    found = read(body)
    ids, numbers, count = texts_of(found)
    return found if are_ids(ids) and are_numbers(numbers, count) else None


def are_ids(text: str) -> bool:
    """Tell whether this is nothing but ids as ours are written, one behind the other."""
    count = len(text) // len(_AN_ID)
    return count < len(_IDS) and text.encode().translate(_AS_NOUGHTS) == _IDS[count]


def are_numbers(text: str, count: int) -> bool:
    """Tell whether this is nothing but so many decimals, a comma before each and one behind the last."""
    plain = text.replace(",-", ",") if "-" in text else text
    signs = plain.encode().translate(None, _DIGITS)
    if _is_all_of(signs, count):
        # Each has a digit, and what else it has is one point at most.
        return ",," not in plain and ",.," not in plain
    return text.count(",") == count + 1 and _NUMBERS.fullmatch(text) is not None


@lru_cache(maxsize=1_024)
def _is_all_of(signs: bytes, count: int) -> bool:
    """Tell whether this is what is left of so many decimals without their digits."""
    return signs.count(b",") == count + 1 and b".." not in signs and not signs.translate(None, b".,")


# Of what may be missing, what stands in for it is one. An empty text is none.
def _of_intended(found: Any) -> tuple[str, str, int]:
    intent, evidence, position = found.intent, found.intent.evidence, found.position
    ids, numbers, count = f"{intent.id}{intent.agent_id}{intent.position_id or ''}", ",", 0
    if evidence is not None:
        numbers, count = f",{evidence.price_sol},", 1
    if position is not None:
        its_ids, its_numbers = _of_position(position)
        ids, numbers, count = ids + its_ids, numbers + its_numbers, count + 4
    return ids, numbers, count


def _of_position(position: Any) -> tuple[str, str]:
    """Return its ids, and its four decimals with a comma behind each."""
    trail = position.base_trail
    ids = (
        f"{position.id}{position.agent_id}{position.purchase_transaction_id}{trail.position_id}"
        f"{''.join(position.dca_transaction_ids)}{''.join(position.take_profit_transaction_ids)}"
    )
    return (
        ids,
        f"{position.entry_price_sol},{trail.peak_price_sol},{trail.lowest_price_sol},{trail.stop_loss_pct or 0},",
    )


def _of_settled(found: Any) -> tuple[str, str, int]:
    swap, position, closed = found.transaction, found.position, found.closed
    ids = f"{found.intent_id}{swap.id}{swap.agent_id}{found.position_id}"
    numbers = (
        f",{swap.value_usd},{swap.input_amount or 0},{swap.input_price or 0},{swap.output_amount or 0}"
        f",{swap.output_price or 0},{swap.fees or 0},{swap.slippage or 0},{swap.price_impact or 0}"
        f",{swap.protocol_fee_sol or 0},{swap.network_fee_sol or 0},"
    )
    count = 10
    if position is not None:
        its_ids, its_numbers = _of_position(position)
        ids, numbers, count = ids + its_ids, numbers + its_numbers, count + 4
    if closed is not None:
        ids += (
            f"{closed.id}{closed.position_id}{closed.agent_id}{closed.purchase_transaction_id}"
            f"{closed.sale_transaction_id}"
        )
        numbers += (
            f"{closed.amount},{closed.purchase_price},{closed.sale_price},{closed.change_percent}"
            f",{closed.profit_loss_usd},{closed.profit_loss_sol},"
        )
        count += 6
    return ids, numbers, count


def _as_texts(known: inspect.Type, made: dict[type, type]) -> Any:
    """Return a type in which ids and decimals are texts, and all else is what it is."""
    if isinstance(known, inspect.UnionType):
        return reduce(or_, (_as_texts(one, made) for one in known.types))
    if isinstance(known, inspect.VarTupleType):
        return list[_as_texts(known.item_type, made)]  # type: ignore[misc]
    if isinstance(known, inspect.EnumType):
        return known.cls
    if isinstance(known, inspect.StructType):
        if known.cls not in made:
            made[known.cls] = msgspec.defstruct(
                known.cls.__name__, [_field(one, made) for one in known.fields], kw_only=True, gc=False
            )
        return made[known.cls]
    return _PLAIN[type(known)]


def _field(field: inspect.Field, made: dict[type, type]) -> tuple[str, Any] | tuple[str, Any, Any]:
    kind = _as_texts(field.type, made)
    if field.required:
        return field.encode_name, kind
    if field.default is not msgspec.NODEFAULT:
        return field.encode_name, kind, field.default
    return field.encode_name, kind, msgspec.field(default_factory=field.default_factory)


def _reader(
    body: type, texts_of: Callable[[Any], tuple[str, str, int]]
) -> tuple[Callable[[bytes], Any], Callable[[Any], tuple[str, str, int]]]:
    return msgspec.json.Decoder(_as_texts(inspect.type_info(body), {})).decode, texts_of


_READERS = {
    KINDS[TradeIntended].encode(): _reader(TradeIntended, _of_intended),
    KINDS[TradeSettled].encode(): _reader(TradeSettled, _of_settled),
}
READ_QUICKLY = frozenset(_READERS)
"""The kinds that nearly all lines have."""
