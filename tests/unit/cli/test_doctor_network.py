"""What `nexgent doctor` says about HOST and proxies."""

from __future__ import annotations

import pytest

from nexgent.cli.doctor_network import network
from nexgent.config.settings import Settings
from nexgent.shared.findings import Verdict


@pytest.mark.parametrize(
    ("values", "verdict", "found"),
    [
        ({}, Verdict.OK, "only this machine"),
        ({"HOST": "0.0.0.0"}, Verdict.WARN, "every interface"),
        ({"HOST": "10.1.2.3"}, Verdict.WARN, "whoever reaches this address"),
        ({"HOST": "::", "TRUSTED_PROXIES": "1"}, Verdict.OK, "127.0.0.0/8"),
        (
            {"HOST": "::", "TRUSTED_PROXIES": "2", "TRUSTED_PROXY_NETWORKS": "0.0.0.0/0"},
            Verdict.WARN,
            "2 hop",
        ),
    ],
)
def test_the_network_is_explained(values: dict[str, str], verdict: Verdict, found: str) -> None:
    finding = network(Settings.from_values(values).server)

    assert finding.verdict is verdict
    assert found in finding.found
    assert bool(finding.advice) == (verdict is Verdict.WARN)
