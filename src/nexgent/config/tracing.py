"""The settings of traces: those of OpenTelemetry, by the names they have everywhere.

They are often set for a whole machine or cluster, for other programs as well. What this service cannot do with them is a reason
to make no traces, and none not to trade: it is said, and not refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote, urlsplit, urlunsplit

from nexgent.config.section import Section, setting
from nexgent.config.sections import Flag

TRACES_PATH = "v1/traces"
DEFAULT_TIMEOUT_SECONDS = 10.0
LONGEST_TIMEOUT_SECONDS = 600.0
PROTOCOL = "http/protobuf"
SERVICE_NAME = "nexgent"
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_COMPRESSIONS = ("none", "gzip", "deflate")


class TracingSettings(Section):
    """Where traces go, and which. Nothing is made without an address."""

    disabled: Flag = setting("OTEL_SDK_DISABLED", default=False, allowed="true or false")
    exporter: str = setting("OTEL_TRACES_EXPORTER", default="otlp", allowed="otlp or none")
    endpoint: str | None = setting(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        default=None,
        allowed="an address with http:// or https://",
        secret=True,
    )
    traces_endpoint: str | None = setting(
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        default=None,
        allowed="an address with http:// or https://, with its path",
        secret=True,
    )
    headers: str = setting(
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
        "OTEL_EXPORTER_OTLP_HEADERS",
        default="",
        allowed="name=value, separated by commas",
        secret=True,
    )
    timeout: str = setting(
        "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
        "OTEL_EXPORTER_OTLP_TIMEOUT",
        default="10000",
        allowed="a number of milliseconds",
    )
    protocol: str = setting(
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        default=PROTOCOL,
        allowed=PROTOCOL,
    )
    compression: str = setting(
        "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
        "OTEL_EXPORTER_OTLP_COMPRESSION",
        default="none",
        allowed="none, gzip or deflate",
    )
    certificate: str | None = setting(
        "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE",
        "OTEL_EXPORTER_OTLP_CERTIFICATE",
        default=None,
        allowed="the path of a file with certificates",
    )
    client_certificate: str | None = setting(
        "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE",
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
        default=None,
        allowed="the path of a file with a certificate",
    )
    client_key: str | None = setting(
        "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY",
        "OTEL_EXPORTER_OTLP_CLIENT_KEY",
        default=None,
        allowed="the path of a file with its key",
    )
    service_name: str | None = setting("OTEL_SERVICE_NAME", default=None, allowed="a name")
    resource_attributes: str = setting(
        "OTEL_RESOURCE_ATTRIBUTES", default="", allowed="name=value, separated by commas"
    )
    sampler: str = setting(
        "OTEL_TRACES_SAMPLER", default="parentbased_always_on", allowed="one of OpenTelemetry's samplers"
    )
    sampler_argument: str | None = setting(
        "OTEL_TRACES_SAMPLER_ARG", default=None, allowed="a number from 0 to 1"
    )


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which traces are kept: that share of them, unless whoever began one has decided and is followed (`by_parent`)."""

    share: float = 1.0
    by_parent: bool = True

    def keeps(self, trace_id: int, parent_sampled: bool | None) -> bool:
        """Tell whether a trace is kept, given what whoever began it decided. All processes decide alike on the same id."""
        if self.by_parent and parent_sampled is not None:
            return parent_sampled
        return trace_id % 2**64 < round(self.share * 2**64)


@dataclass(frozen=True, slots=True, kw_only=True)
class TracingPlan:
    """What to do. Values of `headers` are secret, and so may the address be."""

    endpoint: str
    headers: Mapping[str, str]
    timeout_seconds: float
    compression: Literal["none", "gzip", "deflate"]
    certificate: str | None
    client_certificate: str | None
    client_key: str | None
    resource: Mapping[str, str]
    sampling: Sampling

    def __repr__(self) -> str:
        return "TracingPlan()"


