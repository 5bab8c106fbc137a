"""`nexgent admin`: let somebody in again. It works on the database, with or without a running service."""

from __future__ import annotations

import argparse
import json
import sys

from nexgent.cli import exit_codes
from nexgent.cli.books import existing_books
from nexgent.cli.passphrases import typed_twice
from nexgent.cli.running import load_settings, run_async
from nexgent.config.settings import Settings
from nexgent.domain.audit.models import COMMAND_LINE, AuditEntry, Outcome
from nexgent.domain.users.errors import UserNotFoundError
from nexgent.domain.users.login_guard import account_key
from nexgent.domain.users.register import weaknesses
from nexgent.infrastructure.database.pool import COMMAND, opened_pool
from nexgent.infrastructure.database.stores.audit import PostgresAuditLog
from nexgent.infrastructure.database.stores.login_attempts import PostgresLoginAttempts
from nexgent.infrastructure.database.stores.users import PostgresUserRepository
from nexgent.infrastructure.security.passwords import BcryptHasher
from nexgent.shared.clock import SystemClock
from nexgent.shared.errors import InvalidInputError


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the actions."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, summary in (
        ("unlock", "forget all wrong passwords of an account, so that it can be logged in to at once"),
        (
            "reset-password",
            "set a new password (asked for, or a line of standard input) and end all sessions",
        ),
    ):
        action = actions.add_parser(name, help=summary, description=summary)
        action.add_argument("email", metavar="EMAIL", help="address of the account")
        action.add_argument("--json", action="store_true", help="print JSON")
    parser.epilog = (
        "For whoever has the machine: it uses the database of DATABASE_URL or the data folder, and asks for no password. "
        "Exit code 1: there is no such account."
    )


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked and say what was done."""
    email = arguments.email.strip().lower()
    password = _new_password() if arguments.action == "reset-password" else None
    settings = load_settings(level="error")
    try:
        was_locked = run_async(_act(settings, email, password))
    except UserNotFoundError:
        print(f"There is no account {email}", file=sys.stderr)
        return exit_codes.FAILURE
    if arguments.json:
        print(json.dumps({"email": email, "wasLocked": was_locked, "passwordSet": password is not None}))
    elif password is not None:
        print(f"{email} has a new password. All sessions end within seconds.")
    else:
        print(f"{email} is not locked any more." if was_locked else f"{email} was not locked.")
    return exit_codes.OK


async def _act(settings: Settings, email: str, password: str | None) -> bool:
    clock, passwords = SystemClock(), BcryptHasher()
    try:
        async with (
            existing_books(settings.storage) as storage,
            opened_pool(storage.database_url, COMMAND) as pool,
        ):
            users = PostgresUserRepository(pool)
            user = await users.find_by_email(email)
            if user is None:
                raise UserNotFoundError
            if password is not None:
                await users.change_password(user.id, await passwords.hash(password), clock.now())
            was_locked = await PostgresLoginAttempts(pool).unlock(account_key(email), clock.now())
            await PostgresAuditLog(pool).append(
                [
                    AuditEntry(
                        at=clock.now(),
                        action="admin.unlock" if password is None else "admin.reset_password",
                        outcome=Outcome.OK,
                        actor=COMMAND_LINE,
                        user_id=user.id,
                        target=email,
                        details={"wasLocked": "true" if was_locked else "false"},
                    )
                ]
            )
            return was_locked
    finally:
        passwords.close()


def _new_password() -> str:
    password = typed_twice("New password: ")
    problems = weaknesses(password)
    if problems:
        raise InvalidInputError("The password is too weak: " + "; ".join(problems))
    return password
