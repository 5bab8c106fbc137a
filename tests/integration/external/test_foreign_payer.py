"""Swaps whose fee a market maker pays: our signature is not the transaction's id, so it has to be found."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from nexgent.domain.trading.errors import SwapNotSentError, UnsafeSwapError
from nexgent.domain.trading.models import Landed, NeverLanded, QuoteRequest, StillUnknown
from nexgent.infrastructure.external.http import HttpClient
from nexgent.infrastructure.external.jupiter.api import JupiterApi
from nexgent.infrastructure.external.jupiter.inspection import own_account
from nexgent.infrastructure.external.jupiter.live import (
    ABSENCE_SECONDS,
    EXPIRY_MARGIN_BLOCKS,
    LiveSwapGateway,
)
from nexgent.infrastructure.external.jupiter.routes import FILL, ORDER_ENGINE
from nexgent.infrastructure.external.jupiter.swap import JupiterSwapClient
from nexgent.infrastructure.external.solana.rpc import TOKEN_PROGRAM, SolanaRpc
from nexgent.infrastructure.wallets.keys import EnvironmentWalletKeys
from nexgent.shared.clock import SystemClock
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import WalletAddress
from tests.builders import TOKEN
from tests.integration.external.conftest import JumpingClock
from tests.integration.external.servers import serve

ENGINE = Pubkey.from_string(ORDER_ENGINE)
KEYPAIR = Keypair()
WALLET = WalletAddress(str(KEYPAIR.pubkey()))
MAKER = Keypair()
MAKER_SIGNATURE = str(MAKER.sign_message(b"the id of the transaction"))
REQUEST = QuoteRequest(input_mint=SOL_MINT, output_mint=TOKEN, amount_raw=1_000_000, taker=WALLET)
LAST_VALID = 1_000
SLOT = 2_000
ACCOUNT = Pubkey.from_string(own_account(WALLET, TOKEN))


class MarketMaker:
    """Jupiter and a node in one: the RFQ order, an execution that says nothing, and a chain with one transaction or none."""

    def __init__(self) -> None:
        self.height = LAST_VALID - 10
        self.landed_signatures: list[str] | None = None
        self.listed = True
        self.unreadable: int | None = None
        self.last_valid: str | None = str(LAST_VALID)
        self.execute: Callable[[], web.Response] = lambda: web.Response(status=500)
        self.payer = MAKER
        self.in_amount, self.out_amount = 1_000_000, 777
        self.given = 777
        self.touched: Pubkey | None = None
        """Another token account of the wallet that the fill may change."""

    async def __call__(self, request: web.Request) -> web.Response:
        if request.path == "/swap/v2/order":
            return web.json_response(self._order())
        if request.path == "/swap/v2/execute":
            return self.execute()
        body = await request.json()
        foreign = body["method"] == "getTransaction" and body["params"][0] != MAKER_SIGNATURE
        if foreign and self.unreadable is not None:
            error = {"code": self.unreadable, "message": "Transaction version (2) is not supported"}
            return web.json_response({"jsonrpc": "2.0", "id": body["id"], "error": error})
        result = self._rpc(body["method"], body["params"])
        return web.json_response({"jsonrpc": "2.0", "id": body["id"], "result": result})

    def _order(self) -> dict[str, Any]:
        instruction = self.fill()
        message = MessageV0.try_compile(self.payer.pubkey(), [instruction], [], Hash.new_unique())
        transaction = VersionedTransaction.populate(
            message, [Signature.default()] * message.header.num_required_signatures
        )
        return {
            "inputMint": SOL_MINT,
            "outputMint": TOKEN,
            "inAmount": "1000000",
            "outAmount": "777",
            "requestId": "rfq-1",
            "router": "jupiterz",
            "signatureFeeLamports": 10_000,
            "signatureFeePayer": str(self.payer.pubkey()),
            "transaction": base64.b64encode(bytes(transaction)).decode(),
            "lastValidBlockHeight": self.last_valid,
        }

    def fill(self) -> Instruction:
        """Return what a market maker settles with: the taker gives SOL and gets tokens."""
        data = FILL + b"".join(n.to_bytes(8, "little") for n in (self.in_amount, self.out_amount, 2**40))
        accounts = [KEYPAIR.pubkey(), MAKER.pubkey(), ENGINE, ENGINE, ACCOUNT, Pubkey.new_unique()]
        accounts += [Pubkey.from_string(key) for key in (SOL_MINT, TOKEN_PROGRAM, TOKEN, TOKEN_PROGRAM)]
        accounts.append(Pubkey.default())
        metas = [
            AccountMeta(key, is_signer=place < 2, is_writable=place < 2 or key == ACCOUNT)
            for place, key in enumerate(accounts)
        ]
        if self.touched is not None:
            metas.append(AccountMeta(self.touched, is_signer=False, is_writable=True))
        return Instruction(ENGINE, data, metas)

    def _account(self, address: str, *, after: bool) -> dict[str, Any] | None:
        """Return the wallet, or its account of the token, before or after the swap."""
        if address == WALLET:
            lamports = 10**9 - (self.in_amount if after else 0)
            return {"lamports": lamports, "owner": str(Pubkey.default()), "data": ["", "base64"]}
        if address not in (str(ACCOUNT), str(self.touched)):
            return None
        mint = TOKEN if address == str(ACCOUNT) else SOL_MINT
        keys = bytes(Pubkey.from_string(mint)) + bytes(KEYPAIR.pubkey())
        raw = keys + (self.given if after else 0).to_bytes(8, "little") + bytes(36) + b"\x01" + bytes(56)
        data = [base64.b64encode(raw).decode(), "base64"]
        return {"lamports": 2_039_280, "owner": TOKEN_PROGRAM, "data": data}

    def _rpc(self, method: str, params: list[Any]) -> object:
        known = self.landed_signatures is not None
        match method:
            case "getEpochInfo":
                return {"absoluteSlot": SLOT, "blockHeight": self.height}
            case "isBlockhashValid":
                return {"context": {"slot": SLOT}, "value": False}
            case "getMultipleAccounts":
                accounts = [self._account(address, after=False) for address in params[0]]
                return {"context": {"slot": 1}, "value": accounts}
            case "simulateTransaction":
                asked = params[1]["accounts"]["addresses"]
                changed = [self._account(address, after=True) for address in asked]
                return {"context": {"slot": 1}, "value": {"err": None, "accounts": changed}}
            case "getLatestBlockhash":
                value = {"blockhash": str(Hash.default()), "lastValidBlockHeight": self.height + 150}
                return {"context": {"slot": 1}, "value": value}
            case "getSignaturesForAddress":
                other = {"signature": str(Signature.new_unique())}
                return [other, {"signature": MAKER_SIGNATURE}] if known and self.listed else [other]
            case "getSignatureStatuses":
                found = {"slot": 5, "err": None, "confirmationStatus": "confirmed"}
                is_it = known and params[0] == [MAKER_SIGNATURE]
                return {"context": {"slot": SLOT}, "value": [found if is_it else None]}
            case "getTransaction":
                return self._transaction() if known and params[0] == MAKER_SIGNATURE else {"transaction": {}}
            case _:
                raise AssertionError(method)

    def _transaction(self) -> dict[str, Any]:
        token = {"accountIndex": 2, "mint": TOKEN, "owner": WALLET, "uiTokenAmount": {"amount": "777"}}
        keys = [str(MAKER.pubkey()), WALLET, "ata"]
        return {
            "transaction": {
                "signatures": self.landed_signatures,
                "message": {"accountKeys": [{"pubkey": key} for key in keys]},
            },
            "meta": {
                "err": None,
                "fee": 10_000,
                "preBalances": [10**9, 10**9, 2_039_280],
                "postBalances": [10**9, 10**9 - 1_000_000, 2_039_280],
                "preTokenBalances": [],
                "postTokenBalances": [token],
            },
        }


def _gateway(http: HttpClient, url: str, clock: SystemClock | None = None) -> LiveSwapGateway:
    clock = clock or SystemClock()
    api = JupiterApi(http=http, clock=clock, base_url=url, requests_per_minute=0)
    return LiveSwapGateway(
        client=JupiterSwapClient(api, clock),
        rpc=SolanaRpc(http=http, clock=clock, url=url),
        signer=EnvironmentWalletKeys({"WALLET_1": str(KEYPAIR)}),
        clock=clock,
    )


async def test_it_is_found_by_our_signature_in_it(http: HttpClient) -> None:
    market = MarketMaker()
    async with serve(market) as url:
        gateway = _gateway(http, url)
        quote = await gateway.quote(REQUEST)
        submission = await gateway.prepare(quote, WALLET)
        assert submission is not None
        assert isinstance(await gateway.execute(quote, submission), StillUnknown)
        assert isinstance(await gateway.resolve(submission, WALLET, REQUEST), StillUnknown)

        market.landed_signatures = [MAKER_SIGNATURE, submission.signature]
        outcome = await _gateway(http, url).resolve(submission, WALLET, REQUEST)

    assert isinstance(outcome, Landed)
    assert outcome.fill.signature == MAKER_SIGNATURE
    assert (outcome.fill.total_in_raw, outcome.fill.out_amount_raw) == (1_000_000, 777)
    assert outcome.fill.fees.network_and_rent_lamports == 0


@pytest.mark.parametrize("code", [-32015, -32602, -32009])
async def test_one_unreadable_transaction_does_not_hide_the_others(http: HttpClient, code: int) -> None:
    market = MarketMaker()
    market.unreadable = code
    async with serve(market) as url:
        gateway = _gateway(http, url)
        quote = await gateway.quote(REQUEST)
        submission = await gateway.prepare(quote, WALLET)
        assert submission is not None
        market.landed_signatures = [MAKER_SIGNATURE, submission.signature]

        outcome = await _gateway(http, url).resolve(submission, WALLET, REQUEST)

    assert isinstance(outcome, Landed)
    assert outcome.fill.signature == MAKER_SIGNATURE


async def test_an_id_learned_from_a_failing_answer_spares_the_search(http: HttpClient) -> None:
    market = MarketMaker()
    market.execute = lambda: web.json_response({"signature": MAKER_SIGNATURE, "error": "x"}, status=500)
    market.listed = False
    async with serve(market) as url:
        gateway = _gateway(http, url)
        quote = await gateway.quote(REQUEST)
        submission = await gateway.prepare(quote, WALLET)
        assert submission is not None
        market.landed_signatures = [MAKER_SIGNATURE, submission.signature]
        await gateway.execute(quote, submission)

        outcome = await gateway.resolve(submission, WALLET, REQUEST)

    assert isinstance(outcome, Landed)
    assert outcome.fill.signature == MAKER_SIGNATURE


async def test_somebody_elses_transaction_is_never_taken_for_ours(http: HttpClient) -> None:
    market = MarketMaker()
    market.execute = lambda: web.json_response({"signature": MAKER_SIGNATURE, "error": "x"}, status=500)
    market.landed_signatures = [MAKER_SIGNATURE, str(Signature.new_unique())]
    async with serve(market) as url:
        gateway = _gateway(http, url)
        quote = await gateway.quote(REQUEST)
        submission = await gateway.prepare(quote, WALLET)
        assert submission is not None
        await gateway.execute(quote, submission)

        assert isinstance(await gateway.resolve(submission, WALLET, REQUEST), StillUnknown)


async def test_it_never_landed_when_it_is_not_there_after_expiry(http: HttpClient) -> None:
    market, clock = MarketMaker(), JumpingClock()
    async with serve(market) as url:
        gateway = _gateway(http, url, clock)
        quote = await gateway.quote(REQUEST)
        submission = await gateway.prepare(quote, WALLET)
        assert submission is not None
        market.height = LAST_VALID + EXPIRY_MARGIN_BLOCKS + 1

        assert isinstance(await gateway.resolve(submission, WALLET, REQUEST), StillUnknown)
        clock.ahead_seconds += ABSENCE_SECONDS
        assert isinstance(await gateway.resolve(submission, WALLET, REQUEST), NeverLanded)


async def test_an_order_without_a_height_expires_with_a_blockhash_of_now(http: HttpClient) -> None:
    market, clock = MarketMaker(), JumpingClock()
    market.last_valid = None
    async with serve(market) as url:
        gateway = _gateway(http, url, clock)
        quote = await gateway.quote(REQUEST)
        submission = await gateway.prepare(quote, WALLET)
        assert submission is not None

        outcomes = []
        for height in (5_000, 5_150, 5_151 + EXPIRY_MARGIN_BLOCKS, 5_151 + EXPIRY_MARGIN_BLOCKS):
            market.height = height
            clock.ahead_seconds += ABSENCE_SECONDS
            outcomes.append(type(await gateway.resolve(submission, WALLET, REQUEST)))

    assert outcomes == [StillUnknown, StillUnknown, StillUnknown, NeverLanded]


@pytest.mark.parametrize("status", [200, 400])
async def test_a_maker_that_says_it_did_not_sign_is_not_believed(http: HttpClient, status: int) -> None:
    market = MarketMaker()
    body = {"status": "Failed", "code": -2003, "error": "quote expired"}
    market.execute = lambda: web.json_response(body, status=status)
    async with serve(market) as url:
        gateway = _gateway(http, url)
        quote = await gateway.quote(REQUEST)
        submission = await gateway.prepare(quote, WALLET)

        outcome = await gateway.execute(quote, submission)

    assert isinstance(outcome, StillUnknown)
    assert "the market maker's quote has expired" in outcome.reason


async def test_a_swap_that_could_not_be_posted_was_not_sent(http: HttpClient) -> None:
    async with serve(MarketMaker()) as url:
        gateway = _gateway(http, url)
        quote = await gateway.quote(REQUEST)
        submission = await gateway.prepare(quote, WALLET)

        # Nothing listens on port 1, so not a byte of the swap can leave.
        with pytest.raises(SwapNotSentError, match="not sent"):
            await _gateway(http, "http://127.0.0.1:1").execute(quote, submission)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"status": "Success", "code": -1001},
        {"status": "Failed", "code": 0},
        {"status": "Pending"},
        {"code": "abc"},
        [1],
    ],
)
async def test_an_answer_that_contradicts_itself_is_unknown(http: HttpClient, body: object) -> None:
    market = MarketMaker()
    market.execute = lambda: web.json_response(body)
    async with serve(market) as url:
        gateway = _gateway(http, url)
        quote = await gateway.quote(REQUEST)
        submission = await gateway.prepare(quote, WALLET)

        assert isinstance(await gateway.execute(quote, submission), StillUnknown)


def _other_payer(market: MarketMaker) -> None:
    market.payer = Keypair()


def _touches_more(market: MarketMaker) -> None:
    market.touched = Pubkey.new_unique()


def _takes_more(market: MarketMaker) -> None:
    market.in_amount = 1_000_001


def _promises_less(market: MarketMaker) -> None:
    market.out_amount = 700


def _gives_less(market: MarketMaker) -> None:
    market.given = 700


@pytest.mark.parametrize(
    ("lie", "code"),
    [
        (_other_payer, "FOREIGN_PAYER"),
        (_touches_more, "FOREIGN_ACCOUNT"),
        (_takes_more, "AMOUNT_TOO_HIGH"),
        (_promises_less, "MINIMUM_OUT_TOO_LOW"),
        (_gives_less, "SIMULATION_MISMATCH"),
    ],
)
async def test_a_market_makers_fill_is_held_against_the_order(
    http: HttpClient, lie: Callable[[MarketMaker], None], code: str
) -> None:
    market = MarketMaker()
    lie(market)
    async with serve(market) as url:
        gateway = _gateway(http, url)
        quote = await gateway.quote(REQUEST)

        with pytest.raises(UnsafeSwapError) as refusal:
            await gateway.prepare(quote, WALLET)

    assert refusal.value.code == code
