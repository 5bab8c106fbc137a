"""OpenTelemetry's variables: what is made of them, and that none of them keeps the service from trading."""

from __future__ import annotations

import subprocess
import sys
from contextvars import copy_context
from pathlib import Path

import pytest

from nexgent.bootstrap.tracing import Tracing, usable_plan
from nexgent.config.settings import Settings
from nexgent.config.tracing import Sampling, TracingPlan, plan_tracing
from nexgent.infrastructure.metrics.metrics import Metrics
from nexgent.shared.clock import SystemClock
from nexgent.shared.ids import new_id
from nexgent.shared.trace_context import TraceContext, enter_trace, parse_traceparent
from nexgent.shared.types import PositionId

AT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def planned(**values: str) -> tuple[TracingPlan | None, list[str]]:
    return plan_tracing(Settings.from_values({**AT, **values}).tracing)


def the_plan(**values: str) -> TracingPlan:
    plan, problems = planned(**values)
    assert plan is not None
    assert problems == []
    return plan


def test_nothing_is_made_unless_a_collector_is_named() -> None:
    assert plan_tracing(Settings.from_values({}).tracing) == (None, [])
    assert planned(OTEL_SDK_DISABLED="true") == (None, [])
    assert planned(OTEL_TRACES_EXPORTER="none") == (None, [])


def test_where_traces_go() -> None:
    assert the_plan().endpoint == "http://collector:4318/v1/traces"
    assert the_plan(OTEL_EXPORTER_OTLP_ENDPOINT="https://c/otlp/").endpoint == "https://c/otlp/v1/traces"
    assert the_plan(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="https://c/traces").endpoint == "https://c/traces"
    assert the_plan(OTEL_EXPORTER_OTLP_ENDPOINT="https://c?key=a/b").endpoint == "https://c/v1/traces?key=a/b"
    assert (
        the_plan(OTEL_EXPORTER_OTLP_ENDPOINT="https://c/otlp/?key=1#x").endpoint
        == "https://c/otlp/v1/traces?key=1"
    )
    assert the_plan(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="https://c/?key=1").endpoint == "https://c/?key=1"


def test_what_the_collector_is_told() -> None:
    plan = the_plan(
        OTEL_EXPORTER_OTLP_HEADERS="Authorization=Basic%20abc=, x-team = blue",
        OTEL_RESOURCE_ATTRIBUTES="service.name=mine,deployment.environment=paper",
    )

    assert plan.headers == {"Authorization": "Basic abc=", "x-team": "blue"}
    assert plan.resource == {"service.name": "mine", "deployment.environment": "paper"}
    assert the_plan().resource == {"service.name": "nexgent"}
    assert the_plan(OTEL_SERVICE_NAME="other", OTEL_RESOURCE_ATTRIBUTES="service.name=mine").resource == {
        "service.name": "other"
    }
    assert "abc" not in repr(plan)
    assert the_plan(
        OTEL_EXPORTER_OTLP_HEADERS="a=general", OTEL_EXPORTER_OTLP_TRACES_HEADERS="a=of-traces"
    ).headers == {"a": "of-traces"}


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("COMPRESSION", "gzip", "compression"),
        ("CERTIFICATE", "/ca.pem", "certificate"),
        ("CLIENT_CERTIFICATE", "/me.pem", "client_certificate"),
        ("CLIENT_KEY", "/me.key", "client_key"),
    ],
)
def test_what_is_said_of_traces_comes_before_what_is_said_of_everything(
    name: str, value: str, read: str
) -> None:
    general, of_traces = f"OTEL_EXPORTER_OTLP_{name}", f"OTEL_EXPORTER_OTLP_TRACES_{name}"

    assert getattr(the_plan(**{general: value}), read) == value
    assert getattr(the_plan(**{of_traces: value}), read) == value
    assert getattr(the_plan(**{general: "none", of_traces: value}), read) == value
    # Empty is not set.
    assert getattr(the_plan(**{general: value, of_traces: ""}), read) == value


def test_how_long_a_message_is_tried_for_is_told_in_milliseconds() -> None:
    assert the_plan().timeout_seconds == 10
    assert the_plan(OTEL_EXPORTER_OTLP_TIMEOUT="2500").timeout_seconds == 2.5
    times = {"OTEL_EXPORTER_OTLP_TIMEOUT": "2500", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "700"}
    assert the_plan(**times).timeout_seconds == 0.7


def test_a_protocol_of_other_signals_is_none_of_ours() -> None:
    plan, problems = planned(
        OTEL_EXPORTER_OTLP_PROTOCOL="grpc", OTEL_EXPORTER_OTLP_TRACES_PROTOCOL="http/protobuf"
    )

    assert (plan is not None, problems) == (True, [])


