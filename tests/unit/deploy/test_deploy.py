"""Files for installing on servers are what their readers take, name what the product has, and say what the alarm is about."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from nexgent.cli.telegram_bot.bot import DRAIN_SECONDS
from nexgent.config.settings import Settings
from nexgent.infrastructure.metrics.metrics import Metrics

ROOT = Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "deploy"
KUBERNETES = sorted(
    path for path in (DEPLOY / "kubernetes").rglob("*.yaml") if path.name != "kustomization.yaml"
)
OF_PROMETHEUS = {"up", "ALERTS"}


def run(*command: str) -> None:
    """Run a program of the environment; fail with what it said."""
    found = Path(sys.executable).parent / command[0]
    program = str(found) if found.exists() else command[0]
    done = subprocess.run([program, *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def settings_there_are() -> set[str]:
    """Return every setting that `env.example` explains."""
    return set(re.findall(r"^([A-Z][A-Z0-9_]+)=", (ROOT / "env.example").read_text(), re.MULTILINE))


def rules() -> list[dict[str, Any]]:
    """Return all rules of Prometheus."""
    groups = yaml.safe_load((DEPLOY / "prometheus" / "rules.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[tuple[str, str]]:
    """Return title and expression of every query of the dashboard, as Prometheus gets it."""
    board = json.loads((DEPLOY / "grafana" / "nexgent.json").read_text())
    return [
        (panel["title"], target["expr"].replace("$__rate_interval", "1m").replace("$job", "nexgent"))
        for panel in board["panels"]
        for target in panel.get("targets", [])
    ]


def selectors(expression: str) -> Iterator[tuple[str, set[str]]]:
    """Yield each metric an expression asks for, with the labels it chooses by."""

    def walk(node: Any) -> Iterator[tuple[str, set[str]]]:
        if isinstance(node, promql_parser.VectorSelector):
            assert node.name is not None, "a selector without a name"
            yield node.name, {matcher.name for matcher in node.matchers.matchers}
        for part in ("lhs", "rhs", "expr", "vector_selector"):
            inner = getattr(node, part, None)
            if inner is not None:
                yield from walk(inner)
        for argument in getattr(node, "args", None) or ():
            yield from walk(argument)

    yield from walk(promql_parser.parse(expression))


def known() -> dict[str, set[str]]:
    """Return every series the product tells, with its labels."""
    found: dict[str, set[str]] = {}
    for metric in Metrics().registry._names_to_collectors.items():
        name, collector = metric
        labels = set(getattr(collector, "_labelnames", ()))
        found[name] = labels | ({"le"} if name.endswith("_bucket") else set())
    recorded = {
        rule["record"]: {"job", "service", "instance", "type", "status"}
        for rule in rules()
        if "record" in rule
    }
    return found | recorded


EXPRESSIONS = [(rule.get("alert") or rule["record"], rule["expr"]) for rule in rules()] + panels()


@pytest.mark.parametrize(
    ("title", "expression"), EXPRESSIONS, ids=[f"{n} {one[0]}" for n, one in enumerate(EXPRESSIONS)]
)
def test_every_query_asks_for_what_the_product_tells(title: str, expression: str) -> None:
    asked = list(selectors(expression))

    assert asked, title
    series = known()
    for name, labels in asked:
        assert name in series or name in OF_PROMETHEUS, f"{title}: there is no {name}"
        assert labels <= series.get(name, set()) | {"job", "instance"}, f"{title}: {name} has no {labels}"


def test_every_alert_says_how_bad_it_is_and_what_to_do() -> None:
    headings = set(re.findall(r"^## (\w+)$", (ROOT / "docs" / "operations.md").read_text(), re.MULTILINE))
    alerts = [rule for rule in rules() if "alert" in rule]

    assert headings == {rule["alert"] for rule in alerts}
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    assert (ROOT / config["global"]["external_labels"]["runbooks"]).is_file()
    for rule in alerts:
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        # Where the page is to be read is said once, for all of them.
        assert (
            rule["annotations"]["runbook_url"]
            == f"{{{{ $externalLabels.runbooks }}}}#{rule['alert'].lower()}"
        )
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"]


def test_what_operators_are_told_to_set_exists() -> None:
    settings = settings_there_are()
    told = set(
        re.findall(
            r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?:=\w+)?`", (ROOT / "docs" / "operations.md").read_text()
        )
    )

    assert told
    assert told <= settings


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool here: apt install prometheus")
@pytest.mark.parametrize("what", [("check", "rules.yml"), ("test", "rules.test.yml")], ids=["check", "test"])
def test_promtool_takes_the_rules_and_every_alert_fires_and_ends(what: tuple[str, str]) -> None:
    run("promtool", what[0], "rules", str(DEPLOY / "prometheus" / what[1]))


def test_the_compose_file_is_one_and_gives_settings_there_are() -> None:
    run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(DEPLOY / "compose.yaml"))
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    known_settings = settings_there_are()
    for name in ("migrate", "service", "worker", "telegram"):
        assert set(compose["services"][name]["environment"]) <= known_settings
    wanted = set(re.findall(r"\$\{([A-Z0-9_]+)", (DEPLOY / "compose.yaml").read_text()))
    offered = set(re.findall(r"^([A-Z0-9_]+)=", (DEPLOY / "compose.env.example").read_text(), re.MULTILINE))
    assert wanted - offered == {"GRAFANA_URL"}
    assert offered - wanted == {"COMPOSE_PROFILES"}


def test_the_bot_of_the_compose_file_knows_its_own_and_waits_to_be_asked_for() -> None:
    bot = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]["telegram"]

    assert bot["profiles"] == ["telegram"]
    assert {name for name in bot["environment"] if not name.startswith("TELEGRAM_")} == {"NODE_ENV"}
    assert bot["command"] == ["nexgent", "telegram", "--url", "http://service:4000"]


@pytest.mark.parametrize("path", KUBERNETES, ids=[str(path.relative_to(DEPLOY)) for path in KUBERNETES])
def test_kubernetes_takes_every_object(path: Path) -> None:
    run("kubernetes-validate", "--strict", str(path))


def test_kubernetes_gets_every_file_and_settings_there_are() -> None:
    top = DEPLOY / "kubernetes"
    settings = settings_there_are()
    for folder in (top, top / "telegram"):
        listed = yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]
        assert {path.name for path in KUBERNETES if path.parent == folder} == {*listed, "secret.example.yaml"}
        secret = yaml.safe_load((folder / "secret.example.yaml").read_text())["stringData"]
        assert set(secret) <= settings

    assert set(yaml.safe_load((top / "config.yaml").read_text())["data"]) <= settings


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="no kubectl here")
@pytest.mark.parametrize("with_the_bot", [False, True], ids=["without the bot", "with the bot"])
def test_policies_choose_every_pod_that_kustomize_makes(tmp_path: Path, with_the_bot: bool) -> None:
    folder = tmp_path / "kubernetes"
    shutil.copytree(DEPLOY / "kubernetes", folder)
    if with_the_bot:
        file = folder / "kustomization.yaml"
        file.write_text(file.read_text().replace("# components: [telegram]", "components: [telegram]"))

    done = subprocess.run(
        ["kubectl", "kustomize", str(folder)], capture_output=True, text=True, check=False, cwd=ROOT
    )

    assert done.returncode == 0, done.stderr
    made = list(yaml.safe_load_all(done.stdout))
    pods = {
        one["metadata"]["name"]: one["spec"]["template"]["metadata"]["labels"]
        for one in made
        if one["kind"] in ("Deployment", "Job")
    }
    assert ("nexgent-telegram" in pods) is with_the_bot
    (everybody,) = [
        one["spec"] for one in made if one["kind"] == "NetworkPolicy" and one["spec"].get("ingress") == []
    ]
    for labels in pods.values():
        assert everybody["podSelector"]["matchLabels"].items() <= labels.items()
    for one in made:
        if one["kind"] == "Deployment":
            chosen = one["spec"]["selector"]["matchLabels"]
            assert [name for name, labels in pods.items() if chosen.items() <= labels.items()] == [
                one["metadata"]["name"]
            ]


def test_processes_get_more_time_to_end_than_they_take() -> None:
    longest = Settings.from_values({}).server.shutdown_seconds
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    unit = (DEPLOY / "systemd" / "nexgent.service").read_text()
    bots = (
        compose["telegram"]["stop_grace_period"],
        re.findall(
            r"^TimeoutStopSec=(\d+)$",
            (DEPLOY / "systemd" / "nexgent-telegram.service").read_text(),
            re.MULTILINE,
        )[0],
        *(
            str(document["spec"]["template"]["spec"]["terminationGracePeriodSeconds"])
            for document in yaml.safe_load_all(
                (DEPLOY / "kubernetes" / "telegram" / "telegram.yaml").read_text()
            )
            if document["kind"] == "Deployment"
        ),
    )
    pods = [
        document["spec"]["template"]["spec"]
        for name in ("service", "worker")
        for document in yaml.safe_load_all((DEPLOY / "kubernetes" / f"{name}.yaml").read_text())
        if document["kind"] == "Deployment"
    ]

    assert all(
        float(compose[name]["stop_grace_period"].rstrip("s")) > longest for name in ("service", "worker")
    )
    assert all(pod["terminationGracePeriodSeconds"] > longest for pod in pods)
    assert all(float(seconds.rstrip("s")) > DRAIN_SECONDS for seconds in bots)
    assert float(re.findall(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)[0]) > longest


def test_probes_ask_what_the_service_answers() -> None:
    text = "".join(path.read_text() for path in KUBERNETES) + (ROOT / "Dockerfile").read_text()
    paths = set(re.findall(r"/api/v1/health\S*?(?=[,\\\"}])", text))

    assert paths == {"/api/v1/health/live", "/api/v1/health/ready"}


def test_the_image_is_built_as_its_linter_wants_and_runs_as_a_number() -> None:
    run("hadolint", "Dockerfile")
    # Kubernetes refuses to believe a name when it wants to know that the user is not root.
    assert re.findall(r"^USER (\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE) == ["10001:10001"]


def test_yaml_is_tidy() -> None:
    style = "{extends: default, rules: {line-length: {max: 140}, document-start: disable, braces: {max-spaces-inside: 0}}}"
    run("yamllint", "--strict", "-d", style, str(DEPLOY))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
@pytest.mark.parametrize("name", ["nexgent.service", "nexgent-telegram.service"])
def test_systemd_takes_the_unit(tmp_path: Path, name: str) -> None:
    text = (DEPLOY / "systemd" / name).read_text()
    unit = tmp_path / name
    unit.write_text(text)

    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False
    )

    assert [line for line in done.stderr.splitlines() if name in line and "executable" not in line] == []
