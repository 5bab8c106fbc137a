"""Prometheus as it is installed here, looking at a service with our configuration."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.product import free_port

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "prometheus"


def configuration() -> dict[str, Any]:
    """Return what we give to Prometheus."""
    config: dict[str, Any] = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    return config


def rules() -> str:
    """Return our rules as they are written."""
    return (FOLDER / "rules.yml").read_text()


@contextmanager
def running_prometheus(
    folder: Path, *, config: dict[str, Any], rules: str, target: str, token: str
) -> Iterator[str]:
    """Run it in a folder, with this host and port instead of the configuration's; yield its address."""
    (folder / "rules.yml").write_text(rules)
    (folder / "token").write_text(token)
    (scrape,) = config["scrape_configs"]
    scrape["authorization"]["credentials_file"] = str(folder / "token")
    scrape["static_configs"] = [{"targets": [target]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    port = free_port()
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/tsdb",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
