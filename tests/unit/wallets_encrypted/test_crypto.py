"""Sealing keys: what opens, what does not, how expensive it is, and who notices."""

from __future__ import annotations

import asyncio
import json
import pickle
import threading
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from nexgent.domain.wallets.encrypted.errors import (
    DamagedSecretError,
    InvalidPassphraseError,
    InvalidPrivateKeyError,
    PassphrasesBusyError,
)
from nexgent.domain.wallets.encrypted.models import Passphrase, SealedKey, SecretKey
from nexgent.infrastructure.wallets import crypto as module
from nexgent.infrastructure.wallets.crypto import DEFAULT_COST, WalletKeyCrypto, seal
from nexgent.shared.types import WalletAddress
from tests.fakes.encrypted_wallets import CHEAP, GOOD, WRONG, address_of
from tests.patience import PATIENCE_SECONDS


@pytest.fixture
def crypto() -> WalletKeyCrypto:
    return WalletKeyCrypto(cost=CHEAP)


def test_the_derivation_is_memory_hard() -> None:
    assert DEFAULT_COST.memory_bytes >= 64 * 1024 * 1024
    assert DEFAULT_COST.usable


async def test_what_was_sealed_opens_with_its_passphrase_only(crypto: WalletKeyCrypto) -> None:
    keypair = Keypair()
    key = crypto.read(str(keypair))

    sealed = await crypto.seal(key, Passphrase(GOOD))
    opened = await crypto.open(sealed, Passphrase(GOOD))

    assert sealed.address == crypto.address_of(opened) == address_of(keypair)
    assert bytes(opened.raw) == bytes(keypair)
    assert crypto.exported(opened) == str(keypair)
    with pytest.raises(InvalidPassphraseError):
        await crypto.open(sealed, Passphrase(WRONG))


async def test_a_new_key_is_a_key_of_solana(crypto: WalletKeyCrypto) -> None:
    first, second = crypto.generate(), crypto.generate()

    assert str(Keypair.from_bytes(bytes(first.raw)).pubkey()) == crypto.address_of(first)
    assert first.raw != second.raw


async def test_nothing_is_used_twice(crypto: WalletKeyCrypto) -> None:
    key = crypto.generate()

    one, two = await crypto.seal(key, Passphrase(GOOD)), await crypto.seal(key, Passphrase(GOOD))

    assert len({one.nonce, two.nonce}) == len({one.salt, two.salt}) == 2
    assert one.ciphertext != two.ciphertext
    assert (len(one.nonce), len(one.salt), len(one.ciphertext)) == (12, 16, 64 + 16)


async def test_a_record_moved_to_another_address_does_not_open(crypto: WalletKeyCrypto) -> None:
    sealed = await crypto.seal(crypto.generate(), Passphrase(GOOD))
    other = await crypto.seal(crypto.generate(), Passphrase(GOOD))

    moved = replace(sealed, address=other.address)

    with pytest.raises(InvalidPassphraseError):
        await crypto.open(moved, Passphrase(GOOD))


@settings(max_examples=40, deadline=None)
@given(
    field=st.sampled_from(["salt", "nonce", "ciphertext"]), place=st.integers(0, 79), bit=st.integers(0, 7)
)
def test_no_bit_can_be_changed(field: str, place: int, bit: int) -> None:
    sealed = seal(WalletKeyCrypto(cost=CHEAP).generate(), Passphrase(GOOD), CHEAP)
    raw = bytearray(getattr(sealed, field))
    raw[place % len(raw)] ^= 1 << bit
    changed: dict[str, Any] = {field: bytes(raw)}

    with pytest.raises(InvalidPassphraseError):
        asyncio.run(WalletKeyCrypto(cost=CHEAP).open(replace(sealed, **changed), Passphrase(GOOD)))


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"kdf": "pbkdf2"},
        {"kdf_parameters": {}},
        {"kdf_parameters": {"n": 1 << 40, "r": 8, "p": 1}},
        {"kdf_parameters": {"n": 17, "r": 8, "p": 1}},
        {"kdf_parameters": {"n": 16, "r": 8, "p": "1"}},
        {"kdf_parameters": {"n": 16, "r": 1, "p": 1, "x": 1}},
        {"salt": b"short"},
        {"nonce": b"short"},
        {"ciphertext": b"short"},
    ],
)
async def test_what_is_no_record_of_ours_is_refused_before_anything_is_derived(
    crypto: WalletKeyCrypto, change: dict[str, Any]
) -> None:
    sealed = await crypto.seal(crypto.generate(), Passphrase(GOOD))

    with pytest.raises(DamagedSecretError):
        await crypto.open(replace(sealed, **change), Passphrase(GOOD))


async def test_stored_parameters_decide_not_present_ones(crypto: WalletKeyCrypto) -> None:
    sealed = await crypto.seal(crypto.generate(), Passphrase(GOOD))
    dearer = WalletKeyCrypto(cost=module.ScryptCost(n=64, r=1, p=1))

    assert dearer.address_of(await dearer.open(sealed, Passphrase(GOOD))) == sealed.address
    assert (await dearer.seal(dearer.generate(), Passphrase(GOOD))).kdf_parameters["n"] == 64


