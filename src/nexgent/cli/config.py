"""`nexgent config`: what is set, whether it can be used, and everything there is to set."""

from __future__ import annotations

import argparse
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

from nexgent.cli import exit_codes
from nexgent.cli.tables import line_width, paragraph, table
from nexgent.config.effective import DEFAULT, ENVIRONMENT, FILE, Effective, in_effect, strangers
from nexgent.config.settings import SECTIONS, Settings, file_values, is_private_to_the_service
from nexgent.config.tracing import plan_tracing
from nexgent.sandbox.settings import SandboxSettings
from nexgent.shared.packed import packed

ENV_FILE = Path(".env")
SHOW, CHECK, EXAMPLE = "show", "check", "example"
_NAME = re.compile(r"^([A-Z][A-Z0-9_]*)=", re.MULTILINE)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "action",
        nargs="?",
        choices=[SHOW, CHECK, EXAMPLE],
        default=SHOW,
        help="show what is in effect and where it comes from (default), check whether it can be used, "
        "or print an example of .env with everything there is to set",
    )
    parser.add_argument("--all", action="store_true", help="show what has its default as well")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.epilog = (
        "Exit code 0: everything can be used. 1: the file sets what is no setting, or traces are not made as they are set. "
        "2: something else cannot be used, and the service does not start."
    )


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked for. Raises `SettingsError` for settings that cannot be used."""
    if arguments.action == EXAMPLE:
        print(_example(), end="")
        return exit_codes.OK
    settings = Settings.load(ENV_FILE)
    file = {name: text for name, text in file_values(ENV_FILE).items() if text is not None}
    # Of the secrets of the service, the keys of wallets have any number.
    unknown = strangers([name for name in file if not is_private_to_the_service(name)], _known())
    if arguments.action == CHECK:
        _, problems = plan_tracing(settings.tracing)
        return _check(arguments, unknown, problems)
    found = in_effect(settings.sections, os.environ, file)
    found += [
        Effective(name, None, ENVIRONMENT if name in os.environ else FILE, secret=True, is_set=True)
        for name, _ in settings.wallet_keys
    ]
    shown = [one for one in found if arguments.all or one.origin != DEFAULT]
    if arguments.json:
        print(json.dumps({one.name: _as_json(one) for one in shown}, indent=2))
    else:
        _show(shown, everything=arguments.all)
        _tell(unknown)
    return exit_codes.OK


def _known() -> set[str]:
    """Return every variable that means something to somebody."""
    of_the_service = {name for section in SECTIONS for name in section.variables()}
    of_the_sandbox = {
        f"{SandboxSettings.model_config['env_prefix']}{name}".upper() for name in SandboxSettings.model_fields
    }
    # Scripts have settings of their own, and commands ask for a password.
    return of_the_service | of_the_sandbox | set(_NAME.findall(_example())) | {"NEXGENT_PASSWORD"}


def _example() -> str:
    return packed("env.example").read_text(encoding="utf-8")


def _check(arguments: argparse.Namespace, unknown: dict[str, str | None], problems: Sequence[str]) -> int:
    """Print what is no setting, and what of traces cannot be used: the service starts without them."""
    ok = not unknown and not problems
    if arguments.json:
        print(json.dumps({"ok": ok, "unknown": unknown, "problems": list(problems)}, indent=2))
    elif ok:
        print("All settings can be used.")
    else:
        _tell(unknown)
        for problem in problems:
            print("\n".join(paragraph(problem, line_width())))
    return exit_codes.OK if ok else exit_codes.FAILURE


def _show(shown: list[Effective], *, everything: bool) -> None:
    if not shown:
        print(
            "Everything has its default; `nexgent config --all` shows them, `nexgent config example` explains them."
        )
        return
    rows = [
        (one.name, ("set" if one.is_set else "") if one.secret else one.value, _where(one.origin))
        for one in shown
    ]
    print("\n".join(table(("SETTING", "VALUE", "FROM"), rows, width=line_width())))
    if not everything:
        print("\nThe others have their defaults; `nexgent config --all` shows them.")


def _where(origin: str) -> str:
    return str(ENV_FILE) if origin == FILE else origin


def _tell(unknown: dict[str, str | None]) -> None:
    for name, meant in unknown.items():
        hint = f" Did you mean {meant}?" if meant is not None else ""
        print(
            "\n".join(paragraph(f"{ENV_FILE}: {name} is no setting and changes nothing.{hint}", line_width()))
        )


def _as_json(one: Effective) -> dict[str, object]:
    return {"value": one.value, "from": one.origin, "secret": one.secret, "set": one.is_set}
