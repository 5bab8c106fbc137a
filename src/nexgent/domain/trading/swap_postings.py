"""Who gains and loses what in a swap, in base units. Per mint the postings of a swap sum to zero. Pure."""

from __future__ import annotations

from nexgent.domain.ledger.models import Account, Posting
from nexgent.domain.ledger.postings import SOL, Token
from nexgent.domain.trading.models import Fill


def burn_postings(token: Token, amount_raw: int) -> tuple[Posting, ...]:
    """Return the postings of tokens that are given up."""
    return token.moved(-amount_raw, Account.EXTERNAL)


def fee_postings(fill: Fill) -> list[Posting]:
    """Return what network and rent accounts gain."""
    postings = []
    if fill.fees.network_fee_lamports:
        postings.append(SOL.posting(Account.NETWORK_FEE, fill.fees.network_fee_lamports))
    if fill.fees.rent_lamports:
        postings.append(SOL.posting(Account.RENT, fill.fees.rent_lamports))
    return postings


def buy_postings(token: Token, fill: Fill, debit_lamports: int) -> tuple[Posting, ...]:
    """Return the postings of a buy that costs the wallet `debit_lamports` in all."""
    swap = debit_lamports - fill.fees.network_and_rent_lamports
    # The provider takes its fee out of the SOL that goes in; the market gets the rest.
    protocol = min(fill.fees.protocol_fee_lamports or 0, swap)
    postings = [SOL.posting(Account.WALLET, -debit_lamports), SOL.posting(Account.MARKET, swap - protocol)]
    if protocol:
        postings.append(SOL.posting(Account.PROTOCOL_FEE, protocol))
    postings += fee_postings(fill)
    postings += token.moved(fill.out_amount_raw, Account.MARKET)
    return tuple(postings)


def sale_postings(token: Token, fill: Fill, credit_lamports: int) -> tuple[Posting, ...]:
    """Return the postings of a sale that brings the wallet `credit_lamports` after everything."""
    swap = credit_lamports + fill.fees.network_and_rent_lamports
    protocol = max(fill.out_amount_raw - swap, 0)
    postings = [
        *token.moved(-fill.in_amount_raw, Account.MARKET),
        SOL.posting(Account.WALLET, credit_lamports),
        SOL.posting(Account.MARKET, -(swap + protocol)),
    ]
    if protocol:
        postings.append(SOL.posting(Account.PROTOCOL_FEE, protocol))
    postings += fee_postings(fill)
    return tuple(postings)
