"""Requests made up from our own OpenAPI document, sent to the real service: no 500, no undocumented answer.

`make fuzz` runs the same with more examples: FUZZ_EXAMPLES per operation, and FUZZ_SEED for another sequence.
"""

from __future__ import annotations

import gc
import os
import warnings
import zlib
from collections.abc import Iterator
from copy import deepcopy
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
import requests
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.errors import HypothesisWarning

from nexgent.api.app import ENDPOINTS
from nexgent.api.http.route import PREFIX
from nexgent.bootstrap.garbage_collection import GC_MIDDLE, GC_OLD, GC_YOUNG
from tests.contract.service import Service, running_service, some_address
from tests.openapi import openapi_document

if TYPE_CHECKING:
    import schemathesis

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "3"))
SEED = int(os.environ.get("FUZZ_SEED", "20260101"))

# Checks that contradict the contract, with the reason.
LEFT_OUT = {
    "positive_data_acceptance": "good requests are refused with 400 for reasons no schema can say: no balance, no wallet",
    "ensure_resource_availability": "lists and single rows are read from tables that are written after the answer",
    "object_level_authorization": "one user only; two users are the business of the contract tests",
}
# Operations that accept more than their schema says, with the reason.
LENIENT = {
    "POST /api/v1/auth/logout": "whatever is no refresh token is ignored silently, so that logging out always works",
}
# Their last part could be an id, so other methods are those of the resource: `PUT /trading-signals/all` corrects no. "all".
AMONG_IDS = {
    "/api/v1/trading-signals/all",
    "/api/v1/trading-signals/export",
    "/api/v1/trading-signals/test",
    "/api/v1/agent-historical-swaps/export",
    "/api/v1/agent-transactions/export",
    "/api/v1/wallets/assign",
}

OPERATIONS = [f"{one.method} {PREFIX}{one.path}" for one in ENDPOINTS]


@pytest.fixture(scope="module", autouse=True)
def rare_collections() -> Iterator[None]:
    """Look for garbage as rarely as the service does: what makes requests up holds hundreds of thousands of objects meanwhile."""
    usual = gc.get_threshold()
    gc.set_threshold(GC_YOUNG, GC_MIDDLE, GC_OLD)
    yield
    gc.set_threshold(*usual)


@pytest.fixture(scope="module")
def schema(pytestconfig: pytest.Config) -> Any:
    """The document as it makes requests up. What does so is imported here: other processes of tests need none of it."""
    with warnings.catch_warnings():
        # Imported, it hands Hypothesis a source of randomness, which Hypothesis takes for a mistake on Python 3.14.
        warnings.simplefilter("ignore", HypothesisWarning)
        pytestconfig.pluginmanager.import_plugin("schemathesis.pytest.plugin")
    import schemathesis  # noqa: PLC0415 -- see above
    from schemathesis import config  # noqa: PLC0415 -- as above
    from schemathesis.generation import GenerationMode  # noqa: PLC0415 -- as above

    generation = config.GenerationConfig(
        modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE], with_security_parameters=False
    )
    projects = config.ProjectsConfig(default=config.ProjectConfig(generation=generation))
    return schemathesis.openapi.from_dict(
        deepcopy(openapi_document()), config=config.SchemathesisConfig(projects=projects)
    )


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The running service, with an agent that has 10 SOL."""
    with running_service(tmp_path_factory.mktemp("fuzz")) as made:
        yield made


@pytest.fixture(scope="module")
def connection() -> Iterator[requests.Session]:
    """One connection for all requests; it keeps no cookies and adds no headers."""
    with requests.Session() as session:
        session.trust_env = False
        session.headers.clear()
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        yield session


@pytest.fixture(scope="module")
def agent_id(service: Service) -> str:
    answer = service.http.post("/api/v1/agents", json={"name": "Fuzzed"}, headers=service.headers())
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def left_out(case: schemathesis.Case[Any]) -> list[Any]:
    from schemathesis.checks import CHECKS  # noqa: PLC0415 -- as above

    lenient = ["negative_data_rejection"] if case.operation.label in LENIENT else []
    overlapping = ["unsupported_method"] if case.operation.path in AMONG_IDS else []
    return [CHECKS.get_one(name) for name in (*LEFT_OUT, *lenient, *overlapping)]


def is_uuid(value: object) -> bool:
    try:
        return isinstance(value, str) and UUID(value) is not None
    except ValueError:
        return False


@seed(SEED)
@settings(
    max_examples=EXAMPLES,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def answers_as_documented(
    case: schemathesis.Case[Any], service: Service, connection: requests.Session, agent_id: str
) -> None:
    # Every other well-formed agent is one that exists, or nothing but 404 would be seen.
    parts: list[Any] = [case.path_parameters, case.query, case.body]
    for values in (part for part in parts if isinstance(part, dict)):
        for name in ("agentId", "id"):
            if is_uuid(values.get(name)) and zlib.crc32(values[name].encode()) % 2:
                values[name] = agent_id
    # The check that leaves the session away knows the header by exactly this name.
    headers = {"Authorization": f"Bearer {service.token()}", "X-Forwarded-For": some_address()}
    case.call_and_validate(
        base_url=service.url, session=connection, headers=headers, excluded_checks=left_out(case)
    )


def test_the_operations_are_those_of_the_document() -> None:
    paths = openapi_document()["paths"]
    assert sorted(OPERATIONS) == sorted(
        f"{method.upper()} {path}" for path, methods in paths.items() for method in methods
    )


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation(
    operation: str,
    schema: Any,
    service: Service,
    connection: requests.Session,
    agent_id: str,
    request: pytest.FixtureRequest,
) -> None:
    # Making up the requests takes a while. Left to `schema.parametrize()` it is done when tests are collected, by every test
    # process and for all operations; so the item that comes of it is made, and run, here.
    test = schema.include(name=operation).parametrize()(answers_as_documented)
    module = request.node.parent
    [item] = module.ihook.pytest_pycollect_makeitem(
        collector=module, name="test_operation", obj=test
    ).collect()
    item.funcargs = {"service": service, "connection": connection, "agent_id": agent_id}
    item.ihook.pytest_pyfunc_call(pyfuncitem=item)
