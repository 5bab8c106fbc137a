"""Which transactions are the swap that was ordered: each rule on transactions as Jupiter builds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.message import Message, MessageV0, MessageV1, TransactionConfig
from solders.pubkey import Pubkey
from solders.system_program import (
    AdvanceNonceAccountParams,
    AssignParams,
    CreateAccountParams,
    CreateAccountWithSeedParams,
    TransferParams,
    TransferWithSeedParams,
    advance_nonce_account,
    assign,
    create_account,
    create_account_with_seed,
    transfer,
    transfer_with_seed,
)

from nexgent.domain.trading.errors import UnsafeSwapError
from nexgent.infrastructure.external.jupiter.decoded import decode
from nexgent.infrastructure.external.jupiter.inspection import (
    ASSOCIATED_TOKEN_PROGRAM,
    JITO_TIP_ACCOUNTS,
    SPONSOR,
    InspectionLimits,
    Ordered,
    inspect,
    own_account,
)
from nexgent.infrastructure.external.jupiter.routes import AGGREGATOR, FILL, ORDER_ENGINE
from nexgent.infrastructure.external.solana.rpc import TOKEN_2022_PROGRAM, TOKEN_PROGRAM
from nexgent.shared.money import SOL_MINT

WALLET = Pubkey.new_unique()
TOKEN = Pubkey.new_unique()
STRANGER = Pubkey.new_unique()
SOL = Pubkey.from_string(SOL_MINT)
JUPITER = Pubkey.from_string(AGGREGATOR)
SPL = Pubkey.from_string(TOKEN_PROGRAM)
WRAPPED = Pubkey.from_string(own_account(str(WALLET), SOL_MINT))
HELD = Pubkey.from_string(own_account(str(WALLET), str(TOKEN)))
HELD_2022 = Pubkey.from_string(own_account(str(WALLET), str(TOKEN), TOKEN_2022_PROGRAM))
IN, OUT, SLIPPAGE = 1_000_000, 5_000, 100
ORDER = Ordered(
    wallet=str(WALLET),
    input_mint=SOL_MINT,
    output_mint=str(TOKEN),
    most_in_raw=IN,
    out_raw=OUT,
    slippage_bps=SLIPPAGE,
    router="metis",
)
LIMITS = InspectionLimits()
HASH = Hash.new_unique()


def _meta(key: Pubkey, *, signs: bool = False, writes: bool = False) -> AccountMeta:
    return AccountMeta(key, is_signer=signs, is_writable=writes)


def _numbers(*numbers: tuple[int, int]) -> bytes:
    return b"".join(number.to_bytes(size, "little") for number, size in numbers)


def _swap(
    name: str = "route_v2",
    *,
    amount: int = IN,
    quoted: int = OUT,
    slippage: int = SLIPPAGE,
    source: Pubkey = WRAPPED,
    destination: Pubkey = HELD,
    other: Pubkey = JUPITER,
    mint: Pubkey = TOKEN,
    user: Pubkey = WALLET,
    signs: bool = True,
    fee: int = 0,
) -> Instruction:
    """Return a swap in one of the layouts of Jupiter's program."""
    authority = _meta(user, signs=signs, writes=True)
    from_, to = _meta(source, writes=True), _meta(destination, writes=True)
    any_ = _meta(JUPITER)
    head = _numbers((amount, 8), (quoted, 8), (slippage, 2), (fee, 2), (0, 2))
    tail = b"plan" + _numbers((amount, 8), (quoted, 8), (slippage, 2), (min(fee, 255), 1))
    match name:
        case "route":
            metas = [_meta(SPL), authority, from_, to, _meta(other), _meta(mint), any_]
            data = bytes([229, 23, 203, 151, 122, 227, 173, 42]) + tail
        case "shared_accounts_route":
            metas = [_meta(SPL), any_, authority, from_, any_, any_, to, _meta(SOL), _meta(mint), any_]
            data = bytes([193, 32, 155, 51, 65, 214, 156, 129, 7]) + tail
        case "route_v2":
            metas = [authority, from_, to, _meta(SOL), _meta(mint), _meta(SPL), _meta(SPL), _meta(other)]
            data = bytes([187, 100, 250, 204, 49, 196, 175, 20]) + head + bytes(4)
        case _:
            metas = [any_, authority, from_, any_, any_, to, _meta(SOL), _meta(mint)]
            data = bytes([209, 152, 83, 147, 124, 254, 216, 233, 7]) + head + bytes(4)
    return Instruction(JUPITER, data, metas)


