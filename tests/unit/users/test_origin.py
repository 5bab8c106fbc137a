"""Where requests come from."""

from __future__ import annotations

import pytest

from nexgent.domain.users.origin import Origin


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("testclient", "testclient"),
        ("", "unknown"),
    ],
)
def test_a_network_is_what_one_customer_has(address: str, network: str) -> None:
    assert Origin(address).network == network


def test_what_a_client_calls_itself_is_bounded_and_printable() -> None:
    origin = Origin("1" * 500, "a\0\r\nb\ud800" + "x" * 500)

    assert len(origin.address) == 64
    assert origin.user_agent == "ab" + "x" * 253
