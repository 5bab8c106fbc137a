"""Keys from the environment: what is accepted, what is refused, and that nothing of a key is ever shown."""

from __future__ import annotations

import json

import pytest
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.signature import Signature

from nexgent.domain.trading.errors import WalletNotLoadedError
from nexgent.infrastructure.wallets.keys import EnvironmentWalletKeys
from nexgent.shared.types import WalletAddress


def _address(keypair: Keypair) -> WalletAddress:
    return WalletAddress(str(keypair.pubkey()))


def test_all_three_formats_give_the_same_wallet() -> None:
    keypair = Keypair()
    seed = str(Pubkey(keypair.secret()))
    formats = (str(keypair), seed, json.dumps(list(bytes(keypair))), f"  {keypair}\n")

    for text in formats:
        keys = EnvironmentWalletKeys({"WALLET_1": text})
        assert keys.addresses == (_address(keypair),)
        assert keys.problems == ()


def test_a_gap_and_a_bad_value_hide_nothing() -> None:
    first, second = Keypair(), Keypair()
    keys = EnvironmentWalletKeys(
        {
            "WALLET_10": str(second),
            "WALLET_1": str(first),
            "WALLET_2": "",
            "WALLET_5": "nonsense",
            "OTHER": "x",
        }
    )

    assert keys.addresses == (_address(first), _address(second))
    assert len(keys.problems) == 1
    assert keys.problems[0].startswith("WALLET_5:")


def test_a_signature_verifies_and_ends_with_wiping() -> None:
    keypair = Keypair()
    keys = EnvironmentWalletKeys({"WALLET_1": str(keypair)})
    signature = keys.sign(_address(keypair), b"message")
    assert Signature.from_bytes(signature).verify(keypair.pubkey(), b"message")

    keys.wipe()

    assert not keys.is_loaded(_address(keypair))
    with pytest.raises(WalletNotLoadedError):
        keys.sign(_address(keypair), b"message")


def test_the_same_wallet_twice_is_reported_and_the_first_wins() -> None:
    keypair = Keypair()

    keys = EnvironmentWalletKeys({"WALLET_1": str(keypair), "WALLET_3": str(keypair)})

    assert keys.addresses == (_address(keypair),)
    assert "WALLET_1" in keys.problems[0]
    assert keys.problems[0].startswith("WALLET_3:")


def _mismatched() -> str:
    return json.dumps([*Keypair().secret(), *bytes(Keypair().pubkey())])


@pytest.mark.parametrize(
    "text",
    [
        "sim_5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqv",
        "0OIl-not-base58",
        str(Keypair())[:-20],
        json.dumps(list(range(63))),
        json.dumps([256] * 64),
        json.dumps([1.5] * 64),
        json.dumps([True] * 64),
        "[1, 2,",
        _mismatched(),
    ],
    ids=["simulation", "alphabet", "length", "63", "256", "fraction", "bool", "cut", "mismatch"],
)
def test_an_unusable_value_is_reported_without_any_of_it(text: str) -> None:
    keys = EnvironmentWalletKeys({"WALLET_7": text})

    assert keys.addresses == ()
    assert len(keys.problems) == 1
    assert text[:12] not in keys.problems[0]
    assert text not in repr(keys)


def test_nothing_shows_a_key() -> None:
    keypair = Keypair()
    keys = EnvironmentWalletKeys({"WALLET_1": str(keypair)})

    assert str(keypair)[:10] not in repr(keys)