async def test_the_same_text_in_another_encoding_is_the_same_passphrase(crypto: WalletKeyCrypto) -> None:
    sealed = await crypto.seal(crypto.generate(), Passphrase("Gl\u00fcck und Gl\u00e4ser"))

    opened = await crypto.open(sealed, Passphrase("Glu\u0308ck und Gla\u0308ser"))

    assert crypto.address_of(opened) == sealed.address


def test_all_formats_of_a_key_give_the_same_wallet(crypto: WalletKeyCrypto) -> None:
    keypair = Keypair()
    numbers = list(bytes(keypair))
    formats = (str(keypair), str(Pubkey(keypair.secret())), numbers, json.dumps(numbers), f" {keypair}\n")

    for value in formats:
        assert bytes(crypto.read(value).raw) == bytes(keypair)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "nonsense",
        "0OIl",
        "[1, 2]",
        "[1,",
        [1] * 63,
        [256] * 64,
        [-1] * 64,
        [True] * 64,
        {},
        5,
        "1" * 100_000,
    ],
)
def test_what_is_no_key_is_refused_without_a_quote(crypto: WalletKeyCrypto, value: object) -> None:
    with pytest.raises(InvalidPrivateKeyError) as caught:
        crypto.read(value)

    assert "base58 of 32 or 64 bytes" in caught.value.message
    assert "nonsense" not in caught.value.message


def test_halves_that_do_not_belong_together_are_refused(crypto: WalletKeyCrypto) -> None:
    mixed = [*bytes(Keypair())[:32], *bytes(Keypair())[32:]]

    with pytest.raises(InvalidPrivateKeyError, match="public half"):
        crypto.read(mixed)


def test_secrets_are_neither_shown_nor_serialised() -> None:
    keypair = Keypair()
    key, passphrase = SecretKey(bytearray(bytes(keypair))), Passphrase(GOOD)

    assert repr(key) == "SecretKey([hidden])"
    assert GOOD not in repr(passphrase) + str(passphrase)
    for secret in (key, passphrase):
        with pytest.raises(TypeError):
            pickle.dumps(secret)


def test_wiping_overwrites_the_bytes_themselves() -> None:
    raw = bytearray(bytes(Keypair()))
    key = SecretKey(raw)

    key.wipe()

    assert raw == bytearray(64)
    assert len(key.raw) == 0


async def test_at_most_two_derivations_at_once_and_then_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    crypto = WalletKeyCrypto(cost=CHEAP, max_waiting=5)
    key = crypto.generate()
    running, most, calls, lock, go = 0, 0, 0, threading.Lock(), threading.Event()
    two = threading.Barrier(2, timeout=PATIENCE_SECONDS)

    def derive(*_: object) -> bytearray:
        nonlocal running, most, calls
        with lock:
            running += 1
            most = max(most, running)
            calls += 1
            among_the_first = calls <= 2
        if among_the_first:
            two.wait()
        go.wait(10)
        with lock:
            running -= 1
        return bytearray(32)

    monkeypatch.setattr(module, "_derive", derive)
    waiting = [asyncio.create_task(crypto.seal(key, Passphrase(GOOD))) for _ in range(5)]
    await asyncio.sleep(0)

    with pytest.raises(PassphrasesBusyError):
        crypto.require_capacity()
    go.set()
    await asyncio.gather(*waiting)
    crypto.require_capacity()

    assert most == 2


async def test_a_cancelled_opening_leaves_no_key_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    crypto = WalletKeyCrypto(cost=CHEAP)
    sealed = await crypto.seal(crypto.generate(), Passphrase(GOOD))
    made: list[SecretKey] = []
    begun, go = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()
    genuine = module._open

    def slow(*arguments: Any) -> SecretKey:
        loop.call_soon_threadsafe(begun.set)
        go.wait(10)
        made.append(genuine(*arguments))
        return made[0]

    monkeypatch.setattr(module, "_open", slow)
    task = asyncio.create_task(crypto.open(sealed, Passphrase(GOOD)))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go.set()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not made or len(made[0].raw):
            await asyncio.sleep(0.001)


async def test_the_event_loop_goes_on_while_keys_are_derived() -> None:
    crypto = WalletKeyCrypto()
    sealed: SealedKey = await crypto.seal(crypto.generate(), Passphrase(GOOD))
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.001)
            ticks += 1

    ticker = asyncio.create_task(tick())
    opened = await asyncio.gather(*(crypto.open(sealed, Passphrase(GOOD)) for _ in range(4)))
    ticker.cancel()

    assert {crypto.address_of(key) for key in opened} == {WalletAddress(sealed.address)}
    # Were the loop held up, it would turn a few times between the derivations, and not hundreds of times beside them.
    assert ticks >= 20
