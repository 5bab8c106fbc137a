"""Which transactions of an order a wallet signs, and how."""

from __future__ import annotations

import base64
import json

import pytest
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from nexgent.domain.trading.errors import SwapNotSentError
from nexgent.domain.trading.models import Quote, QuoteRequest
from nexgent.infrastructure.external.jupiter.inspection import SPONSOR
from nexgent.infrastructure.external.jupiter.signing import sign_order, wallet_pays_fee
from nexgent.infrastructure.wallets.keys import EnvironmentWalletKeys
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import TokenAddress, WalletAddress
from tests.builders import a_quote

KEYPAIR = Keypair()
WALLET = WalletAddress(str(KEYPAIR.pubkey()))
KEYS = EnvironmentWalletKeys({"WALLET_1": str(KEYPAIR)})
PROGRAM = Pubkey.from_string("JUP6LkbZbjS1jKKwapdHNy74zcZ3tLUZoi5QNyVTaV4")


def _transaction(payer: Pubkey, *signers: Pubkey, size: int = 8) -> str:
    metas = [AccountMeta(signer, is_signer=True, is_writable=True) for signer in signers]
    message = MessageV0.try_compile(payer, [Instruction(PROGRAM, bytes(size), metas)], [], Hash.new_unique())
    unsigned = [Signature.default()] * message.header.num_required_signatures
    return base64.b64encode(bytes(VersionedTransaction.populate(message, unsigned))).decode()


def _quote(
    transaction: str | None,
    *,
    router: str = "metis",
    gasless: bool = False,
    taker: WalletAddress | None = WALLET,
) -> Quote:
    request = QuoteRequest(
        input_mint=SOL_MINT, output_mint=TokenAddress(str(PROGRAM)), amount_raw=5, taker=taker
    )
    return a_quote(
        request,
        6,
        payload_json=json.dumps({"router": router, "gasless": gasless}),
        transaction=transaction,
        last_valid_block_height=9,
    )


def _signed(encoded: str) -> VersionedTransaction:
    return VersionedTransaction.from_bytes(base64.b64decode(encoded))


def test_the_wallets_signature_is_the_id_of_what_it_pays() -> None:
    submission = sign_order(_quote(_transaction(KEYPAIR.pubkey())), WALLET, KEYS)

    signed = _signed(submission.signed_transaction)
    assert signed.verify_with_results() == [True]
    assert submission.signature == str(signed.signatures[0])
    assert wallet_pays_fee(submission, WALLET)
    assert (submission.in_amount_raw, submission.out_amount_raw) == (5, 6)
    assert submission.last_valid_block_height == 9


def test_a_market_makers_transaction_is_signed_partially() -> None:
    maker = Keypair()
    quote = _quote(_transaction(maker.pubkey(), KEYPAIR.pubkey()), router="jupiterz")

    submission = sign_order(quote, WALLET, KEYS)

    signed = _signed(submission.signed_transaction)
    assert signed.verify_with_results() == [False, True]
    assert signed.signatures[0] == Signature.default()
    assert submission.signature == str(signed.signatures[1])
    assert not wallet_pays_fee(submission, WALLET)


def test_jupiters_sponsor_may_pay_when_the_order_says_so() -> None:
    transaction = _transaction(Pubkey.from_string(SPONSOR), KEYPAIR.pubkey())

    assert sign_order(_quote(transaction, gasless=True), WALLET, KEYS).signature
    with pytest.raises(SwapNotSentError, match="fee payer"):
        sign_order(_quote(transaction), WALLET, KEYS)


@pytest.mark.parametrize(
    ("transaction", "taker"),
    [
        (None, WALLET),
        ("%%%", WALLET),
        ("AAAA", WALLET),
        (_transaction(Keypair().pubkey()), WALLET),
        (_transaction(Keypair().pubkey(), KEYPAIR.pubkey()), WALLET),
        (_transaction(KEYPAIR.pubkey(), size=1300), WALLET),
        (_transaction(KEYPAIR.pubkey()), WalletAddress(str(Keypair().pubkey()))),
        (_transaction(KEYPAIR.pubkey()), None),
    ],
    ids=[
        "none",
        "no base64",
        "no transaction",
        "foreign",
        "foreign payer",
        "too large",
        "other taker",
        "paper",
    ],
)
def test_a_transaction_that_is_not_ours_is_not_signed(
    transaction: str | None, taker: WalletAddress | None
) -> None:
    with pytest.raises(SwapNotSentError):
        sign_order(_quote(transaction, taker=taker), WALLET, KEYS)