def _memo() -> Instruction:
    """Return a memo the wallet signs."""
    program = Pubkey.from_string("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr")
    return Instruction(program, b"hello", [_meta(WALLET, signs=True)])


def _associated(
    account: Pubkey, mint: Pubkey, owner: Pubkey = WALLET, *, program: Pubkey = SPL, data: bytes = b"\x01"
) -> Instruction:
    keys = [_meta(WALLET, signs=True, writes=True), _meta(account, writes=True), _meta(owner), _meta(mint)]
    keys += [_meta(Pubkey.default()), _meta(program)]
    return Instruction(Pubkey.from_string(ASSOCIATED_TOKEN_PROGRAM), data, keys)


def _pay(to: Pubkey, lamports: int) -> Instruction:
    return transfer(TransferParams(from_pubkey=WALLET, to_pubkey=to, lamports=lamports))


def _spl(data: bytes, *keys: Pubkey, program: Pubkey = SPL) -> Instruction:
    return Instruction(program, data, [_meta(key, writes=True, signs=key == WALLET) for key in keys])


# What Jupiter puts around a swap of SOL: wrap it, open the token's account, and unwrap what is left.
WRAP = [_associated(WRAPPED, SOL), _pay(WRAPPED, IN), _spl(bytes([17]), WRAPPED)]
UNWRAP = [_spl(bytes([9]), WRAPPED, WALLET, WALLET)]
HONEST = [*WRAP, _associated(HELD, TOKEN), _swap(), *UNWRAP]


def _code(
    instructions: Sequence[Instruction],
    order: Ordered = ORDER,
    limits: InspectionLimits = LIMITS,
    payer: Pubkey = WALLET,
) -> str | None:
    """Return the code of the refusal, None when the transaction is accepted."""
    message = MessageV0.try_compile(payer, list(instructions), [], HASH)
    try:
        inspect(decode(message, {}), order, limits)
    except UnsafeSwapError as error:
        return error.code
    return None


def test_a_swap_of_sol_as_jupiter_builds_it() -> None:
    assert _code(HONEST) is None


