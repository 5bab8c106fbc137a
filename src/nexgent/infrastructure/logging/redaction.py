"""Keep secrets out of log lines."""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from typing import Any

HIDDEN = "[hidden]"

_SECRET_NAMES = re.compile(
    r"authorization|password|passphrase|secret|cookie|api[_-]?key|private[_-]?key|mnemonic|seed[_-]?phrase|credential"
    r"|(?:^|[_-])(?:jwt|token)$|(?:access|refresh|bearer|auth|metrics)[_-]?token|signed_transaction|database_url|redis_url|rpc_url",
    re.IGNORECASE,
)
# A password may have a bare slash or @ in it, and then only the last @ of the word is certainly behind it.
_LOGIN_IN_URL = re.compile(r"([a-z][a-z0-9+.-]*://)(?:[^/\s@\"']*:[^\s\"']*|[^/\s@\"']+)@", re.IGNORECASE)
_SECRET_IN_QUERY = re.compile(
    r"([?&](?:api[_-]?key|apikey|key|token|ticket|access_token|secret|password|auth)=)[^&\s\"'#]+",
    re.IGNORECASE,
)
_JWT = re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*")
_OWN_KEY = re.compile(r"\bnex_[\w-]{32,}")
# A bot's token is part of every address of Telegram's Bot API.
_BOT_TOKEN = re.compile(r"(?<!\d)\d{6,20}(?::|%3A)[\w-]{30,}", re.IGNORECASE)
_BEARER = re.compile(r"\b(Bearer\s+)\S+", re.IGNORECASE)
# A 64-byte key in base 58 has 86 to 88 characters; so has a signature of a transaction, which is public but not missed here.
_LONG_BASE58 = re.compile(r"\b[1-9A-HJ-NP-Za-km-z]{86,88}\b")
_KEY_BYTES = re.compile(r"\[\s*(?:\d{1,3}\s*,\s*){63}\d{1,3}\s*\]")
_SIGNATURE_NAMES = frozenset({"signature", "transaction_hash", "transactionHash", "hash"})
_SHORTEST_SUSPECT = 12
_SHORTEST_BOT_TOKEN = 36
_MAX_DEPTH = 6
_SAFE_NAMES: dict[str, bool] = {}
_MAX_NAMES = 4096


def redacted_text(text: str, *, signature: bool = False) -> str:
    """Return a text without logins in addresses, tokens and private keys."""
    if "://" in text:
        text = _LOGIN_IN_URL.sub(rf"\1{HIDDEN}@", text)
    if "=" in text:
        text = _SECRET_IN_QUERY.sub(rf"\1{HIDDEN}", text)
    if "eyJ" in text:
        text = _JWT.sub(HIDDEN, text)
    if "nex_" in text:
        text = _OWN_KEY.sub(HIDDEN, text)
    if len(text) > _SHORTEST_BOT_TOKEN and (":" in text or "%3" in text):
        text = _BOT_TOKEN.sub(HIDDEN, text)
    if "earer" in text or "EARER" in text:
        text = _BEARER.sub(rf"\1{HIDDEN}", text)
    if not signature and len(text) >= 86:
        text = _LONG_BASE58.sub(HIDDEN, text)
        text = _KEY_BYTES.sub(HIDDEN, text)
    return text


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide what is named like a secret or looks like one; a processor of structlog."""
    for name, value in event.items():
        if isinstance(value, str):
            if is_secret_name(name):
                event[name] = HIDDEN
            elif len(value) >= _SHORTEST_SUSPECT:
                event[name] = redacted_text(value, signature=name in _SIGNATURE_NAMES)
        elif value is not None and not isinstance(value, (int, float)):
            event[name] = HIDDEN if is_secret_name(name) else _redacted(value, _MAX_DEPTH)
    return event


def is_secret_name(name: str) -> bool:
    """Tell whether a field of that name holds a secret."""
    known = _SAFE_NAMES.get(name)
    if known is None:
        known = _SECRET_NAMES.search(name) is not None
        if len(_SAFE_NAMES) < _MAX_NAMES:
            _SAFE_NAMES[name] = known
    return known


def _redacted(value: object, depth: int) -> object:
    if isinstance(value, str):
        return redacted_text(value)
    if depth == 0:
        return HIDDEN if isinstance(value, (Mapping, list, tuple, set, frozenset)) else value
    if isinstance(value, Mapping):
        return {
            key: HIDDEN if is_secret_name(str(key)) else _redacted(item, depth - 1)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple, set, frozenset)):
        return (
            redacted_text(repr(value))
            if _KEY_BYTES.search(repr(value))
            else [_redacted(item, depth - 1) for item in value]
        )
    return value