def plan_tracing(settings: TracingSettings) -> tuple[TracingPlan | None, list[str]]:
    """Return what to do, nothing when no traces are made, and what is wrong with the settings: sentences that show no secret."""
    address = settings.traces_endpoint or settings.endpoint
    if address is None or settings.disabled or settings.exporter.strip().lower() == "none":
        return None, []
    fatal = _refusals(settings, address)
    if fatal:
        return None, fatal
    if settings.traces_endpoint is None:
        address = _below(address)
    headers, bad_headers = _pairs(settings.headers)
    bad_headers |= not all(_is_header(name, value) for name, value in headers.items())
    resource, bad_resource = _pairs(settings.resource_attributes)
    timeout_seconds, problems = _timeout(settings.timeout)
    sampling, more = _sampling(settings)
    problems += more
    if bad_headers:
        problems.append("OTEL_EXPORTER_OTLP_HEADERS: what is not name=value in it is left out.")
    if bad_resource:
        problems.append("OTEL_RESOURCE_ATTRIBUTES: what is not name=value in it is left out.")
    compression = settings.compression.strip().lower()
    plan = TracingPlan(
        endpoint=address,
        headers={name: value for name, value in headers.items() if _is_header(name, value)},
        timeout_seconds=timeout_seconds,
        compression="gzip" if compression == "gzip" else "deflate" if compression == "deflate" else "none",
        certificate=settings.certificate,
        client_certificate=settings.client_certificate,
        client_key=settings.client_key,
        resource={
            "service.name": settings.service_name or resource.get("service.name") or SERVICE_NAME,
            **{name: value for name, value in resource.items() if name != "service.name"},
        },
        sampling=sampling,
    )
    return plan, problems


def _refusals(settings: TracingSettings, address: str) -> list[str]:
    """Return why no traces can be made at all."""
    name = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" if settings.traces_endpoint else "OTEL_EXPORTER_OTLP_ENDPOINT"
    problems = []
    if not _is_http(address):
        problems.append(f"{name}: no traces are made, as it is no address with http:// or https://.")
    if settings.exporter.strip().lower() != "otlp":
        problems.append("OTEL_TRACES_EXPORTER: no traces are made, as it is neither otlp nor none.")
    if settings.protocol.strip().lower() != PROTOCOL:
        problems.append(
            f"OTEL_EXPORTER_OTLP_PROTOCOL (or …_TRACES_PROTOCOL): no traces are made, as only {PROTOCOL} is spoken here "
            "(a collector's port 4318)."
        )
    if settings.compression.strip().lower() not in _COMPRESSIONS:
        problems.append(
            "OTEL_EXPORTER_OTLP_COMPRESSION (or …_TRACES_COMPRESSION): no traces are made, as it is neither none, gzip "
            "nor deflate."
        )
    return problems


def _below(address: str) -> str:
    """Return where a collector takes traces; what the address asks for by its query, it asks for there."""
    parts = urlsplit(address)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{TRACES_PATH}", fragment=""))


def _timeout(text: str) -> tuple[float, list[str]]:
    """Return for how long a message is tried, in seconds; the variable has milliseconds, as OpenTelemetry specifies."""
    try:
        seconds = float(text) / 1000
    except ValueError:
        seconds = 0.0
    if 0 < seconds <= LONGEST_TIMEOUT_SECONDS:
        return seconds, []
    problem = (
        "OTEL_EXPORTER_OTLP_TIMEOUT (or …_TRACES_TIMEOUT): it is no number of milliseconds up to "
        f"{LONGEST_TIMEOUT_SECONDS * 1000:.0f}, so it is {DEFAULT_TIMEOUT_SECONDS * 1000:.0f}."
    )
    return DEFAULT_TIMEOUT_SECONDS, [problem]


def _is_http(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _is_header(name: str, value: str) -> bool:
    return _HEADER_NAME.fullmatch(name) is not None and value.isprintable()


def _pairs(text: str) -> tuple[dict[str, str], bool]:
    """Return what `name=value,…` says, per cent signs resolved, and whether something in it is not of that form."""
    pairs: dict[str, str] = {}
    bad = False
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if equals and name.strip():
            pairs[name.strip()] = unquote(value.strip())
        elif part.strip():
            bad = True
    return pairs, bad


def _sampling(settings: TracingSettings) -> tuple[Sampling, list[str]]:
    name = settings.sampler.strip().lower()
    by_parent = name.startswith("parentbased_")
    match name.removeprefix("parentbased_"):
        case "always_on":
            return Sampling(1.0, by_parent), []
        case "always_off":
            return Sampling(0.0, by_parent), []
        case "traceidratio":
            return _share(settings.sampler_argument, by_parent)
    return Sampling(), [
        "OTEL_TRACES_SAMPLER: it is not known here, so all traces are kept that whoever began them keeps."
    ]


def _share(text: str | None, by_parent: bool) -> tuple[Sampling, list[str]]:
    try:
        share = float(text) if text is not None else 1.0
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        return Sampling(1.0, by_parent), [
            "OTEL_TRACES_SAMPLER_ARG: it is no number from 0 to 1, so all traces are kept."
        ]
    return Sampling(share, by_parent), []
