"""Templates: how an alert becomes a signal. Pure.

A template names, for each field of a signal, a text with placeholders: `{{ticker}}` is the field `ticker` of the alert,
`{{order.price}}` one inside another, `{{bars.0}}` the first of a list, and `{{ticker | BONK}}` has a default for an alert
without it. An alert that is a plain text has the fields `text` and `words`: `{{words.0}}` is its first word.
`action` (`buy` when the alert does not say) and `percent` make it a signal that sells.
Afterwards `maps` replace values: names by mint addresses, words by strengths; `*` stands for every other value. Other values
stay as they are, but a name that `maps.tokenAddress` does not know is refused instead of being taken for an address.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType

from nexgent.domain.signals.models import SignalAction
from nexgent.domain.signals.webhooks.errors import InvalidAlertError, InvalidTemplateError
from nexgent.shared.errors import InvalidInputError
from nexgent.shared.mints import is_mint, read_traded_mint
from nexgent.shared.numbers import read_decimal
from nexgent.shared.types import TokenAddress

REQUIRED = ("tokenAddress", "signalType", "signalStrength")
OPTIONAL = ("symbol", "activationReason", "source", "timestamp", "alertId", "action", "percent")
FIELDS = (*REQUIRED, *OPTIONAL)
DEFAULT_FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "tokenAddress": "{{tokenAddress}}",
        "signalType": "{{signalType | TradingView}}",
        "signalStrength": "{{signalStrength | 3}}",
        "symbol": "{{symbol}}",
        "activationReason": "{{activationReason}}",
        "source": "{{source | webhook}}",
        "timestamp": "{{timestamp}}",
        "alertId": "{{alertId}}",
        "action": "{{action | buy}}",
        "percent": "{{percent}}",
    }
)
MAX_TEXT = 1_000
MAX_RENDERED = 5_000
MAX_MAP_ENTRIES = 500
ANY = "*"
_PLACEHOLDER = re.compile(r"\{\{\s*([\w-]+(?:\.[\w-]+)*)\s*(?:\|([^{}]*))?\}\}")
_PLAIN_DIGITS = 40
_MILLISECONDS_FROM = 100_000_000_000
_LEAST_PERCENT = Decimal("1e-9")
_LATEST = datetime(9000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class AlertTemplate:
    """A checked template: a text per field, and a replacement per field and value (values in lower case)."""

    fields: Mapping[str, str]
    maps: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedAlert:
    """What the template made of an alert. `sent_at` None: the alert does not say when."""

    token_address: TokenAddress
    signal_type: str
    signal_strength: int
    symbol: str | None
    activation_reason: str | None
    source: str | None
    sent_at: datetime | None
    alert_id: str | None
    action: SignalAction = SignalAction.BUY
    percent: Decimal | None = None


def parse_template(fields: object, maps: object) -> AlertTemplate:
    """Return the template of two JSON objects; a field that is left out has its default. Raises `InvalidTemplateError`."""
    texts = dict(DEFAULT_FIELDS)
    for name, text in _object(fields, "template").items():
        if name not in FIELDS:
            raise InvalidTemplateError(
                f"Invalid template.{str(name)[:50]}: unknown; allowed are {', '.join(FIELDS)}"
            )
        texts[name] = _checked_text(name, text)
    replacements: dict[str, Mapping[str, str]] = {}
    for name, entries in _object(maps, "maps").items():
        if name not in FIELDS:
            raise InvalidTemplateError(
                f"Invalid maps.{str(name)[:50]}: unknown; allowed are {', '.join(FIELDS)}"
            )
        replacements[name] = _checked_map(name, entries)
    return AlertTemplate(MappingProxyType(texts), MappingProxyType(replacements))


def check_mints(template: AlertTemplate) -> None:
    """Raise `InvalidTemplateError` for a token written in the template or a map that is no mint: no alert could be taken."""
    replacements = template.maps.get("tokenAddress", {})
    named = {f"maps.tokenAddress.{name[:50]}": text for name, text in replacements.items()}
    own = template.fields["tokenAddress"].strip()
    if not replacements and not _PLACEHOLDER.search(own):
        named["template.tokenAddress"] = own
    for name, text in named.items():
        # An empty one says that alerts with this name are not taken.
        if text.strip():
            try:
                read_traded_mint(text, name)
            except InvalidInputError as error:
                raise InvalidTemplateError(error.message) from None


def render(template: AlertTemplate, alert: object) -> RenderedAlert:
    """Return the signal in an alert (JSON of any shape; a plain text is `{{text}}`). Raises `InvalidAlertError`."""
    found = {name: _value(template, name, alert) for name in FIELDS}
    for name in REQUIRED:
        if found[name] is None:
            wanted = ", ".join(f"{{{{{path}}}}}" for path in _paths(template.fields[name])) or "a text"
            raise InvalidAlertError(
                f"Invalid alert: {name} stays empty; the template takes it from {wanted}, which the alert does not have"
            )
    sent = found["timestamp"]
    action = _action(found["action"])
    return RenderedAlert(
        token_address=_mint(found["tokenAddress"] or ""),
        signal_type=_limited("signalType", found["signalType"] or "", 50),
        signal_strength=_strength(found["signalStrength"] or ""),
        symbol=_limited_or_none("symbol", found["symbol"], 50),
        activation_reason=found["activationReason"],
        source=_limited_or_none("source", found["source"], 100),
        sent_at=_time(sent) if sent is not None else None,
        alert_id=_limited_or_none("alertId", found["alertId"], 255),
        action=action,
        percent=_percent(found["percent"]) if action is SignalAction.REDUCE else None,
    )


def _value(template: AlertTemplate, name: str, alert: object) -> str | None:
    """Return a field without surrounding blanks; None when it is empty, or takes something the alert does not have."""
    missing = False

    def fill(match: re.Match[str]) -> str:
        nonlocal missing
        value = _at(alert, match[1].split("."))
        if value is not None:
            return _bounded(name, value)
        if match[2] is None:
            missing = True
            return ""
        return match[2].strip()

    text = _PLACEHOLDER.sub(fill, template.fields[name]).strip()
    if missing or not text:
        return None
    _bounded(name, text)
    replacements = template.maps.get(name)
    if replacements is None:
        return text
    found = replacements.get(text.lower(), replacements.get(ANY))
    if found is None and name == "tokenAddress" and not is_mint(text):
        raise InvalidAlertError(
            f"Invalid alert: {text[:50]!r} is no mint address, and maps.tokenAddress has no entry for it"
        )
    return text if found is None else found or None


def _bounded(name: str, text: str) -> str:
    if len(text) > MAX_RENDERED:
        raise InvalidAlertError(f"Invalid alert: {name} is longer than {MAX_RENDERED} characters")
    return text


def _at(alert: object, path: list[str]) -> str | None:
    """Return the scalar at a path as a text; None when there is none."""
    value = alert
    for step in path:
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list) and step.isascii() and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        # A short number can have a very long plain form: 1e999999999.
        return format(value, "f") if abs(value.adjusted()) <= _PLAIN_DIGITS else str(value)
    return str(value) if isinstance(value, (str, int)) else None


def _checked_text(name: str, text: object) -> str:
    if not isinstance(text, str) or len(text) > MAX_TEXT:
        raise InvalidTemplateError(
            f"Invalid template.{name}: a text of at most {MAX_TEXT} characters is required"
        )
    rest = _PLACEHOLDER.sub("", text)
    if "{{" in rest or "}}" in rest:
        raise InvalidTemplateError(
            f"Invalid template.{name}: a placeholder is {{{{name}}}}, {{{{a.b.0}}}} or {{{{name | default}}}}"
        )
    return text


def _checked_map(name: str, entries: object) -> Mapping[str, str]:
    found = _object(entries, f"maps.{name}")
    if len(found) > MAX_MAP_ENTRIES:
        raise InvalidTemplateError(f"Invalid maps.{name}: at most {MAX_MAP_ENTRIES} entries are allowed")
    replacements: dict[str, str] = {}
    for value, replacement in found.items():
        if isinstance(replacement, bool) or not isinstance(replacement, (str, int, Decimal)):
            raise InvalidTemplateError(
                f"Invalid maps.{name}: texts or numbers are required as replacements, for {str(value)[:50]!r} too"
            )
        if len(str(value)) > MAX_TEXT or len(str(replacement)) > MAX_TEXT:
            raise InvalidTemplateError(f"Invalid maps.{name}: at most {MAX_TEXT} characters are allowed")
        replacements[str(value).strip().lower()] = str(replacement).strip()
    return MappingProxyType(replacements)


def _object(value: object, name: str) -> Mapping[str, object]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidTemplateError(f"Invalid {name}: an object is required")
    return value


def _paths(text: str) -> Iterable[str]:
    return (match[1] for match in _PLACEHOLDER.finditer(text))


def _limited(name: str, text: str, longest: int) -> str:
    if len(text) > longest:
        raise InvalidAlertError(f"Invalid alert: {name} must not be longer than {longest} characters")
    return text


def _limited_or_none(name: str, text: str | None, longest: int) -> str | None:
    return _limited(name, text, longest) if text is not None else None


def _mint(text: str) -> TokenAddress:
    try:
        return read_traded_mint(text)
    except InvalidInputError as error:
        raise InvalidAlertError(f"Invalid alert: {error.message.removeprefix('Invalid ')}") from None


def _strength(text: str) -> int:
    number = read_decimal(text)
    if number is None or number not in range(1, 6):
        raise InvalidAlertError(
            f"Invalid alert: signalStrength must be a whole number from 1 to 5, not {text[:40]!r}; a map can translate words"
        )
    return int(number)


def _action(text: str | None) -> SignalAction:
    """Return what is asked for; an alert that says nothing asks to buy, and one that says something else is not guessed at."""
    try:
        return SignalAction(text.lower()) if text is not None else SignalAction.BUY
    except ValueError:
        allowed = ", ".join(SignalAction)
        raise InvalidAlertError(
            f"Invalid alert: action must be one of {allowed}, not {(text or '')[:40]!r}; a map can translate words"
        ) from None


def _percent(text: str | None) -> Decimal:
    number = read_decimal(text) if text is not None else None
    if number is None or not _LEAST_PERCENT <= number < 100:
        given = "" if text is None else f", not {text[:40]!r}"
        raise InvalidAlertError(
            f"Invalid alert: percent must be a number above 0 and below 100 for action reduce{given}"
        )
    return number


def _time(text: str) -> datetime:
    """Return a time given as ISO-8601 (without an offset: UTC), or as seconds or milliseconds since 1970."""
    try:
        if text.isascii() and text.replace(".", "", 1).isdigit() and len(text) <= 20:
            seconds = float(text)
            moment = datetime.fromtimestamp(seconds / 1000 if seconds >= _MILLISECONDS_FROM else seconds, UTC)
        else:
            moment = datetime.fromisoformat(text)
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        moment = _LATEST
    if moment >= _LATEST:
        raise InvalidAlertError(
            f"Invalid alert: timestamp must be ISO-8601, or seconds or milliseconds since 1970, not {text[:40]!r}"
        )
    return moment
