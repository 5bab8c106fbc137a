"""`nexgent worker`."""

from __future__ import annotations

import argparse
from dataclasses import replace

from nexgent.bootstrap.worker import run_worker
from nexgent.cli import exit_codes
from nexgent.cli.running import load_settings, run_async
from nexgent.config.jwt_secret import resolve_jwt_secret
from nexgent.config.notifications import SECRET_VARIABLE, notification_secret
from nexgent.config.settings import Settings, SettingsError, is_private_to_the_service


def configure(parser: argparse.ArgumentParser) -> None:
    """Add no options: everything is a setting."""
    parser.epilog = (
        "Without DATABASE_URL and REDIS_URL it joins the service that runs on the same data folder."
    )


def _not_for_the_worker(name: str) -> bool:
    return is_private_to_the_service(name) and name != SECRET_VARIABLE


def _with_notification_secret(settings: Settings) -> Settings:
    """Return the settings with what addresses of notifications are read with.

    A worker that a service has started was given it. One that runs by itself may have to make it of the secret of tokens, which
    it forgets at once; without either it sends nothing, and says so.
    """
    if settings.notifications.secret is not None:
        return settings
    try:
        jwt_secret = resolve_jwt_secret(
            Settings.load(without=lambda name: is_private_to_the_service(name) and name != "JWT_SECRET")
        )
    except SettingsError:
        return settings
    secret = notification_secret(settings.notifications, jwt_secret)
    return replace(settings, notifications=settings.notifications.model_copy(update={"secret": secret}))


def run(_arguments: argparse.Namespace) -> int:
    """Run until told to stop."""
    # Not from `.env` either: what this process does not know, nobody finds in its memory.
    settings = _with_notification_secret(load_settings(without=_not_for_the_worker))
    run_async(run_worker(settings))
    return exit_codes.OK
