"""Encrypted wallets from their creation to their end."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from solders.keypair import Keypair

from nexgent.domain.agents.errors import AgentNotFoundError
from nexgent.domain.agents.models import TradingMode, Wallet
from nexgent.domain.ledger.errors import EngineElsewhereError
from nexgent.domain.trading.errors import WalletNotLoadedError
from nexgent.domain.wallets.encrypted.errors import (
    InvalidPassphraseError,
    InvalidPrivateKeyError,
    LockedMeanwhileError,
    ManagedByEnvironmentError,
    NotExportableError,
    PassphrasesBusyError,
    WalletExistsError,
    WalletLockedOutError,
    WeakPassphraseError,
)
from nexgent.domain.wallets.encrypted.events import WalletLocked, WalletUnlocked
from nexgent.domain.wallets.encrypted.models import OwnWallet, Passphrase, WalletAction, WalletSource
from nexgent.domain.wallets.encrypted.passphrases import require_strength
from nexgent.domain.wallets.errors import OpenPositionsError, UnknownWalletAddressError, WalletBusyError
from nexgent.infrastructure.wallets.crypto import WalletKeyCrypto
from nexgent.shared.errors import InvalidInputError, UnavailableError
from nexgent.shared.ids import new_id
from nexgent.shared.types import UserId, WalletAddress
from tests.builders import T0, USER
from tests.fakes.encrypted_wallets import CHEAP, GOOD, WRONG, World, a_request, address_of
from tests.patience import PATIENCE_SECONDS

STRANGER = UserId(new_id())


class SlowCrypto(WalletKeyCrypto):
    """Opens when it is told to."""

    def __init__(self) -> None:
        super().__init__(cost=CHEAP)
        self.begun, self.go = asyncio.Event(), asyncio.Event()
        self.opening = self.most = 0

    async def open(self, sealed, passphrase):  # type: ignore[no-untyped-def]  # As the real one's.
        self.opening += 1
        self.most = max(self.most, self.opening)
        self.begun.set()
        await self.go.wait()
        try:
            return await super().open(sealed, passphrase)
        finally:
            self.opening -= 1


# --- Create ---


async def test_a_new_wallet_is_its_agents_and_locked() -> None:
    world = World()
    agent = await world.an_agent()

    wallet = await world.all.create.execute(a_request(agent))

    assert (wallet.source, wallet.is_unlocked) == (WalletSource.ENCRYPTED, False)
    now = world.engine.directory.owned(agent.id, USER)
    live = now.wallet_for(TradingMode.LIVE)
    assert live is not None
    assert live.address == wallet.address
    assert world.rows.log == [(wallet.address, WalletAction.CREATED)]
    assert world.keys.is_stored(wallet.address)


async def test_a_key_can_be_brought_along() -> None:
    world, keypair = World(), Keypair()

    wallet = await world.a_wallet(private_key=list(bytes(keypair)))

    assert wallet.address == address_of(keypair)
    assert world.rows.log == [(wallet.address, WalletAction.IMPORTED)]


async def test_a_paper_wallet_needs_no_passphrase() -> None:
    world = World()
    agent = await world.an_agent()
    request = a_request(agent, mode=TradingMode.SIMULATION, passphrase=None)
    with pytest.raises(WalletExistsError):
        await world.all.create.execute(request)
    world.engine.directory.load([])
    await world.engine.add_agent(replace(agent, wallets=()))

    wallet = await world.all.create.execute(request)

    assert wallet.address.startswith("sim_")
    assert (wallet.source, wallet.is_unlocked) == (WalletSource.SIMULATION, True)
    with pytest.raises(InvalidInputError, match="has no key"):
        await world.all.create.execute(
            a_request(agent, mode=TradingMode.SIMULATION, passphrase=None, private_key="x")
        )


async def test_what_is_known_is_not_taken_again() -> None:
    known, free = Keypair(), Keypair()
    world = World(environment={"WALLET_1": str(known)})
    first = await world.a_wallet(private_key=str(free))
    agent = await world.an_agent()

    with pytest.raises(WalletExistsError):
        await world.all.create.execute(a_request(agent, private_key=str(known)))
    with pytest.raises(WalletExistsError):
        await world.all.create.execute(a_request(agent, private_key=str(free)))
    assert first.agent_id is not None
    owner = world.engine.directory.owned(first.agent_id, USER)
    with pytest.raises(WalletExistsError):
        await world.all.create.execute(a_request(owner))
    assert len(world.rows.rows) == 1


async def test_bad_requests_store_nothing() -> None:
    world = World()
    agent = await world.an_agent()

    with pytest.raises(InvalidInputError, match="passphrase is required"):
        await world.all.create.execute(a_request(agent, passphrase=None))
    with pytest.raises(WeakPassphraseError):
        await world.all.create.execute(a_request(agent, passphrase="aaaaaaaaaaaaaaaa"))
    with pytest.raises(InvalidPrivateKeyError):
        await world.all.create.execute(a_request(agent, private_key=""))
    world.engine.directory.load([])
    with pytest.raises(AgentNotFoundError):
        await world.all.create.execute(a_request(agent))

    assert world.rows.rows == {}


@pytest.mark.parametrize("text", ["short", "x" * 12, "abcabcabcabcabc", " " * 20, "ab" * 128 + "c"])
def test_passphrases_that_are_too_easy(text: str) -> None:
    with pytest.raises(WeakPassphraseError) as caught:
        require_strength(Passphrase(text))
    assert text not in caught.value.message


@pytest.mark.parametrize("text", ["abcde1234567", "пароль длинный", "x" * 250 + "abcdef"])
def test_passphrases_that_will_do(text: str) -> None:
    require_strength(Passphrase(text))


# --- Unlock, lock, look ---


async def test_unlocked_it_signs_and_locked_it_does_not() -> None:
    world, keypair = World(), Keypair()
    wallet = await world.a_wallet(private_key=str(keypair))

    opened = await world.unlock(wallet, ttl=60)

    assert opened.is_unlocked
    assert opened.unlocked_until is not None
    assert world.keys.sign(wallet.address, b"m") == bytes(keypair.sign_message(b"m"))
    seen = await world.all.views.of(wallet.address, USER)
    assert (seen.is_unlocked, seen.unlocked_until) == (True, opened.unlocked_until)
    assert WalletUnlocked(wallet.address, opened.unlocked_until) in world.engine.events
    await world.all.lock.execute(wallet.address, USER)
    await world.all.lock.execute(wallet.address, USER)
    assert not world.keys.is_loaded(wallet.address)
    assert world.engine.events.count(WalletLocked(wallet.address, "request")) == 1


async def test_after_a_restart_everything_is_locked() -> None:
    before = World()
    wallet = await before.a_wallet()
    await before.unlock(wallet)

    after = World(secrets=before.rows, engine=before.engine)
    await after.index.refresh()

    assert after.keys.is_stored(wallet.address)
    assert not (await after.all.views.of(wallet.address, USER)).is_unlocked
    await after.unlock(wallet)
    assert after.keys.is_loaded(wallet.address)


async def test_an_unlocked_wallet_can_be_locked_while_the_database_is_away() -> None:
    world = World()
    wallet = await world.a_wallet()
    await world.unlock(wallet)
    world.rows.failure = UnavailableError("away")

    await world.all.lock.execute(wallet.address, USER)

    assert not world.keys.is_loaded(wallet.address)


async def test_the_passphrase_is_asked_of_an_unlocked_wallet_as_well() -> None:
    world = World()
    wallet = await world.a_wallet()
    await world.unlock(wallet, ttl=60)

    with pytest.raises(InvalidPassphraseError):
        await world.unlock(wallet, WRONG)
    assert world.vault.unlocked_until(wallet.address) is not None

    assert (await world.unlock(wallet)).unlocked_until is None


async def test_wallets_without_a_stored_key() -> None:
    given = Keypair()
    world = World(environment={"WALLET_1": str(given)})
    agent = await world.rules.an_agent(live=address_of(given))
    paper, live = agent.wallets[0].address, address_of(given)

    for address in (paper, live):
        assert (await world.all.unlock.execute(address, USER, None)).is_unlocked
        with pytest.raises(NotExportableError):
            await world.all.export.execute(address, USER, Passphrase(GOOD))
    with pytest.raises(ManagedByEnvironmentError):
        await world.all.lock.execute(live, USER)
    with pytest.raises(InvalidInputError):
        await world.all.lock.execute(paper, USER)
    with pytest.raises(InvalidInputError):
        await world.all.delete.execute(paper, USER, None)

    gone = World(engine=world.engine)
    assert (await gone.all.views.of(live, USER)).is_unlocked is False
    with pytest.raises(WalletNotLoadedError):
        await gone.all.unlock.execute(live, USER, None)


@pytest.mark.parametrize("ttl", [0, 59, 86_401, -1])
async def test_a_time_out_of_range_is_refused_before_an_attempt_counts(ttl: int) -> None:
    world = World()
    wallet = await world.a_wallet()

    with pytest.raises(InvalidInputError, match="60 to 86400"):
        await world.unlock(wallet, ttl=ttl)
    with pytest.raises(InvalidInputError, match="required"):
        await world.all.unlock.execute(wallet.address, USER, None)

    assert world.rows.failed.get(wallet.address, []) == []


async def test_keys_are_unlocked_only_where_trades_are_made() -> None:
    world = World()
    wallet = await world.a_wallet()
    world.is_engine = False

    with pytest.raises(EngineElsewhereError):
        await world.unlock(wallet)

    assert world.rows.failed.get(wallet.address, []) == []


async def test_who_was_given_no_keys_asks_about_those_of_the_environment() -> None:
    key = Keypair()
    address = WalletAddress(str(key.pubkey()))
    with_keys, without = World(environment={"WALLET_1": str(key)}), World()
    for world in (with_keys, without):
        world.is_engine = False
        agent = await world.an_agent()
        await world.engine.add_agent(
            replace(agent, wallets=(*agent.wallets, Wallet(address, agent.id, TradingMode.LIVE, T0, T0)))
        )

    assert (await with_keys.all.views.status(address, USER)).is_unlocked
    assert (await with_keys.all.unlock.execute(address, USER, None)).is_unlocked
    for asked in (
        without.all.views.status(address, USER),
        without.all.unlock.execute(address, USER, None),
        without.all.delete.execute(address, USER, None),
        with_keys.all.delete.execute(address, USER, None),
    ):
        with pytest.raises(EngineElsewhereError):
            await asked
    without.is_engine = True
    assert not (await without.all.views.status(address, USER)).is_unlocked
    with pytest.raises(WalletNotLoadedError):
        await without.all.unlock.execute(address, USER, None)


async def test_where_another_process_trades_it_is_asked() -> None:
    world = World()
    wallet = await world.a_wallet()
    await world.unlock(wallet)
    assert (await world.all.views.status(wallet.address, USER)).is_unlocked
    world.is_engine = False

    with pytest.raises(EngineElsewhereError) as caught:
        await world.all.views.status(wallet.address, USER)
    assert caught.value.agent_id == wallet.agent_id
    elsewhere = [one.address for one in await world.all.views.all(USER) if world.all.views.is_elsewhere(one)]
    assert elsewhere == [wallet.address]
    for passphrase in (Passphrase(GOOD), None):
        with pytest.raises(EngineElsewhereError):
            await world.all.delete.execute(wallet.address, USER, passphrase)
    assert world.vault.is_unlocked(wallet.address)
    # A key that is here all the same is wiped, and so has to be the one that is there.
    with pytest.raises(EngineElsewhereError):
        await world.all.lock.execute(wallet.address, USER)
    assert not world.vault.is_unlocked(wallet.address)
    with pytest.raises(EngineElsewhereError):
        await world.all.lock.execute(wallet.address, USER)


async def test_the_list_holds_all_wallets_of_the_user_newest_first() -> None:
    world = World()
    mine = await world.a_wallet()
    world.clock.advance(1)
    newer = await world.a_wallet()
    await world.a_wallet(user_id=STRANGER)
    assert newer.agent_id is not None
    await world.rules.unassign.execute(newer.address, USER)

    listed = [wallet for wallet in await world.all.views.all(USER) if wallet.mode is TradingMode.LIVE]

    # Taken away from its agent, the wallet and its key are still the user's.
    assert [(one.address, one.agent_id) for one in listed] == [
        (newer.address, None),
        (mine.address, mine.agent_id),
    ]
    assert (await world.unlock(newer)).is_unlocked


async def test_others_do_not_see_the_wallet() -> None:
    world = World()
    wallet = await world.a_wallet()
    address, passphrase = wallet.address, Passphrase(GOOD)
    calls = [
        lambda: world.all.views.of(address, STRANGER),
        lambda: world.all.unlock.execute(address, STRANGER, passphrase),
        lambda: world.all.lock.execute(address, STRANGER),
        lambda: world.all.export.execute(address, STRANGER, passphrase),
        lambda: world.all.delete.execute(address, STRANGER, passphrase, force=True),
    ]
    await world.unlock(wallet)

    for call in calls:
        with pytest.raises(UnknownWalletAddressError):
            await call()  # type: ignore[no-untyped-call]  # Lambdas of different results.

    assert world.keys.is_loaded(address)
    assert world.rows.failed[address] == []
    assert all(one.address != address for one in await world.all.views.all(STRANGER))


# --- Wrong passphrases ---


async def test_wrong_ones_are_answered_late_and_the_sixth_not_at_all() -> None:
    world = World()
    wallet = await world.a_wallet()

    for _ in range(5):
        with pytest.raises(InvalidPassphraseError):
            await world.unlock(wallet, WRONG)
        world.clock.advance(60)
    with pytest.raises(WalletLockedOutError) as caught:
        await world.unlock(wallet)

    assert world.delays == [0.5, 1, 2, 4, 8]
    assert caught.value.details == {"lockedUntil": "2026-01-01T12:19:00.000Z"}
    for call in (world.all.export.execute, world.all.delete.execute):
        with pytest.raises(WalletLockedOutError):
            await call(wallet.address, USER, Passphrase(GOOD))
    world.clock.advance(14 * 60)
    assert (await world.unlock(wallet)).is_unlocked
    assert world.rows.log.count((wallet.address, WalletAction.REFUSED)) == 5


async def test_the_right_one_forgets_the_wrong_ones() -> None:
    world = World()
    wallet = await world.a_wallet()

    for _ in range(3):
        for _ in range(4):
            with pytest.raises(InvalidPassphraseError):
                await world.unlock(wallet, WRONG)
        await world.unlock(wallet)

    assert world.delays == [0.5, 1, 2, 4] * 3


async def test_wrong_ones_at_the_same_moment_all_count() -> None:
    crypto = SlowCrypto()
    crypto.go.set()
    world = World(crypto=crypto)
    wallet = await world.a_wallet()

    results = await asyncio.gather(*(world.unlock(wallet, WRONG) for _ in range(8)), return_exceptions=True)

    kinds = [type(result) for result in results]
    assert kinds.count(InvalidPassphraseError) == 5
    assert kinds.count(WalletLockedOutError) == 3
    assert crypto.most == 1


async def test_right_ones_at_the_same_moment_all_pass() -> None:
    world = World()
    wallet = await world.a_wallet()

    results = await asyncio.gather(*(world.unlock(wallet) for _ in range(8)))

    assert all(result.is_unlocked for result in results)
    assert len(world.vault) == 1


async def test_too_many_at_once_are_refused_uncounted() -> None:
    crypto = SlowCrypto()
    world = World(crypto=crypto)
    wallet = await world.a_wallet()
    tasks = [asyncio.create_task(world.unlock(wallet)) for _ in range(9)]
    await crypto.begun.wait()
    crypto.go.set()

    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(result) for result in results].count(PassphrasesBusyError) == 1
    assert sum(isinstance(result, OwnWallet) for result in results) == 8


async def test_a_success_that_cannot_be_noted_unlocks_nothing() -> None:
    crypto = SlowCrypto()
    world = World(crypto=crypto)
    wallet = await world.a_wallet()
    task = asyncio.create_task(world.unlock(wallet))
    await crypto.begun.wait()
    world.rows.failure = UnavailableError("away")
    crypto.go.set()

    with pytest.raises(UnavailableError):
        await task

    assert not world.keys.is_loaded(wallet.address)
    assert len(world.rows.failed[wallet.address]) == 1


async def test_a_lock_stops_an_unlocking_under_way() -> None:
    crypto = SlowCrypto()
    world = World(crypto=crypto)
    wallet = await world.a_wallet()
    task = asyncio.create_task(world.unlock(wallet))
    await crypto.begun.wait()
    await world.all.lock.execute(wallet.address, USER)
    crypto.go.set()

    with pytest.raises(LockedMeanwhileError):
        await task

    assert not world.keys.is_loaded(wallet.address)


async def test_a_key_whose_shard_moves_while_it_is_derived_is_not_kept() -> None:
    crypto = SlowCrypto()
    world = World(crypto=crypto)
    wallet = await world.a_wallet()
    task = asyncio.create_task(world.unlock(wallet))
    await crypto.begun.wait()
    world.is_engine = False
    crypto.go.set()

    with pytest.raises(EngineElsewhereError):
        await task

    assert not world.keys.is_loaded(wallet.address)


# --- Export ---


async def test_an_export_is_the_key_and_leaves_a_line() -> None:
    world, keypair = World(), Keypair()
    wallet = await world.a_wallet(private_key=str(keypair))

    text = await world.all.export.execute(wallet.address, USER, Passphrase(GOOD))

    assert text == str(keypair)
    assert world.rows.log[-1] == (wallet.address, WalletAction.EXPORTED)
    # Exporting does not unlock.
    assert not world.keys.is_loaded(wallet.address)
    with pytest.raises(InvalidPassphraseError):
        await world.all.export.execute(wallet.address, USER, Passphrase(WRONG))


async def test_without_a_line_in_the_log_no_key_leaves() -> None:
    crypto = SlowCrypto()
    world = World(crypto=crypto)
    wallet = await world.a_wallet()
    task = asyncio.create_task(world.all.export.execute(wallet.address, USER, Passphrase(GOOD)))
    await crypto.begun.wait()
    world.rows.failure = UnavailableError("away")
    crypto.go.set()

    with pytest.raises(UnavailableError):
        await task


# --- Delete ---


async def test_a_deleted_wallet_is_gone_with_its_key() -> None:
    world = World()
    wallet = await world.a_wallet()
    await world.unlock(wallet)
    with pytest.raises(InvalidInputError, match="passphrase is required"):
        await world.all.delete.execute(wallet.address, USER, None)
    with pytest.raises(InvalidPassphraseError):
        await world.all.delete.execute(wallet.address, USER, Passphrase(WRONG))

    result = await world.all.delete.execute(wallet.address, USER, Passphrase(GOOD))

    assert result.deleted.transactions == world.rules.wallets.rows.transactions
    assert not world.keys.is_loaded(wallet.address)
    assert world.index.owner_of(wallet.address) is None
    assert world.rows.rows == {}
    assert world.engine.events.count(WalletLocked(wallet.address, "deleted")) == 1
    assert world.rows.log[-2:] == [
        (wallet.address, WalletAction.DELETE_REQUESTED),
        (wallet.address, WalletAction.DELETED),
    ]
    with pytest.raises(UnknownWalletAddressError):
        await world.all.views.of(wallet.address, USER)


async def test_a_wallet_without_an_agent_can_be_deleted() -> None:
    world = World()
    wallet = await world.a_wallet()
    await world.rules.unassign.execute(wallet.address, USER)

    result = await world.all.delete.execute(wallet.address, USER, Passphrase(GOOD))

    assert result.deleted.transactions == 0
    assert world.rows.rows == {}


async def test_deleting_a_wallet_of_the_environment_takes_it_away() -> None:
    given = Keypair()
    world = World(environment={"WALLET_1": str(given)})
    agent = await world.rules.an_agent(live=address_of(given))

    await world.all.delete.execute(address_of(given), USER, None)

    assert world.engine.directory.owned(agent.id, USER).wallet_for(TradingMode.LIVE) is None
    assert world.keys.is_loaded(address_of(given))


async def test_open_positions_have_to_be_given_up() -> None:
    world = World()
    wallet = await world.a_wallet()
    await world.open_position(wallet)
    passphrase = Passphrase(GOOD)

    with pytest.raises(OpenPositionsError):
        await world.all.delete.execute(wallet.address, USER, passphrase)
    assert wallet.address in world.rows.rows

    result = await world.all.delete.execute(wallet.address, USER, passphrase, force=True)

    assert result.deleted.positions == 1
    assert world.rows.rows == {}


async def test_a_trade_under_way_is_not_forced() -> None:
    world = World()
    wallet = await world.a_wallet()
    assert wallet.agent_id is not None
    agent = world.engine.directory.owned(wallet.agent_id, USER)
    swapped: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    genuine = world.engine.swaps.execute

    async def execute(*arguments: object) -> object:
        await swapped
        return await genuine(*arguments)  # type: ignore[arg-type]

    world.engine.swaps.execute = execute  # type: ignore[method-assign,assignment]
    buying = asyncio.create_task(world.open_position(wallet))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (
            world.engine.ledger.knows(wallet.address) and world.engine.ledger.head(wallet.address).intents
        ):
            await asyncio.sleep(0)

    with pytest.raises(WalletBusyError):
        await world.all.delete.execute(wallet.address, USER, Passphrase(GOOD), force=True)

    swapped.set_result(None)
    await buying
    assert agent.id == wallet.agent_id
    assert wallet.address in world.rows.rows


# --- What is at stake ---


async def test_locked_wallets_with_positions_are_named() -> None:
    world = World()
    wallet = await world.a_wallet()
    await world.a_wallet()
    assert world.holdings.stranded(world.keys) == []
    await world.open_position(wallet)

    (stranded,) = world.holdings.stranded(world.keys)

    assert (stranded.wallet_address, stranded.agent_id, stranded.open_positions) == (
        wallet.address,
        wallet.agent_id,
        1,
    )
    assert world.holdings.in_use(wallet.address)
    assert not world.holdings.in_use(WalletAddress("unknown"))
    await world.unlock(wallet)
    assert world.holdings.stranded(world.keys) == []