@pytest.mark.parametrize(
    "values",
    [
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://[secret"},
        {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
        {"OTEL_EXPORTER_OTLP_COMPRESSION": "zstd"},
        {"OTEL_TRACES_EXPORTER": "zipkin"},
    ],
)
def test_what_is_meant_for_other_programs_means_no_traces_and_is_said(values: dict[str, str]) -> None:
    plan, problems = planned(**values)

    assert plan is None
    assert len(problems) == 1
    assert problems[0].startswith(next(iter(values)))
    assert "secret" not in problems[0]


@pytest.mark.parametrize(
    "values",
    [
        {"OTEL_EXPORTER_OTLP_HEADERS": "secret"},
        {"OTEL_EXPORTER_OTLP_HEADERS": "bad name=secret"},
        {"OTEL_EXPORTER_OTLP_HEADERS": "name=secret%0d%0amore"},
        {"OTEL_RESOURCE_ATTRIBUTES": "secret"},
        {"OTEL_TRACES_SAMPLER": "xray"},
        {"OTEL_EXPORTER_OTLP_TIMEOUT": "secret"},
        {"OTEL_EXPORTER_OTLP_TIMEOUT": "0"},
        {"OTEL_EXPORTER_OTLP_TIMEOUT": "nan"},
        {"OTEL_EXPORTER_OTLP_TIMEOUT": "700000"},
        {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "secret"},
        {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "1.5"},
        {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "nan"},
    ],
)
def test_what_is_wrong_in_part_is_left_out_and_said(values: dict[str, str]) -> None:
    plan, problems = planned(**values)

    assert plan is not None
    assert plan.headers == {}
    assert plan.sampling.share == 1
    assert len(problems) == 1
    assert problems[0].startswith("OTEL_")
    assert "secret" not in problems[0]


def test_samplers() -> None:
    low, high = 1, 2**64 - 1
    assert [Sampling(0.5).keeps(one, None) for one in (low, high)] == [True, False]
    assert Sampling(0.0).keeps(high, True)
    assert not Sampling(1.0).keeps(low, False)
    assert Sampling(1.0, by_parent=False).keeps(high, False)
    assert the_plan(OTEL_TRACES_SAMPLER="always_off").sampling == Sampling(0.0, by_parent=False)
    assert the_plan(OTEL_TRACES_SAMPLER="always_on").sampling == Sampling(1.0, by_parent=False)
    assert the_plan(OTEL_TRACES_SAMPLER="parentbased_always_off").sampling == Sampling(0.0)
    assert the_plan().sampling == Sampling(1.0)
    ratio = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25"}
    assert the_plan(**ratio).sampling == Sampling(0.25)


def test_without_the_extra_no_traces_are_made_and_it_is_said_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = Settings.from_values(AT).tracing
    assert usable_plan(settings)[0] is not None
    for name in [name for name in sys.modules if name.split(".")[0] == "opentelemetry"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)

    plan, problems = usable_plan(settings)

    assert plan is None
    assert problems == [
        "Traces are asked for and OpenTelemetry is not installed: pip install 'nexgent[otel]'"
    ]


def test_a_certificate_that_is_not_there_is_said_before_spans_are_lost(tmp_path: Path) -> None:
    there = tmp_path / "ca.pem"
    there.write_text("a certificate")
    names = ("OTEL_EXPORTER_OTLP_CERTIFICATE", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE")
    files = dict(zip(names, (str(there), str(tmp_path / "gone.pem")), strict=True))

    plan, problems = usable_plan(Settings.from_values({**AT, **files}).tracing)

    # It may be put there while the service runs.
    assert plan is not None
    assert [problem.split(" ")[0] for problem in problems] == [names[1]]


def test_a_service_without_traces_loads_nothing_for_them() -> None:
    code = (
        "import sys, nexgent.bootstrap.service;"
        "sys.exit(any(name.startswith('opentelemetry') or name == 'requests' for name in sys.modules))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_exit_has_one_trace_whatever_process_goes_on_with_it() -> None:
    position, other = PositionId(new_id()), PositionId(new_id())
    made = Tracing(Settings.from_values(AT).tracing, Metrics(), SystemClock())
    next_one = Tracing(Settings.from_values(AT).tracing, Metrics(), SystemClock())
    none = Tracing(Settings.from_values({}).tracing, Metrics(), SystemClock())

    trace = made.exit_trace(position)

    assert trace is not None
    assert parse_traceparent(f"00-{trace.trace_id}-{SPAN}-01") is not None
    assert next_one.exit_trace(position) == trace
    assert made.exit_trace(other) != trace
    assert none.exit_trace(position) is None

    def within(trace: TraceContext) -> TraceContext | None:
        enter_trace(trace)
        return made.exit_trace(position)

    # Who asked for it, is what it is part of.
    asked = TraceContext(TRACE, SPAN, sampled=True)
    assert copy_context().run(within, asked) == asked


def test_traceparents() -> None:
    assert parse_traceparent(f"00-{TRACE}-{SPAN}-01") == TraceContext(TRACE, SPAN, sampled=True)
    assert parse_traceparent(f"00-{TRACE}-{SPAN}-00") == TraceContext(TRACE, SPAN, sampled=False)
    # What comes after version 00 may have more.
    assert parse_traceparent(f"cc-{TRACE}-{SPAN}-03-more") == TraceContext(TRACE, SPAN, sampled=True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01\n",
        f"00-{TRACE}0-{SPAN}-01",
    ],
)
def test_what_is_no_traceparent_begins_anew(text: str) -> None:
    assert parse_traceparent(text) is None
