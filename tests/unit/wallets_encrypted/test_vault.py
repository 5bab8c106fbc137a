"""Unlocked keys: until when they are there, who may end it, and that they sign as Solana signs."""

from __future__ import annotations

from datetime import timedelta

import pytest
from solders.keypair import Keypair
from solders.signature import Signature

from nexgent.domain.trading.errors import WalletNotLoadedError
from nexgent.domain.wallets.encrypted.errors import LockedMeanwhileError, WalletLockedError
from nexgent.domain.wallets.encrypted.events import WalletLocked
from nexgent.domain.wallets.encrypted.index import EncryptedWalletIndex
from nexgent.domain.wallets.encrypted.models import SecretKey
from nexgent.infrastructure.external.jupiter.signing import WalletSigner
from nexgent.infrastructure.wallets.keys import EnvironmentWalletKeys
from nexgent.infrastructure.wallets.loaded_keys import LoadedKeys
from nexgent.infrastructure.wallets.vault import KeyVault
from nexgent.shared.ids import new_id
from nexgent.shared.types import UserId, WalletAddress
from tests.fakes.clock import FakeClock
from tests.fakes.encrypted_wallets import FakeSecrets, address_of


class Vault:
    """A vault with one key in it."""

    def __init__(self, *, ttl: int | None = None, idle: float | None = None) -> None:
        self.clock = FakeClock()
        self.used = False
        self.events: list[object] = []
        self.keypair = Keypair()
        self.address = address_of(self.keypair)
        self.raw = bytearray(bytes(self.keypair))
        self.vault = KeyVault(
            clock=self.clock, idle_seconds=idle, in_use=lambda _: self.used, publish=self.events.append
        )
        self.until = self.vault.put(self.address, SecretKey(self.raw), ttl_seconds=ttl, generation=0)

    def wiped(self) -> bool:
        return self.raw == bytearray(64)


def test_a_signature_is_the_wallets() -> None:
    held = Vault()

    signature = held.vault.sign(held.address, b"message")

    assert Signature.from_bytes(signature).verify(held.keypair.pubkey(), b"message")
    assert held.vault.unlocked_until(held.address) is None
    assert str(held.address) not in repr(held.vault)


def test_some_can_be_locked() -> None:
    held = Vault()

    held.vault.lock_where(lambda address: address != held.address, "moved")
    assert held.vault.is_unlocked(held.address)
    held.vault.lock_where(lambda address: address == held.address, "moved")

    assert held.wiped()
    assert held.events == [WalletLocked(held.address, "moved")]


def test_locking_wipes_and_tells() -> None:
    held = Vault()

    assert held.vault.lock(held.address, "request")
    assert not held.vault.lock(held.address, "request")

    assert held.wiped()
    assert held.events == [WalletLocked(held.address, "request")]
    with pytest.raises(WalletLockedError):
        held.vault.sign(held.address, b"message")


async def test_after_its_time_a_key_neither_signs_nor_stays() -> None:
    held = Vault(ttl=60)
    assert held.until == held.clock.now() + timedelta(seconds=60)
    held.clock.advance(59.9)
    await held.vault.sweep()
    held.vault.sign(held.address, b"message")

    held.clock.advance(0.1)

    assert not held.vault.is_unlocked(held.address)
    assert held.vault.unlocked_until(held.address) is None
    with pytest.raises(WalletLockedError):
        held.vault.sign(held.address, b"message")
    assert not held.wiped()
    await held.vault.sweep()
    assert held.wiped()
    assert held.events == [WalletLocked(held.address, "ttl")]


async def test_either_clock_ends_the_time() -> None:
    asleep, set_back = Vault(ttl=60), Vault(ttl=60)
    asleep.clock._now += timedelta(seconds=61)
    set_back.clock._monotonic += 61

    for held in (asleep, set_back):
        await held.vault.sweep()
        assert held.wiped()


