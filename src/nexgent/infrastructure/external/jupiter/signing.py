"""Check the transaction of an order and sign it. Pure but for the key."""

from __future__ import annotations

import base64
import binascii
from typing import Protocol

import msgspec
from solders.message import to_bytes_versioned
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from nexgent.domain.ledger.models import Submission
from nexgent.domain.trading.errors import SwapNotSentError, WalletNotLoadedError
from nexgent.domain.trading.models import Quote
from nexgent.infrastructure.external.jupiter.inspection import RFQ_ROUTER, SPONSOR
from nexgent.infrastructure.external.jupiter.mapping import OrderTerms
from nexgent.shared.types import WalletAddress

_MAX_TRANSACTION_BYTES = 1232
_MAX_TRANSACTION_BYTES_V1 = 4096
_V1_FIRST_BYTE = b"\x81"


class WalletSigner(Protocol):
    """Whoever holds keys."""

    def is_loaded(self, wallet: WalletAddress) -> bool:
        """Tell whether the wallet's key is in memory."""

    def refusal(self, wallet: WalletAddress) -> WalletNotLoadedError:
        """Return why a wallet that is not loaded cannot sign."""

    def sign(self, wallet: WalletAddress, message: bytes) -> bytes:
        """Return the signature (64 bytes). Raises `WalletNotLoadedError`."""


def sign_order(quote: Quote, wallet: WalletAddress, signer: WalletSigner) -> Submission:
    """Check that the transaction is one this wallet may sign, and sign it, partially where others sign too.

    Raises `SwapNotSentError`, `WalletNotLoadedError`.
    """
    if quote.request.taker != wallet:
        raise SwapNotSentError("The quote is not for this wallet")
    if quote.transaction is None:
        raise SwapNotSentError("The quote has no transaction to sign")
    transaction = parse_order_transaction(quote.transaction)
    index = _check(transaction, wallet, _terms(quote))
    own = Signature.from_bytes(signer.sign(wallet, bytes(to_bytes_versioned(transaction.message))))
    signatures = transaction.signatures
    signatures[index] = own
    signed = VersionedTransaction.populate(transaction.message, signatures)
    return Submission(
        request_id=quote.request_id,
        # With a foreign fee payer the transaction's id is the payer's signature, which does not exist yet;
        # ours still names the transaction, and `resolve` finds it by that.
        signature=str(own),
        signed_transaction=base64.b64encode(bytes(signed)).decode(),
        last_valid_block_height=quote.last_valid_block_height,
        in_amount_raw=quote.in_amount_raw,
        out_amount_raw=quote.out_amount_raw,
    )


def wallet_pays_fee(submission: Submission, wallet: WalletAddress) -> bool:
    """Tell whether the wallet pays the fee of a signed transaction, so that its signature is the transaction's id."""
    return str(parse_order_transaction(submission.signed_transaction).message.account_keys[0]) == wallet


def blockhash_of(submission: Submission) -> str:
    """Return the blockhash of a signed transaction: it can land as long as this is valid."""
    return str(parse_order_transaction(submission.signed_transaction).message.recent_blockhash)


def _check(transaction: VersionedTransaction, wallet: WalletAddress, terms: OrderTerms) -> int:
    """Return the wallet's place among the signers. Raises `SwapNotSentError`."""
    message = transaction.message
    signers = [str(key) for key in message.account_keys[: message.header.num_required_signatures]]
    if len(transaction.signatures) != len(signers):
        raise SwapNotSentError("The transaction has not as many signatures as signers")
    if wallet not in signers:
        raise SwapNotSentError("The transaction is not to be signed by this wallet")
    payer = signers[0]
    # A market maker pays for its own quotes; everything else is paid by the wallet, or by Jupiter's sponsor.
    if payer != wallet and terms.router != RFQ_ROUTER and not (terms.gasless and payer == SPONSOR):
        raise SwapNotSentError("The transaction's fee payer is neither this wallet nor a party of the order")
    return signers.index(wallet)


def parse_order_transaction(encoded: str) -> VersionedTransaction:
    """Return a transaction out of its base64. Raises `SwapNotSentError`."""
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise SwapNotSentError("The transaction is not base64") from None
    most = _MAX_TRANSACTION_BYTES_V1 if raw[:1] == _V1_FIRST_BYTE else _MAX_TRANSACTION_BYTES
    if len(raw) > most:
        raise SwapNotSentError(f"The transaction is larger than {most} bytes")
    try:
        transaction = VersionedTransaction.from_bytes(raw)
        transaction.sanitize()
    except Exception:  # solders raises types of its own that share no base
        raise SwapNotSentError("The transaction cannot be read") from None
    return transaction


def _terms(quote: Quote) -> OrderTerms:
    try:
        return msgspec.json.decode(quote.payload_json, type=OrderTerms)
    except msgspec.DecodeError:
        return OrderTerms()
