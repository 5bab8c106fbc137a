"""Token accounts closed, and their excess deposits taken back, by transactions of our own."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Sequence

from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.message import MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from nexgent.domain.ledger.models import Submission
from nexgent.domain.reconciliation.errors import RentFailedError
from nexgent.domain.reconciliation.models import Movement, TokenAccount
from nexgent.domain.trading.models import NeverLanded, StillUnknown, SwapOutcome
from nexgent.infrastructure.external.json_values import int_of, list_of, mapping_of
from nexgent.infrastructure.external.jupiter.signing import WalletSigner
from nexgent.infrastructure.external.solana.rpc import SolanaRpc
from nexgent.infrastructure.external.solana.wallet_chain import SolanaWalletChain
from nexgent.shared.types import WalletAddress

EXPIRY_MARGIN_BLOCKS = 40
SIGNATURE_FEE_LAMPORTS = 5_000
_CLOSE_ACCOUNT = bytes([9])
_WITHDRAW_EXCESS_LAMPORTS = bytes([38])


class SolanaRent:
    """Implements `RentChain`."""

    def __init__(
        self,
        rpc: SolanaRpc,
        chain: SolanaWalletChain,
        signer: WalletSigner,
        may_send: Callable[[], Awaitable[None]],
    ) -> None:
        """`may_send` is asked before every post and raises when this process is not the engine."""
        self._rpc = rpc
        self._chain = chain
        self._signer = signer
        self._may_send = may_send

    async def excess_lamports(self, account: TokenAccount) -> int:
        """Return what an account holds beyond the deposit the chain asks for now."""
        if not account.size_bytes:
            return 0
        return max(account.lamports - await self._rpc.rent_lamports(account.size_bytes), 0)

    async def prepare(
        self, wallet: WalletAddress, close: Sequence[TokenAccount], trim: Sequence[TokenAccount]
    ) -> Submission:
        """Sign a transaction that closes accounts and takes the excess of others, once it was simulated.

        Raises `WalletNotLoadedError`, `RentFailedError` when it would not do what it is meant to, `UpstreamError`,
        `UnavailableError`.
        """
        if not self._signer.is_loaded(wallet):
            raise self._signer.refusal(wallet)
        latest = await self._rpc.latest_blockhash()
        expected = sum(account.lamports for account in close)
        for account in trim:
            expected += await self.excess_lamports(account)
        owner = Pubkey.from_string(wallet)
        steps = [_step(account, owner, _CLOSE_ACCOUNT) for account in close]
        steps += [_step(account, owner, _WITHDRAW_EXCESS_LAMPORTS) for account in trim]
        message = MessageV0.try_compile(owner, steps, [], Hash.from_string(latest.blockhash))
        await self._check(wallet, message, expected)
        signature = Signature.from_bytes(self._signer.sign(wallet, bytes(to_bytes_versioned(message))))
        signed = VersionedTransaction.populate(message, [signature])
        return Submission(
            request_id="rent",
            signature=str(signature),
            signed_transaction=base64.b64encode(bytes(signed)).decode(),
            last_valid_block_height=latest.last_valid_block_height,
            in_amount_raw=0,
            out_amount_raw=expected,
        )

    async def send(self, submission: Submission) -> None:
        """Send it; the same bytes cannot execute twice, so that a repeated call does no harm."""
        await self._may_send()
        options = {"encoding": "base64", "preflightCommitment": "confirmed", "maxRetries": 10}
        await self._rpc.call("sendTransaction", [submission.signed_transaction, options])

    async def outcome(self, submission: Submission, wallet: WalletAddress) -> Movement | SwapOutcome:
        """Return what it changed once it landed; otherwise that it never will, or that nobody can say yet."""
        movement = await self._chain.movement(wallet, submission.signature)
        if movement is not None:
            return movement
        moment = await self._rpc.moment()
        last_valid = submission.last_valid_block_height
        if last_valid is None or moment.height <= last_valid + EXPIRY_MARGIN_BLOCKS:
            return StillUnknown(reason="The chain does not know the transaction yet")
        answer = await self._rpc.signature_status(submission.signature)
        if answer.status is not None or answer.context_slot < moment.slot:
            return StillUnknown(reason="The chain cannot tell yet")
        # Should it be there all the same, what it brought is found by reconciliation, and booked once.
        return NeverLanded(reason="The transaction has expired and the chain does not know it")

    async def _check(self, wallet: WalletAddress, message: MessageV0, expected: int) -> None:
        """Raise unless the chain says that the wallet gains what it is to gain."""
        unsigned = VersionedTransaction.populate(message, [Signature.default()])
        before = await self._rpc.balance_lamports(wallet)
        found = await self._rpc.simulate(base64.b64encode(bytes(unsigned)).decode(), [wallet])
        if found.get("err") is not None:
            raise RentFailedError("The chain would not carry the transaction out; nothing was sent")
        accounts = list_of(found.get("accounts"))
        after = int_of(mapping_of(accounts[0]).get("lamports")) if accounts else None
        if after is None or after - before < expected - SIGNATURE_FEE_LAMPORTS:
            raise RentFailedError(
                "The transaction would not bring what is locked in the accounts; nothing was sent"
            )


def _step(account: TokenAccount, owner: Pubkey, data: bytes) -> Instruction:
    """Return an instruction of a token program: account, destination and authority are the same for both."""
    return Instruction(
        Pubkey.from_string(account.program),
        data,
        [
            AccountMeta(Pubkey.from_string(account.address), is_signer=False, is_writable=True),
            AccountMeta(owner, is_signer=False, is_writable=True),
            AccountMeta(owner, is_signer=True, is_writable=False),
        ],
    )
