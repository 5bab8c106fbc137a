"""A sealed file opens as it was written, at any place, and not otherwise."""

from __future__ import annotations

import io
import os
import zipfile
from typing import IO, cast

import pytest

from nexgent.infrastructure.backup.errors import DamagedBackupError, WrongPassphraseError
from nexgent.infrastructure.backup.sealed import MAGIC, PIECE_BYTES, SealedReader, SealedWriter, is_sealed
from nexgent.infrastructure.wallets.crypto import ScryptCost

CHEAP = ScryptCost(n=2, r=1, p=1)
PASSPHRASE = "correct horse battery"
_HEADER_BYTES = len(MAGIC) + 3 + 16
_SEALED_PIECE = PIECE_BYTES + 16


def sealed(content: bytes, *, step: int = 1 << 20) -> bytes:
    below = io.BytesIO()
    with SealedWriter(below, PASSPHRASE, cost=CHEAP) as writer:
        for start in range(0, len(content), step):
            writer.write(content[start : start + step])
    return below.getvalue()


def read(data: bytes, passphrase: str = PASSPHRASE) -> bytes:
    with io.BufferedReader(SealedReader(io.BytesIO(data), passphrase)) as reader:
        return reader.read()


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES])
@pytest.mark.parametrize("step", [1_000, 1 << 20])
def test_what_was_written_is_read(size: int, step: int) -> None:
    content = os.urandom(size)
    data = sealed(content, step=step)
    assert is_sealed(io.BytesIO(data))
    assert size < 16 or content[:16] not in data
    assert read(data) == content


def test_it_is_read_at_any_place() -> None:
    content = os.urandom(3 * PIECE_BYTES + 17)
    reader = SealedReader(io.BytesIO(sealed(content)), PASSPHRASE)
    for place in (3 * PIECE_BYTES, 5, PIECE_BYTES - 2, 2 * PIECE_BYTES + 1, len(content), len(content) + 9):
        assert reader.seek(place) == place
        assert content[place : place + 4].startswith(reader.read(4) or b"")
        assert reader.seek(-4, os.SEEK_END) == len(content) - 4
        assert reader.read() == content[-4:]


def test_a_zip_file_fits_in_it() -> None:
    below = io.BytesIO()
    with (
        SealedWriter(below, PASSPHRASE, cost=CHEAP) as writer,
        zipfile.ZipFile(cast("IO[bytes]", writer), "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a", "w", force_zip64=True) as member,
    ):
        member.write(bytes(1 << 18))
    reader = cast("IO[bytes]", SealedReader(io.BytesIO(below.getvalue()), PASSPHRASE))
    assert zipfile.ZipFile(reader).read("a") == bytes(1 << 18)


@pytest.mark.parametrize("before_the_end", [*range(0, 260, 13), PIECE_BYTES - 40])
def test_a_zip_file_is_read_wherever_its_parts_lie(before_the_end: int) -> None:
    """Parts of it, such as the list of its members, may begin in one piece and end in the next."""
    content = os.urandom(PIECE_BYTES - before_the_end)
    below = io.BytesIO()
    with (
        SealedWriter(below, PASSPHRASE, cost=CHEAP) as writer,
        zipfile.ZipFile(cast("IO[bytes]", writer), "w") as archive,
    ):
        archive.writestr("first", content)
        archive.writestr("second", b"short")
    reader = cast("IO[bytes]", SealedReader(io.BytesIO(below.getvalue()), PASSPHRASE))
    with zipfile.ZipFile(reader) as archive:
        assert (archive.read("first"), archive.read("second")) == (content, b"short")


def test_as_much_is_read_as_was_asked_for() -> None:
    content = os.urandom(3 * PIECE_BYTES)
    reader = SealedReader(io.BytesIO(sealed(content)), PASSPHRASE)
    reader.seek(5)
    assert reader.read(2 * PIECE_BYTES) == content[5 : 5 + 2 * PIECE_BYTES]
    assert reader.read(2 * PIECE_BYTES) == content[5 + 2 * PIECE_BYTES :]
    assert reader.read(1) == b""


def test_the_same_characters_in_another_encoding_open_it() -> None:
    below = io.BytesIO()
    with SealedWriter(below, "Schlüssel im Kästchen", cost=CHEAP) as writer:
        writer.write(b"content")
    assert read(below.getvalue(), "Schlu\u0308ssel im Ka\u0308stchen") == b"content"


def test_another_passphrase_does_not_open_it() -> None:
    with pytest.raises(WrongPassphraseError):
        read(sealed(b"content"), "correct horse batteri")


@pytest.mark.parametrize("length", [0, 5, _HEADER_BYTES - 1, _HEADER_BYTES, _HEADER_BYTES + 7])
def test_hardly_anything_is_left_of_it(length: int) -> None:
    with pytest.raises(DamagedBackupError):
        read(sealed(os.urandom(100))[:length])


def test_pieces_that_are_cut_off_exchanged_or_changed() -> None:
    data = sealed(os.urandom(3 * PIECE_BYTES))
    header, pieces = data[:_HEADER_BYTES], data[_HEADER_BYTES:]
    one, two, three = (
        pieces[start : start + _SEALED_PIECE] for start in range(0, len(pieces), _SEALED_PIECE)
    )
    for damaged in (
        one + two,
        one + three + two,
        one + three,
        one + two + three[:-1],
        one + two[:-1] + bytes((two[-1] ^ 1,)) + three,
        one + two + three + three,
    ):
        with pytest.raises(DamagedBackupError):
            read(header + damaged)


def test_a_header_that_asks_for_all_the_memory_there_is() -> None:
    data = bytearray(sealed(b"content"))
    data[len(MAGIC) : len(MAGIC) + 3] = bytes((255, 255, 255))
    with pytest.raises(DamagedBackupError, match="header"):
        read(bytes(data))
