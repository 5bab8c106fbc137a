"""Logging in, refreshing, logging out, and who a token or a key belongs to."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest
from jose import jwt

from nexgent.domain.users.authenticate import Authenticator, RevokedTokens, has_key_format, key_hash
from nexgent.domain.users.errors import (
    AccountLockedError,
    InvalidAdminError,
    LoginBusyError,
    MissingScopeError,
    NotAuthenticatedError,
)
from nexgent.domain.users.log_in import LogIn
from nexgent.domain.users.login_guard import MOST_WAITING, LoginGuard
from nexgent.domain.users.models import ApiKey, Claims, Scope, Session, TokenType, User
from nexgent.domain.users.seed_admin import SeedAdmin, SeedOutcome
from nexgent.domain.users.sessions import Sessions
from nexgent.infrastructure.security.tokens import JwtCodec
from nexgent.shared.clock import SystemClock
from nexgent.shared.errors import UnavailableError
from nexgent.shared.ids import new_id
from nexgent.shared.types import UserId
from tests.builders import an_api_key
from tests.fakes.api import (
    PASSWORD,
    SECRET,
    FakeAttempts,
    FakeKeys,
    FakePasswords,
    FakeRecords,
    FakeSessionStore,
    FakeUsers,
)

EMAIL = "admin@example.com"
KEY = "nex_" + "k" * 32


class ShiftedClock(SystemClock):
    """The real time and a bit, because the token library looks at the real one."""

    def __init__(self) -> None:
        self.shift = timedelta()

    def now(self) -> datetime:
        return super().now() + self.shift

    def monotonic(self) -> float:
        return super().monotonic() + self.shift.total_seconds()


class World:
    def __init__(self) -> None:
        self.clock = ShiftedClock()
        self.users = FakeUsers()
        self.passwords = FakePasswords()
        self.attempts = FakeAttempts()
        self.records = FakeRecords()
        self.store = FakeSessionStore()
        self.keys = FakeKeys()
        self.tokens = JwtCodec(SECRET)
        self.revoked = RevokedTokens()
        self.sessions = Sessions(
            users=self.users,
            tokens=self.tokens,
            store=self.store,
            revoked=self.revoked,
            records=self.records,
            clock=self.clock,
        )
        self.log_in = LogIn(
            users=self.users,
            passwords=self.passwords,
            guard=LoginGuard(attempts=self.attempts, clock=self.clock),
            sessions=self.sessions,
        )
        self.authenticator = Authenticator(
            tokens=self.tokens, keys=self.keys, revoked=self.revoked, clock=self.clock
        )
        self.seed = SeedAdmin(users=self.users, passwords=self.passwords, clock=self.clock)


@pytest.fixture
async def world() -> World:
    made = World()
    await made.seed.execute(EMAIL, PASSWORD)
    return made


async def fails(world: World, times: int) -> None:
    for _ in range(times):
        with pytest.raises(NotAuthenticatedError, match="Invalid email or password"):
            await world.log_in.execute(EMAIL, "wrong")


class TestLogin:
    async def test_tokens_say_what_the_contract_says(self, world: World) -> None:
        session = await world.log_in.execute(" ADMIN@example.com ", PASSWORD)

        access = jwt.get_unverified_claims(session.access_token)
        refresh = jwt.get_unverified_claims(session.refresh_token)
        assert jwt.get_unverified_header(session.access_token) == {"alg": "HS256", "typ": "JWT"}
        assert set(access) == {"userId", "email", "type", "jti", "iat", "exp", "sid", "sessionExp"}
        assert (access["userId"], access["email"], access["type"]) == (str(session.user.id), EMAIL, "access")
        assert access["exp"] - access["iat"] == 900
        assert (refresh["type"], refresh["exp"] - refresh["iat"]) == ("refresh", 86_400)
        assert world.store.refresh == {refresh["jti"]: session.user.id}

    async def test_all_tokens_of_a_session_name_it_and_its_end(self, world: World) -> None:
        session = await world.log_in.execute(EMAIL, PASSWORD)
        another = await world.log_in.execute(EMAIL, PASSWORD)
        world.clock.shift = timedelta(minutes=10)
        refreshed = (await world.sessions.refresh(session.refresh_token)).access_token

        read = [
            world.tokens.decode(text) for text in (session.refresh_token, session.access_token, refreshed)
        ]
        assert {claims.session_id for claims in read} == {read[0].token_id}
        assert {claims.session_ends_at for claims in read} == {read[0].expires_at}
        assert world.tokens.decode(another.access_token).session_id != read[0].session_id

    async def test_a_token_of_before_sessions_had_names_is_a_session_of_its_own(self, world: World) -> None:
        session = await world.log_in.execute(EMAIL, PASSWORD)
        content = jwt.get_unverified_claims(session.refresh_token)
        old = {name: value for name, value in content.items() if name not in ("sid", "sessionExp")}
        token = jwt.encode(old, SECRET.get_secret_value(), algorithm="HS256")

        claims = world.tokens.decode(token)
        assert (claims.session_id, claims.session_ends_at) == (claims.token_id, claims.expires_at)
        assert (await world.sessions.refresh(token)).access_token

    async def test_remembered_sessions_last_a_month(self, world: World) -> None:
        session = await world.log_in.execute(EMAIL, PASSWORD, remember=True)

        claims = jwt.get_unverified_claims(session.refresh_token)
        assert claims["exp"] - claims["iat"] == 30 * 86_400

    async def test_a_password_is_counted_before_it_is_looked_at(self, world: World) -> None:
        before = world.passwords.checks

        answers = await asyncio.gather(
            *(world.log_in.execute(EMAIL, "wrong") for _ in range(60)), return_exceptions=True
        )

        assert world.passwords.checks == before + 5
        kinds = [type(answer) for answer in answers]
        assert (kinds.count(NotAuthenticatedError), kinds.count(AccountLockedError)) == (5, 55)

    async def test_right_passwords_that_come_at_once_lock_nobody_out(self, world: World) -> None:
        wrong = [world.log_in.execute(EMAIL, "wrong") for _ in range(3)]
        right = [world.log_in.execute(EMAIL, PASSWORD) for _ in range(40)]

        answers = await asyncio.gather(*wrong, *right, return_exceptions=True)

        assert [type(answer) for answer in answers[:3]] == [NotAuthenticatedError] * 3
        assert [answer for answer in answers[3:] if isinstance(answer, BaseException)] == []
        # A right one wipes out what was wrong before it: there are five tries again.
        await fails(world, 5)
        with pytest.raises(AccountLockedError):
            await world.log_in.execute(EMAIL, PASSWORD)

    async def test_a_line_of_logins_has_an_end(self, world: World) -> None:
        answers = await asyncio.gather(
            *(world.log_in.execute(EMAIL, PASSWORD) for _ in range(MOST_WAITING + 10)), return_exceptions=True
        )

        busy = [answer for answer in answers if isinstance(answer, LoginBusyError)]
        assert [type(answer) for answer in answers if answer not in busy] == [Session] * (
            len(answers) - len(busy)
        )
        assert 0 < len(busy) <= 10

    async def test_a_password_nobody_had_time_for_is_not_counted(self, world: World) -> None:
        world.passwords.busy = True
        for _ in range(6):
            with pytest.raises(LoginBusyError):
                await world.log_in.execute(EMAIL, "wrong")
        world.passwords.busy = False

        await fails(world, 5)

    @pytest.mark.parametrize("email", ["a\0@example.com", "\ud800@example.com"])
    async def test_an_address_no_database_can_hold_is_an_unknown_one(self, world: World, email: str) -> None:
        with pytest.raises(NotAuthenticatedError, match="Invalid email or password"):
            await world.log_in.execute(email, PASSWORD)

    async def test_unknown_users_cost_a_comparison_too(self, world: World) -> None:
        before = world.passwords.checks

        with pytest.raises(NotAuthenticatedError, match="Invalid email or password"):
            await world.log_in.execute("nobody@example.com", PASSWORD)

        assert world.passwords.checks == before + 1

    async def test_the_fifth_wrong_password_locks_for_fifteen_minutes(self, world: World) -> None:
        await fails(world, 5)

        with pytest.raises(AccountLockedError) as caught:
            await world.log_in.execute(EMAIL, PASSWORD)

        assert str(caught.value.details["lockedUntil"]).endswith("Z")
        world.clock.shift = timedelta(minutes=15, seconds=1)
        assert (await world.log_in.execute(EMAIL, PASSWORD)).user.email == EMAIL

    async def test_counting_starts_again_after_a_lock_has_lapsed(self, world: World) -> None:
        await fails(world, 5)
        world.clock.shift = timedelta(minutes=16)

        await fails(world, 4)

        assert (await world.log_in.execute(EMAIL, PASSWORD)).user.email == EMAIL

    async def test_success_forgets_failures(self, world: World) -> None:
        await fails(world, 4)
        await world.log_in.execute(EMAIL, PASSWORD)
        await fails(world, 4)

        assert (await world.log_in.execute(EMAIL, PASSWORD)).user.email == EMAIL

    async def test_an_unreachable_store_is_not_a_wrong_password(self, world: World) -> None:
        world.store.away = True

        with pytest.raises(UnavailableError):
            await world.log_in.execute(EMAIL, PASSWORD)


class TestRefresh:
    async def test_it_can_be_used_again(self, world: World) -> None:
        session = await world.log_in.execute(EMAIL, PASSWORD)

        for _ in range(2):
            caller = world.authenticator.by_token(
                f"Bearer {(await world.sessions.refresh(session.refresh_token)).access_token}"
            )
            assert caller.user_id == session.user.id

    async def test_refusals_have_their_texts(self, world: World) -> None:
        session = await world.log_in.execute(EMAIL, PASSWORD)

        with pytest.raises(NotAuthenticatedError, match="Invalid or expired refresh token"):
            await world.sessions.refresh("nonsense")
        with pytest.raises(NotAuthenticatedError, match="Invalid token type"):
            await world.sessions.refresh(session.access_token)
        world.users.by_id.clear()
        with pytest.raises(NotAuthenticatedError, match="User not found"):
            await world.sessions.refresh(session.refresh_token)
        world.users.by_id[session.user.id] = session.user
        await world.records.end(session.user.id, world.clock.now())
        with pytest.raises(NotAuthenticatedError, match="Refresh token has been revoked"):
            await world.sessions.refresh(session.refresh_token)

    async def test_a_session_of_before_there_were_records_goes_on(self, world: World) -> None:
        session = await world.log_in.execute(EMAIL, PASSWORD)
        world.records.rows.clear()

        assert (await world.sessions.refresh(session.refresh_token)).access_token
        assert len(world.records.rows) == 1
        world.records.rows.clear()
        world.store.refresh.clear()
        with pytest.raises(NotAuthenticatedError, match="Refresh token has been revoked"):
            await world.sessions.refresh(session.refresh_token)

    async def test_rotation_gives_two_who_ask_at_once_the_same_token(self, world: World) -> None:
        session = await world.log_in.execute(EMAIL, PASSWORD)

        first, second = await asyncio.gather(
            *(world.sessions.refresh(session.refresh_token, rotate=True) for _ in range(2))
        )

        assert first.refresh_token == second.refresh_token != session.refresh_token
        assert first.refresh_token is not None
        claims = world.tokens.decode(first.refresh_token)
        assert claims.expires_at == world.tokens.decode(session.refresh_token).expires_at
        # A lost answer: the one before gives the same once more.
        again = await world.sessions.refresh(session.refresh_token, rotate=True)
        assert again.refresh_token == first.refresh_token

    async def test_a_refresh_token_used_again_later_ends_the_session(self, world: World) -> None:
        session = await world.log_in.execute(EMAIL, PASSWORD)
        stays = await world.log_in.execute(EMAIL, PASSWORD)
        newest = (await world.sessions.refresh(session.refresh_token, rotate=True)).refresh_token
        assert newest is not None
        world.clock.shift = timedelta(seconds=31)

        with pytest.raises(NotAuthenticatedError, match="Refresh token has been revoked"):
            await world.sessions.refresh(session.refresh_token)

        with pytest.raises(NotAuthenticatedError, match="Refresh token has been revoked"):
            await world.sessions.refresh(newest)
        with pytest.raises(NotAuthenticatedError, match="Token has been revoked"):
            world.authenticator.by_token(f"Bearer {session.access_token}")
        assert (await world.sessions.refresh(stays.refresh_token)).access_token

    async def test_who_never_asks_for_rotation_keeps_one_token(self, world: World) -> None:
        session = await world.log_in.execute(EMAIL, PASSWORD)
        for minutes in range(0, 120, 10):
            world.clock.shift = timedelta(minutes=minutes)
            refreshed = await world.sessions.refresh(session.refresh_token)
            assert refreshed.refresh_token is None


class TestLogout:
    async def test_both_tokens_are_void_afterwards(self, world: World) -> None:
        session = await world.log_in.execute(EMAIL, PASSWORD)
        caller = world.authenticator.by_token(f"Bearer {session.access_token}")
        assert caller.claims is not None

        await world.sessions.log_out(caller.claims, session.refresh_token)

        with pytest.raises(NotAuthenticatedError, match="Token has been revoked"):
            world.authenticator.by_token(f"Bearer {session.access_token}")
        with pytest.raises(NotAuthenticatedError, match="revoked"):
            await world.sessions.refresh(session.refresh_token)
        assert caller.claims.token_id in world.store.revoked

    async def test_a_logout_that_names_no_refresh_token_ends_the_session_all_the_same(
        self, world: World
    ) -> None:
        session = await world.log_in.execute(EMAIL, PASSWORD)
        refreshed = (await world.sessions.refresh(session.refresh_token)).access_token
        stays = await world.log_in.execute(EMAIL, PASSWORD)

        await world.sessions.log_out(world.tokens.decode(refreshed), None)

        for token in (session.access_token, refreshed):
            with pytest.raises(NotAuthenticatedError, match="Token has been revoked"):
                world.authenticator.by_token(f"Bearer {token}")
        with pytest.raises(NotAuthenticatedError, match="Refresh token has been revoked"):
            await world.sessions.refresh(session.refresh_token)
        assert (await world.sessions.refresh(stays.refresh_token)).access_token

    async def test_a_refresh_token_of_somebody_else_stays(self, world: World) -> None:
        session = await world.log_in.execute(EMAIL, PASSWORD)
        await world.seed.execute("other@example.com", PASSWORD)
        other = await world.log_in.execute("other@example.com", PASSWORD)
        caller = world.authenticator.by_token(f"Bearer {session.access_token}")
        assert caller.claims is not None

        await world.sessions.log_out(caller.claims, other.refresh_token)

        assert (await world.sessions.refresh(other.refresh_token)).access_token

    async def test_revocations_stored_before_a_restart_count(self, world: World) -> None:
        session = await world.log_in.execute(EMAIL, PASSWORD)
        token_id = jwt.get_unverified_claims(session.access_token)["jti"]

        world.revoked.load({token_id: 2**31})

        with pytest.raises(NotAuthenticatedError, match="revoked"):
            world.authenticator.by_token(f"Bearer {session.access_token}")


class TestTokens:
    @pytest.mark.parametrize(
        ("header", "text"),
        [
            (None, "Authorization header required"),
            ("", "Authorization header required"),
            ("Bearer", "Invalid authorization header format"),
            ("bearer abc", "Invalid authorization header format"),
            ("Bearer a b", "Invalid authorization header format"),
            ("Basic abc", "Invalid authorization header format"),
            ("Bearer abc", "Invalid token"),
            (f"Bearer {KEY}", "Invalid token"),
            ("Bearer " + "a." * 5000, "Invalid token"),
            ("Bearer é.é.é", "Invalid token"),
        ],
    )
    async def test_texts(self, world: World, header: str | None, text: str) -> None:
        with pytest.raises(NotAuthenticatedError) as caught:
            world.authenticator.by_token(header)

        assert caught.value.message == text

    async def test_only_our_algorithm_and_our_secret_count(self, world: World) -> None:
        claims = {"userId": str(new_id()), "email": EMAIL, "type": "access", "jti": "1", "exp": 2**31}
        own = SECRET.get_secret_value()
        for token in (
            jwt.encode(claims, own + "x", algorithm="HS256"),
            jwt.encode(claims, own, algorithm="HS512"),
            "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJ1c2VySWQiOiIxIn0.",
        ):
            with pytest.raises(NotAuthenticatedError, match=r"^Invalid token$"):
                world.authenticator.by_token(f"Bearer {token}")

    async def test_missing_claims(self, world: World) -> None:
        token = jwt.encode({"type": "access", "exp": 2**31}, SECRET.get_secret_value(), algorithm="HS256")

        with pytest.raises(NotAuthenticatedError, match="Authentication failed"):
            world.authenticator.by_token(f"Bearer {token}")

    async def test_a_remembered_token_expires_all_the_same(self, world: World) -> None:
        session = await world.log_in.execute(EMAIL, PASSWORD)
        world.authenticator.by_token(f"Bearer {session.access_token}")
        world.clock.shift = timedelta(minutes=15, seconds=1)

        with pytest.raises(NotAuthenticatedError, match="Token expired"):
            world.authenticator.by_token(f"Bearer {session.access_token}")

    async def test_an_expired_token_is_called_so(self, world: World) -> None:
        token = world.tokens.encode(
            Claims(
                user_id=UserId(new_id()),
                email=EMAIL,
                type=TokenType.ACCESS,
                token_id="1",
                issued_at=1,
                expires_at=2,
            )
        )

        with pytest.raises(NotAuthenticatedError, match="Token expired"):
            world.authenticator.by_token(f"Bearer {token}")

    async def test_a_refresh_token_opens_nothing(self, world: World) -> None:
        session = await world.log_in.execute(EMAIL, PASSWORD)

        with pytest.raises(NotAuthenticatedError, match="Invalid token type"):
            world.authenticator.by_token(f"Bearer {session.refresh_token}")


class TestKeys:
    def _key(self, world: World, *scopes: str) -> ApiKey:
        key = an_api_key(*scopes, user_id=UserId(new_id()))
        world.keys.by_hash[key_hash(KEY)] = key
        return key

    @pytest.mark.parametrize(
        ("text", "is_key"), [(KEY, True), ("nex_" + "k" * 37, False), ("nex_short", False)]
    )
    def test_format(self, text: str, is_key: bool) -> None:
        assert has_key_format(text) is is_key

    async def test_either_header_will_do_and_look_ups_are_remembered(self, world: World) -> None:
        key = self._key(world, "agents")

        first = await world.authenticator.by_token_or_key(None, KEY, Scope.AGENTS)
        second = await world.authenticator.by_token_or_key(f"Bearer {KEY}", None, Scope.AGENTS)

        assert first.user_id == second.user_id == key.user_id
        assert world.keys.lookups == 1

    async def test_a_deleted_key_is_refused(self, world: World) -> None:
        key = self._key(world, "agents")
        await world.authenticator.by_token_or_key(None, KEY, Scope.AGENTS)
        world.keys.by_hash.clear()

        world.authenticator.forget_key(key.id)

        with pytest.raises(NotAuthenticatedError, match="Invalid API key"):
            await world.authenticator.by_token_or_key(None, KEY, Scope.AGENTS)

    async def test_a_key_deleted_elsewhere_is_refused_after_a_moment(self, world: World) -> None:
        self._key(world, "agents")
        await world.authenticator.by_token_or_key(None, KEY, Scope.AGENTS)
        world.keys.by_hash.clear()
        world.clock.shift = timedelta(seconds=6)

        with pytest.raises(NotAuthenticatedError, match="Invalid API key"):
            await world.authenticator.by_token_or_key(None, KEY, Scope.AGENTS)

    async def test_scopes(self, world: World) -> None:
        self._key(world, "signals")
        with pytest.raises(MissingScopeError, match="API key missing required scope: agents"):
            await world.authenticator.by_token_or_key(None, KEY, Scope.AGENTS)
        world.authenticator.forget_key(world.keys.by_hash[key_hash(KEY)].id)
        self._key(world, "full_access")
        assert (await world.authenticator.by_token_or_key(None, KEY, Scope.AGENTS)).key is not None

    async def test_what_is_not_a_key_falls_back_to_the_token(self, world: World) -> None:
        session = await world.log_in.execute(EMAIL, PASSWORD)

        caller = await world.authenticator.by_token_or_key(
            f"Bearer {session.access_token}", "not-a-key", Scope.AGENTS
        )

        assert caller.user_id == session.user.id
        with pytest.raises(NotAuthenticatedError, match=r"^Authorization required$"):
            await world.authenticator.by_token_or_key(None, "not-a-key", Scope.AGENTS)


class TestSeed:
    async def test_the_same_again_changes_nothing(self, world: World) -> None:
        outcome, _ = await world.seed.execute(EMAIL.upper(), f" {PASSWORD} ")

        assert outcome is SeedOutcome.UNCHANGED
        assert len(world.users.by_id) == 1

    async def test_a_new_password_replaces_the_old_one(self, world: World) -> None:
        outcome, _ = await world.seed.execute(EMAIL, "another one")

        assert outcome is SeedOutcome.PASSWORD_REPLACED
        assert (await world.log_in.execute(EMAIL, "another one")).user.email == EMAIL

    async def test_another_address_never_takes_over_an_account(self, world: World) -> None:
        before: User = next(iter(world.users.by_id.values()))

        outcome, user_id = await world.seed.execute("new@example.com", "another one")

        assert outcome is SeedOutcome.CREATED
        assert user_id != before.id
        assert world.users.by_id[before.id] == before

    @pytest.mark.parametrize(("email", "password"), [("nobody", "x"), (EMAIL, "  "), (EMAIL, "a\0b")])
    async def test_what_cannot_log_in_is_refused(self, world: World, email: str, password: str) -> None:
        with pytest.raises(InvalidAdminError):
            await world.seed.execute(email, password)
