"""What the demo leaves in the data folder for other commands, and the mark of a folder that knows the real market."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from nexgent.config.section import SettingsError
from nexgent.shared.errors import ConflictError

KEY_FILE = "demo-api-key"
TOKENS_FILE = "demo-tokens.json"
REAL_MARKET_FILE = "real-market"
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class RealMarketDataError(ConflictError):
    """The data was traded on the real market; the pretend one must not move it."""

    code = "REAL_MARKET_DATA"


@dataclass(frozen=True, slots=True)
class NamedToken:
    """A token by its mint address and what people call it."""

    mint: str
    symbol: str


def is_local(url: str) -> bool:
    """Tell whether an address is on this machine."""
    return urlsplit(url).hostname in LOOPBACK


def mark_real_market(data_dir: Path) -> None:
    """Note that this folder was used with the real market, and forget the demo's tokens."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    (data_dir / REAL_MARKET_FILE).touch()
    (data_dir / TOKENS_FILE).unlink(missing_ok=True)


def require_no_real_market(data_dir: Path) -> None:
    """Raise `RealMarketDataError` when the folder was used with the real market."""
    if (data_dir / REAL_MARKET_FILE).exists():
        raise RealMarketDataError(
            f"The data folder {data_dir} was used with the real market, and the demo would trade its positions on a pretend "
            "one. Give the demo a folder of its own: NEXGENT_DATA_DIR=.nexgent-demo make run"
        )


def keep_tokens(data_dir: Path, port: int, tokens: Sequence[NamedToken]) -> None:
    """Write down the tokens of the demo that listens on a port."""
    document = {"port": port, "tokens": [{"mint": one.mint, "symbol": one.symbol} for one in tokens]}
    _replace(data_dir / TOKENS_FILE, json.dumps(document))


def demo_tokens(data_dir: Path, url: str) -> list[NamedToken]:
    """Return the tokens of the demo behind an address; none when it is another service."""
    try:
        document = json.loads((data_dir / TOKENS_FILE).read_text(encoding="utf-8"))
        if not is_local(url) or urlsplit(url).port != document["port"]:
            return []
        return [NamedToken(str(one["mint"]), str(one["symbol"])) for one in document["tokens"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def kept_key(data_dir: Path) -> str | None:
    """Return the API key the demo made, None when there is none."""
    try:
        return (data_dir / KEY_FILE).read_text(encoding="ascii").strip() or None
    except (OSError, ValueError):
        return None


def keep_key(data_dir: Path, key: str) -> None:
    """Write an API key down for its owner alone (mode 0600)."""
    _replace(data_dir / KEY_FILE, key + "\n")


def _replace(path: Path, text: str) -> None:
    """Write a file as a whole or not at all. Raises `SettingsError` when the folder does not take it."""
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        beside.unlink(missing_ok=True)
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        beside.replace(path)
    except OSError as error:
        raise SettingsError([f"{path} cannot be written: {error.strerror}"]) from None
