"""Spans to a collector, by OpenTelemetry's own exporter: OTLP in protobuf over HTTP. Needs the extra `otel`.

Imported, and built, in the thread that sends: what it loads takes a third of a second.
"""

from __future__ import annotations

import importlib.metadata
import logging
import os
import socket
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from nexgent.config.tracing import TracingPlan
from nexgent.infrastructure.tracing.spans import FinishedSpan

INSTALL = "pip install 'nexgent[otel]'"


def is_installed() -> bool:
    """Tell whether the extra is there."""
    try:
        return find_spec("opentelemetry.exporter.otlp.proto.http") is not None
    except ModuleNotFoundError:
        return False


class OtlpSender:
    """One collector. What it refuses for now is tried again, for the plan's `timeout_seconds` in all; then it is lost."""

    def __init__(self, plan: TracingPlan) -> None:
        import requests  # noqa: PLC0415 - of the same extra
        from opentelemetry.exporter.otlp.proto.http import Compression  # noqa: PLC0415 - an extra
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - an extra
            OTLPSpanExporter,
        )

        from nexgent.infrastructure.tracing.otlp_spans import Readable  # noqa: PLC0415 - an extra

        # The library logs every attempt, and headers that it cannot read with what is in them.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL + 1)
        self._readable = Readable(
            {
                "service.version": importlib.metadata.version("nexgent"),
                "service.instance.id": f"{socket.gethostname()}:{os.getpid()}",
                **plan.resource,
            }
        )
        session = requests.Session()
        session.hooks["response"] = [_refuse_redirect]
        self._exporter = OTLPSpanExporter(
            endpoint=plan.endpoint,
            headers=dict(plan.headers),
            timeout=plan.timeout_seconds,
            compression=Compression(plan.compression),
            certificate_file=plan.certificate,
            client_certificate_file=plan.client_certificate,
            client_key_file=plan.client_key,
            session=session,
        )

    def send(self, spans: Sequence[FinishedSpan]) -> bool:
        """Send; tell whether the collector has taken them."""
        return self._exporter.export([self._readable.of(span) for span in spans]).name == "SUCCESS"

    def stop(self) -> None:
        """Try nothing again any more."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]  # It has no annotation.


def _refuse_redirect(response: Any, **_: object) -> None:
    """Have an answer that sends elsewhere be none: the exporter does not go there, and takes it for a success."""
    if 300 <= response.status_code < 400:
        response.close()
        raise ValueError("the collector's address sends elsewhere")
