"""What a transaction did to a wallet, read from the chain's own numbers."""

from __future__ import annotations

from typing import Any

from nexgent.infrastructure.external.solana.swap_facts import SwapFacts, swap_facts
from nexgent.shared.money import SOL_MINT

WALLET = "GPMMavk8C2pfSeN1oLtAELDm9AgNyhDroKn5HcSec9Zb"
TOKEN = "6FYwxnApS3eRB8BcAafmbTisg8SphzKHXbjYFd82sXrf"
RENT = 2_039_280


def _token(index: int, amount: int, mint: str = TOKEN, owner: str = WALLET) -> dict[str, Any]:
    return {"accountIndex": index, "mint": mint, "owner": owner, "uiTokenAmount": {"amount": str(amount)}}


def _facts(
    *,
    keys: list[str],
    before: list[int],
    after: list[int],
    pre: list[dict[str, Any]],
    post: list[dict[str, Any]],
    buying: bool = True,
    err: object = None,
) -> SwapFacts | None:
    transaction = {
        "transaction": {"message": {"accountKeys": [{"pubkey": key, "signer": False} for key in keys]}},
        "meta": {
            "err": err,
            "fee": 5_000,
            "preBalances": before,
            "postBalances": after,
            "preTokenBalances": pre,
            "postTokenBalances": post,
        },
    }
    mints = (SOL_MINT, TOKEN) if buying else (TOKEN, SOL_MINT)
    return swap_facts(transaction, wallet=WALLET, input_mint=mints[0], output_mint=mints[1])


def test_a_first_buy_separates_swap_fee_and_rent() -> None:
    facts = _facts(
        keys=[WALLET, "ata", "pool"],
        before=[1_000_000_000, 0, 5],
        after=[1_000_000_000 - 100_000_000 - 5_000 - RENT, RENT, 5],
        pre=[_token(2, 999, owner="pool")],
        post=[_token(1, 777), _token(2, 222, owner="pool")],
    )

    assert facts == SwapFacts(False, None, 5_000, RENT, 100_000_000, 777)


def test_a_second_buy_pays_no_rent() -> None:
    facts = _facts(
        keys=[WALLET, "ata"],
        before=[1_000_000_000, RENT],
        after=[1_000_000_000 - 100_000_000 - 5_000, RENT],
        pre=[_token(1, 23)],
        post=[_token(1, 800)],
    )

    assert facts == SwapFacts(False, None, 5_000, 0, 100_000_000, 777)


def test_a_sale_that_closes_the_account_tells_its_rent_apart() -> None:
    facts = _facts(
        keys=[WALLET, "ata"],
        before=[1_000_000, RENT],
        after=[1_000_000 + 90_000 + RENT - 5_000, 0],
        pre=[_token(1, 777)],
        post=[],
        buying=False,
    )

    # What comes back is no proceeds of the sale: it is the deposit of the purchase.
    assert facts == SwapFacts(False, None, 5_000, -RENT, 777, 90_000)


def test_a_sale_is_the_mirror_of_a_buy() -> None:
    facts = _facts(
        keys=[WALLET, "ata"],
        before=[1_000_000, RENT],
        after=[1_000_000 + 90_000 - 5_000, RENT],
        pre=[_token(1, 800)],
        post=[_token(1, 23)],
        buying=False,
    )

    assert facts == SwapFacts(False, None, 5_000, 0, 777, 90_000)


def test_wrapped_sol_is_sol() -> None:
    facts = _facts(
        keys=[WALLET, "ata", "wsol"],
        before=[1_000_000, RENT, 0],
        after=[1_000_000 - 5_000 - RENT, RENT, RENT + 90_000],
        pre=[_token(1, 800)],
        post=[_token(1, 23), _token(2, 90_000, mint=SOL_MINT)],
        buying=False,
    )

    assert facts == SwapFacts(False, None, 5_000, RENT, 777, 90_000)


def test_who_does_not_pay_the_fee_is_not_charged_for_it() -> None:
    facts = _facts(
        keys=["maker", WALLET, "ata"],
        before=[9, 1_000_000, 0],
        after=[4, 900_000, RENT],
        pre=[],
        post=[_token(2, 777)],
    )

    assert facts == SwapFacts(False, None, 0, 0, 100_000, 777)


def test_a_failed_transaction_costs_its_fee_and_nothing_else() -> None:
    err = {"InstructionError": [2, {"Custom": 6001}]}
    facts = _facts(keys=[WALLET], before=[10_000], after=[5_000], pre=[], post=[], err=err)

    assert facts == SwapFacts(True, err, 5_000, 0, 0, 0)


def test_without_its_numbers_nothing_is_claimed() -> None:
    assert swap_facts({}, wallet=WALLET, input_mint=SOL_MINT, output_mint=TOKEN) is None
    assert _facts(keys=["somebody"], before=[1], after=[1], pre=[], post=[]) is None
    assert _facts(keys=[WALLET], before=[], after=[1], pre=[], post=[]) is None