@pytest.mark.parametrize("name", ["route", "shared_accounts_route", "route_v2", "shared_accounts_route_v2"])
def test_every_layout_is_read_for_what_it_takes_and_gives(name: str) -> None:
    assert _code([_swap(name)]) is None
    assert _code([_swap(name, amount=IN + 1)]) == "AMOUNT_TOO_HIGH"
    assert _code([_swap(name, quoted=OUT // 2)]) == "MINIMUM_OUT_TOO_LOW"
    assert _code([_swap(name, slippage=SLIPPAGE * 2)]) == "MINIMUM_OUT_TOO_LOW"
    assert _code([_swap(name, quoted=0)]) == "NO_MINIMUM_OUT"
    assert _code([_swap(name, slippage=10_000)]) == "NO_MINIMUM_OUT"
    assert _code([_swap(name, mint=STRANGER)]) == "WRONG_MINT"
    assert _code([_swap(name, source=STRANGER)]) == "FOREIGN_ACCOUNT"
    assert _code([_swap(name, destination=STRANGER)]) == "FOREIGN_ACCOUNT"
    assert _code([_swap(name, user=STRANGER)]) == "UNKNOWN_SIGNER"
    assert _code([_swap(name, user=STRANGER, signs=False), _memo()]) == "FOREIGN_ACCOUNT"
    assert _code([_swap(name, fee=255)]) is None


def test_a_platform_fee_has_a_limit() -> None:
    assert _code([_swap(fee=256)]) == "FEE_TOO_HIGH"


@pytest.mark.parametrize("name", ["route", "route_v2"])
def test_another_account_for_the_output_is_looked_at(name: str) -> None:
    assert _code([_swap(name, other=STRANGER)]) == "FOREIGN_ACCOUNT"
    assert _code([_swap(name, other=HELD)]) is None


def test_token_2022_has_an_account_of_its_own() -> None:
    program = Pubkey.from_string(TOKEN_2022_PROGRAM)
    swap = [_associated(HELD_2022, TOKEN, program=program), _swap(destination=HELD_2022)]

    assert _code(swap) is None
    approve = _spl(bytes([13]) + bytes(9), HELD_2022, STRANGER, WALLET, program=program)
    assert _code([*swap, approve]) == "DELEGATE"


NONCE = advance_nonce_account(AdvanceNonceAccountParams(nonce_pubkey=STRANGER, authorized_pubkey=WALLET))
CREATE = create_account(
    CreateAccountParams(
        from_pubkey=WALLET,
        to_pubkey=STRANGER,
        lamports=IN,
        space=165,
        owner=Pubkey.from_string(TOKEN_PROGRAM),
    )
)
CREATE_DERIVED = create_account_with_seed(
    CreateAccountWithSeedParams(
        from_pubkey=WALLET, to_pubkey=STRANGER, base=WALLET, seed="s", lamports=IN, space=165, owner=SPL
    )
)
TRANSFER_DERIVED = transfer_with_seed(
    TransferWithSeedParams(
        from_pubkey=STRANGER, from_base=WALLET, from_seed="s", from_owner=SPL, to_pubkey=STRANGER, lamports=1
    )
)
ASSIGN = assign(AssignParams(pubkey=WALLET, owner=STRANGER))


@pytest.mark.parametrize(
    ("instruction", "code"),
    [
        (_pay(STRANGER, 1), "FOREIGN_TRANSFER"),
        (_pay(WRAPPED, 1), "AMOUNT_TOO_HIGH"),
        (_spl(bytes([3]) + bytes(8), HELD, STRANGER, WALLET), "FOREIGN_TRANSFER"),
        (_spl(bytes([12]) + bytes(9), HELD, TOKEN, STRANGER, WALLET), "FOREIGN_TRANSFER"),
        (_spl(bytes([8]) + bytes(8), HELD, TOKEN, WALLET), "FOREIGN_TRANSFER"),
        (_spl(bytes([4]) + bytes(8), HELD, STRANGER, WALLET), "DELEGATE"),
        (_spl(bytes([6, 2, 0]), HELD, WALLET), "AUTHORITY_CHANGE"),
        (_spl(bytes([9]), HELD, STRANGER, WALLET), "ACCOUNT_CLOSED"),
        (_spl(bytes([9]), WRAPPED, STRANGER, WALLET), "ACCOUNT_CLOSED"),
        (_spl(bytes([17]), STRANGER), "UNEXPECTED_INSTRUCTION"),
        (_spl(bytes([10]), HELD, TOKEN, WALLET), "UNEXPECTED_INSTRUCTION"),
        (_spl(b"", HELD), "UNEXPECTED_INSTRUCTION"),
        (_associated(STRANGER, TOKEN), "ACCOUNT_CREATED"),
        (_associated(HELD, TOKEN, STRANGER), "ACCOUNT_CREATED"),
        (_associated(HELD, STRANGER), "ACCOUNT_CREATED"),
        (_associated(HELD, TOKEN, data=b"\x02"), "UNEXPECTED_INSTRUCTION"),
        (CREATE, "ACCOUNT_CREATED"),
        (CREATE_DERIVED, "ACCOUNT_CREATED"),
        (TRANSFER_DERIVED, "FOREIGN_TRANSFER"),
        (ASSIGN, "AUTHORITY_CHANGE"),
        (NONCE, "UNEXPECTED_INSTRUCTION"),
        (Instruction(STRANGER, b"", []), "UNKNOWN_PROGRAM"),
        (Instruction(JUPITER, b"claim!!!", [_meta(WALLET)]), "UNEXPECTED_INSTRUCTION"),
        (Instruction(JUPITER, bytes([208, 51, 239, 151, 123, 43, 237, 92]), []), "UNEXPECTED_INSTRUCTION"),
        (_swap(), "NO_SWAP"),
        (Instruction(SPL, bytes([17]), [_meta(WRAPPED), _meta(STRANGER, signs=True)]), "UNKNOWN_SIGNER"),
    ],
)
def test_what_a_swap_does_not_need_refuses_it(instruction: Instruction, code: str) -> None:
    assert _code([*HONEST, instruction]) == code
    assert _code([instruction, *HONEST]) == code


def test_a_transaction_without_a_swap_is_none() -> None:
    assert _code(WRAP) == "NO_SWAP"


def test_a_tip_has_a_limit_and_an_account_that_is_known() -> None:
    tip = Pubkey.from_string(min(JITO_TIP_ACCOUNTS))
    most = LIMITS.most_tip_lamports

    assert _code([*HONEST, _pay(tip, most)]) is None
    assert _code([*HONEST, _pay(tip, most), _pay(tip, 1)]) == "FEE_TOO_HIGH"
    known = replace(LIMITS, tip_accounts=frozenset({str(STRANGER)}))
    assert _code([*HONEST, _pay(STRANGER, most)], limits=known) is None


def test_a_program_of_the_settings_and_one_of_another_router() -> None:
    other = Instruction(STRANGER, b"swap", [_meta(WALLET, signs=True, writes=True)])
    dflow = Instruction(
        Pubkey.from_string("DF1ow4tspfHX9JwWJsAb9epbkA8hmpSEAtxXy1V27QBH"), b"", [_meta(WALLET, signs=True)]
    )

    assert _code([other], limits=replace(LIMITS, programs=frozenset({str(STRANGER)}))) is None
    assert _code([dflow], replace(ORDER, router="dflow")) is None
    assert _code([dflow]) == "UNKNOWN_PROGRAM"


def test_accounts_of_an_intermediate_token_may_be_opened_for_the_wallet() -> None:
    middle = Pubkey.new_unique()
    account = Pubkey.from_string(own_account(str(WALLET), str(middle)))
    order = replace(ORDER, intermediate_mints=(str(middle),))

    assert _code([_associated(account, middle), _swap()], order) is None
    assert _code([_associated(account, middle), _swap()]) == "ACCOUNT_CREATED"
    # Nobody needs a fifth one; a list without an end would be leave to open any account.
    named = tuple(str(Pubkey.new_unique()) for _ in range(3))
    fourth = replace(ORDER, intermediate_mints=(*named, str(middle)))
    fifth = replace(ORDER, intermediate_mints=(*named, str(STRANGER), str(middle)))
    assert _code([_associated(account, middle), _swap()], fourth) is None
    assert _code([_associated(account, middle), _swap()], fifth) == "ACCOUNT_CREATED"


def test_what_goes_in_is_what_was_ordered() -> None:
    order = replace(ORDER, input_mint=str(STRANGER))

    assert _code([_swap("route_v2")], order) == "WRONG_MINT"
    # This layout does not name what goes in; the account it is taken from does.
    assert _code([_swap("route")], order) == "FOREIGN_ACCOUNT"


def test_a_sale_wraps_no_sol() -> None:
    def sale(*others: Instruction) -> str | None:
        swap = _swap("route", source=HELD, destination=WRAPPED, mint=SOL)
        return _code([*others, swap], replace(ORDER, input_mint=str(TOKEN), output_mint=SOL_MINT))

    assert sale() is None
    assert sale(_pay(WRAPPED, 1)) == "AMOUNT_TOO_HIGH"


@pytest.mark.parametrize(
    ("slippage", "code"), [(3_000, None), (3_001, "SLIPPAGE_TOO_HIGH"), (10_000, "NO_MINIMUM_OUT")]
)
def test_slippage_has_a_limit(slippage: int, code: str | None) -> None:
    assert _code([_swap()], replace(ORDER, slippage_bps=slippage)) == code


def test_the_fee_is_the_price_of_all_units() -> None:
    def budget(price: int, units: int = 1_000_000) -> list[Instruction]:
        return [set_compute_unit_limit(units), set_compute_unit_price(price)]

    most = LIMITS.most_network_fee_lamports - 5_000
    assert _code([*budget(most), *HONEST]) is None
    assert _code([*budget(most + 1), *HONEST]) == "FEE_TOO_HIGH"
    # Without a limit of its own every instruction has 200 000 units.
    assert _code([set_compute_unit_price(most), *HONEST]) == "FEE_TOO_HIGH"


def test_the_fee_of_version_1_is_a_total_in_lamports() -> None:
    def code(fee: int) -> str | None:
        message = MessageV1.try_compile(WALLET, HONEST, HASH, TransactionConfig(priority_fee=fee))
        try:
            inspect(decode(message, {}), ORDER, LIMITS)
        except UnsafeSwapError as error:
            return error.code
        return None

    most = LIMITS.most_network_fee_lamports - 5_000
    assert code(most) is None
    assert code(most + 1) == "FEE_TOO_HIGH"


def test_a_legacy_message_is_read_as_well() -> None:
    message = Message.new_with_blockhash([*HONEST, _pay(STRANGER, 1)], WALLET, HASH)

    with pytest.raises(UnsafeSwapError) as refusal:
        inspect(decode(message, {}), ORDER, LIMITS)
    assert refusal.value.code == "FOREIGN_TRANSFER"


def test_a_sponsor_pays_only_for_gasless_orders() -> None:
    sponsor = Pubkey.from_string(SPONSOR)

    assert _code(HONEST, replace(ORDER, gasless=True), payer=sponsor) is None
    assert _code(HONEST, payer=sponsor) == "FOREIGN_PAYER"
    assert _code(HONEST, replace(ORDER, gasless=True), payer=STRANGER) == "FOREIGN_PAYER"
    # The claim of a market maker's quote alone opens nothing.
    claim = replace(ORDER, router="jupiterz", fee_payer=str(STRANGER))
    assert _code(HONEST, claim, payer=STRANGER) == "FOREIGN_PAYER"


def test_a_sponsored_transaction_is_to_be_signed_by_the_wallet() -> None:
    order, sponsor = replace(ORDER, gasless=True), Pubkey.from_string(SPONSOR)

    assert _code([_swap()], order, payer=sponsor) is None
    assert _code([_swap(signs=False)], order, payer=sponsor) == "UNKNOWN_SIGNER"


MAKER = Pubkey.new_unique()
RFQ = replace(ORDER, router="jupiterz")


def _fill(
    *, amount: int = IN, given: int = OUT, source: Pubkey | None = WRAPPED, destination: Pubkey | None = HELD
) -> Instruction:
    """Return the fill of a market maker; an account that is not given is native SOL of the wallet."""
    engine = Pubkey.from_string(ORDER_ENGINE)
    metas = [_meta(WALLET, signs=True, writes=True), _meta(MAKER, signs=True, writes=True)]
    metas += [_meta(source or engine, writes=True), _meta(engine), _meta(destination or engine, writes=True)]
    metas += [_meta(engine), _meta(SOL), _meta(SPL), _meta(TOKEN), _meta(SPL)]
    return Instruction(engine, FILL + _numbers((amount, 8), (given, 8), (0, 8)), metas)


def test_a_market_maker_pays_for_its_own_fill_where_the_order_does_not_name_another() -> None:
    assert _code([_fill()], RFQ, payer=MAKER) is None
    assert _code([_fill()], replace(RFQ, fee_payer=str(MAKER)), payer=MAKER) is None
    assert _code([_fill()], replace(RFQ, fee_payer=str(STRANGER)), payer=MAKER) == "FOREIGN_PAYER"
    assert _code([_fill()], RFQ, payer=STRANGER) == "FOREIGN_PAYER"
    assert _code([_fill()]) == "UNKNOWN_PROGRAM"
    # The programs of one router are not those of another.
    assert _code([_fill()], replace(ORDER, router="dflow")) == "UNKNOWN_PROGRAM"


def test_a_fill_does_without_an_account_for_sol_alone() -> None:
    assert _code([_fill(source=None)], RFQ) is None
    assert _code([_fill(destination=None)], RFQ) == "FOREIGN_ACCOUNT"
    assert _code([_fill(source=STRANGER)], RFQ) == "FOREIGN_ACCOUNT"
    assert _code([_fill(destination=STRANGER)], RFQ) == "FOREIGN_ACCOUNT"


def test_a_fill_is_within_the_order() -> None:
    assert _code([_fill(amount=IN + 1)], RFQ) == "AMOUNT_TOO_HIGH"
    assert _code([_fill(given=OUT * (10_000 - SLIPPAGE) // 10_000 - 2)], RFQ) == "MINIMUM_OUT_TOO_LOW"
    assert _code([_fill(given=0)], RFQ) == "NO_MINIMUM_OUT"


def test_what_stands_in_a_lookup_table_is_seen() -> None:
    table = AddressLookupTableAccount(Pubkey.new_unique(), [STRANGER, HELD])
    message = MessageV0.try_compile(WALLET, [*HONEST, _pay(STRANGER, 1)], [table], HASH)
    contents = {str(table.key): [str(key) for key in table.addresses]}

    assert decode(message, contents).writable >= {str(STRANGER), str(HELD)}

    with pytest.raises(UnsafeSwapError) as refusal:
        inspect(decode(message, contents), ORDER, LIMITS)
    assert refusal.value.code == "FOREIGN_TRANSFER"
    for unread in ({}, {str(table.key): [str(HELD)]}):
        with pytest.raises(UnsafeSwapError) as refusal:
            decode(message, unread)
        assert refusal.value.code == "UNRESOLVED_LOOKUP"
