"""Users, what acts for them, and their signals."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final
from uuid import UUID

import asyncpg

from nexgent.domain.users.models import User
from nexgent.domain.users.seed_admin import is_email
from nexgent.infrastructure.takeover.report import Report, Thing
from nexgent.infrastructure.takeover.source import Source
from nexgent.infrastructure.takeover.target import Target
from nexgent.shared.types import UserId

_BATCH = 500
_PASSWORD = re.compile(r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}")
_KEY_HASH = re.compile(r"[0-9a-f]{64}")
_SCOPES = frozenset({"signals", "agents", "positions", "balances", "transactions", "history", "full_access"})
"""What a key may do there. A name that nobody knows there may come to mean something here."""
NO_PASSWORD: Final = "its password cannot be checked here; `nexgent admin` sets a new one"  # noqa: S105 -- words
ACCOUNT_HERE: Final = (
    "an account with this address is here already; it keeps its password and gets the agents"
)
NUMBER_TAKEN: Final = "its number belongs to another signal here"


class People:
    """Maps users of the reference to users here. `owners` has those who came along, now or before."""

    def __init__(self, source: Source, target: Target, report: Report, *, admin_email: str | None) -> None:
        self._source = source
        self._target = target
        self._report = report
        self._admin_email = (admin_email or "").strip().lower()
        self.owners: dict[UUID, UserId] = {}
        self._new: set[UUID] = set()
        """Users who came along now, or whose account was here without anything of theirs."""
        self.taken_numbers: set[int] = set()
        """Numbers of signals that are other ones here."""

    async def take_users(self) -> None:
        """Add the users who are not here; the address decides, not the id."""
        known = dict(await self._target.users())
        ids_here = set(known.values())
        rows = [row async for row in self._source.rows("users")]
        ids_there = {UserId(row["id"]) for row in rows}
        for row in rows:
            user_id, email = UserId(row["id"]), row["email"].strip().lower()
            if user_id in ids_here:
                self.owners[user_id] = user_id
                self._report.here(Thing.USERS)
            elif not is_email(email):
                self._report.left_out(Thing.USERS, row["email"], "its address is no e-mail address")
            elif email in known:
                if known[email] in ids_there:
                    self._report.left_out(
                        Thing.USERS, row["email"], "another user has the same address in other letters"
                    )
                    continue
                self.owners[user_id] = known[email]
                self._new.add(user_id)
                self._report.here(Thing.USERS)
                self._report.changed(Thing.USERS, email, ACCOUNT_HERE)
            else:
                await self._add(row, user_id, email)
                known[email] = user_id

    async def _add(self, row: asyncpg.Record, user_id: UserId, email: str) -> None:
        password = row["password_hash"]
        if password is None or _PASSWORD.fullmatch(password) is None:
            self._report.changed(Thing.USERS, email, NO_PASSWORD)
            password = None
        if email != row["email"]:
            self._report.changed(Thing.USERS, row["email"], "its address is kept in small letters")
        # Whoever the settings name is the same here and there, and what acts for them stays good.
        user = User(
            id=user_id,
            email=email,
            password_hash=password,
            created_at=row["created_at"],
            seeded=email == self._admin_email,
        )
        await self._target.add_user(user)
        self.owners[user_id] = user_id
        self._new.add(user_id)
        self._report.taken(Thing.USERS)

    def known_before(self, user_id: UUID) -> None:
        """Note that something of a user came along before: what acts for them is theirs to change here."""
        self._new.discard(user_id)

    def is_owner(self, user_id: UUID) -> bool:
        """Tell whether a user is here."""
        return user_id in self.owners

    async def take_keys(self) -> None:
        """Add API keys of users who came along now: one that was revoked here since does not come back."""
        names = set(await self._target.key_names())
        async for row in self._source.rows("api_keys"):
            named = f"{row['key_prefix']}…"
            if row["user_id"] not in self.owners:
                self._report.left_out(Thing.API_KEYS, named, "its user is left out")
            elif row["id"] in names or row["key_hash"] in names or row["user_id"] not in self._new:
                self._report.here(Thing.API_KEYS)
            elif _KEY_HASH.fullmatch(row["key_hash"]) is None:
                self._report.left_out(
                    Thing.API_KEYS, named, "what is stored of it is no SHA-256; make a new key"
                )
            else:
                given = [scope for scope in row["scopes"] or () if scope is not None]
                scopes = [scope for scope in given if scope in _SCOPES]
                if scopes != given:
                    self._report.changed(Thing.API_KEYS, named, "scopes of it mean nothing, and are dropped")
                await self._target.add_key(row, self.owners[row["user_id"]], scopes)
                names |= {row["id"], row["key_hash"]}
                self._report.taken(Thing.API_KEYS)

    async def take_signals(self, owners_of_new_agents: Collection[UUID]) -> None:
        """Add the signals, as decided, of users who came along now or have agents that did; and those of nobody with them."""
        wanted: set[UUID] = {*self._new, *owners_of_new_agents}
        batch: list[asyncpg.Record] = []
        async for row in self._source.rows("trading_signals"):
            batch.append(row)
            if len(batch) == _BATCH:
                await self._take_batch(batch, wanted)
                batch = []
        if batch:
            await self._take_batch(batch, wanted)

    async def _take_batch(self, rows: list[asyncpg.Record], wanted: Collection[UUID]) -> None:
        here = await self._target.signals([row["id"] for row in rows])
        added = []
        for row in rows:
            known = here.get(row["id"])
            if known is not None and known != (row["token_address"], row["created_at"]):
                self.taken_numbers.add(row["id"])
                self._report.left_out(Thing.SIGNALS, str(row["id"]), NUMBER_TAKEN)
            elif known is not None or not self._is_wanted(row["user_id"], wanted):
                self._report.here(Thing.SIGNALS)
            else:
                if row["user_id"] is not None and row["user_id"] not in self.owners:
                    self._report.changed(
                        Thing.SIGNALS, str(row["id"]), "its user is left out; it belongs to nobody"
                    )
                added.append(row)
        if added:
            await self._target.add_signals(added, self.owners)
            self._report.taken(Thing.SIGNALS, len(added))

    def _is_wanted(self, user_id: UUID | None, wanted: Collection[UUID]) -> bool:
        if user_id is None or user_id not in self.owners:
            return bool(wanted)
        return user_id in wanted
