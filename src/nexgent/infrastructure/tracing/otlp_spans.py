"""Spans as OpenTelemetry's exporter reads them. Importing this needs the extra `otel`."""

from __future__ import annotations

from collections.abc import Mapping

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from nexgent.infrastructure.tracing.spans import FinishedSpan, SpanRef

_KINDS = {"signal": SpanKind.CONSUMER, "swap": SpanKind.CLIENT}
_UNSET = Status(StatusCode.UNSET)


class Readable:
    """Spans of one service."""

    def __init__(self, resource: Mapping[str, str]) -> None:
        self._resource = Resource.create(dict(resource))
        self._scope = InstrumentationScope("nexgent", resource.get("service.version"))

    def of(self, span: FinishedSpan) -> ReadableSpan:
        """Return a span as the exporter reads it."""
        return ReadableSpan(
            name=span.name,
            context=_context(span.ref),
            parent=_context(span.parent) if span.parent is not None else None,
            resource=self._resource,
            attributes=span.attributes,
            events=[Event(one.name, one.attributes, one.at_ns) for one in span.moments],
            links=[Link(_context(ref)) for ref in span.links],
            kind=_KINDS.get(span.name, SpanKind.INTERNAL),
            status=Status(StatusCode.ERROR, span.error) if span.error is not None else _UNSET,
            start_time=span.started_ns,
            end_time=span.ended_ns,
            instrumentation_scope=self._scope,
        )


def _context(ref: SpanRef) -> SpanContext:
    return SpanContext(
        ref.trace_id, ref.span_id, ref.remote, TraceFlags(TraceFlags.SAMPLED if ref.sampled else 0)
    )