async def test_a_key_nobody_uses_is_wiped_after_the_idle_time() -> None:
    held = Vault(idle=300)
    held.clock.advance(299)
    held.vault.sign(held.address, b"message")
    held.clock.advance(299)
    await held.vault.sweep()
    assert held.vault.is_unlocked(held.address)

    held.clock.advance(1)
    await held.vault.sweep()

    assert held.wiped()
    assert held.events == [WalletLocked(held.address, "idle")]


async def test_a_key_that_open_positions_need_is_not_idle() -> None:
    held = Vault(idle=300)
    held.used = True
    held.clock.advance(10_000)
    await held.vault.sweep()
    assert held.vault.is_unlocked(held.address)
    held.used = False
    held.clock.advance(299)
    assert held.vault.is_unlocked(held.address)

    held.clock.advance(1)

    assert not held.vault.is_unlocked(held.address)


async def test_a_time_set_by_the_owner_ends_even_with_open_positions() -> None:
    held = Vault(ttl=60)
    held.used = True
    held.clock.advance(60)

    await held.vault.sweep()

    assert held.wiped()


def test_unlocking_again_wipes_the_old_copy_and_sets_the_time_anew() -> None:
    held = Vault(ttl=60)
    again = bytearray(bytes(held.keypair))

    held.vault.put(held.address, SecretKey(again), ttl_seconds=None, generation=0)
    held.clock.advance(10_000)

    assert held.wiped()
    assert held.vault.is_unlocked(held.address)
    assert again == bytearray(bytes(held.keypair))


def test_a_lock_wins_over_an_unlocking_that_began_before() -> None:
    held = Vault()
    before = held.vault.generation(held.address)
    held.vault.lock(held.address, "request")
    late = bytearray(bytes(held.keypair))

    with pytest.raises(LockedMeanwhileError):
        held.vault.put(held.address, SecretKey(late), ttl_seconds=None, generation=before)

    assert late == bytearray(64)
    assert not held.vault.is_unlocked(held.address)


def test_shutdown_wipes_everything_for_good() -> None:
    held = Vault()
    late = bytearray(bytes(held.keypair))
    held.vault.wipe()

    with pytest.raises(LockedMeanwhileError):
        held.vault.put(
            held.address, SecretKey(late), ttl_seconds=None, generation=held.vault.generation(held.address)
        )

    assert held.wiped()
    assert late == bytearray(64)
    assert len(held.vault) == 0


def test_both_kinds_of_keys_sign_and_the_rest_says_why_not() -> None:
    held, given = Vault(), Keypair()
    index = EncryptedWalletIndex(FakeSecrets())
    owner, stored = UserId(new_id()), WalletAddress("stored")
    index.put(stored, owner)
    keys = LoadedKeys(
        environment=EnvironmentWalletKeys({"WALLET_1": str(given)}), vault=held.vault, index=index
    )
    signer: WalletSigner = keys

    for keypair in (held.keypair, given):
        signature = Signature.from_bytes(signer.sign(address_of(keypair), b"message"))
        assert signature.verify(keypair.pubkey(), b"message")
        assert signer.is_loaded(address_of(keypair))
    with pytest.raises(WalletLockedError) as locked:
        signer.sign(stored, b"message")
    with pytest.raises(WalletNotLoadedError) as unknown:
        signer.sign(WalletAddress("unknown"), b"message")

    assert (locked.value.code, unknown.value.code) == ("WALLET_LOCKED", "WALLET_NOT_LOADED")
    assert keys.is_stored(stored)
    assert not keys.is_stored(WalletAddress("unknown"))
    assert not keys.is_stored(held.address)
    # Nobody is offered what belongs to somebody else.
    assert list(keys.addresses) == [address_of(given)]
    assert keys.is_stored_for(stored, owner)
    assert not keys.is_stored_for(stored, UserId(new_id()))
    assert not keys.is_stored_for(address_of(given), owner)
    assert repr(keys) == "LoadedKeys(EnvironmentWalletKeys(1 wallets), KeyVault(1 unlocked))"

    keys.wipe()

    assert held.wiped()
    assert not signer.is_loaded(address_of(given))
