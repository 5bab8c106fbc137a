"""Whose address a request has, with and without proxies."""

from __future__ import annotations

import pytest

from nexgent.config.settings import Settings, SettingsError
from nexgent.middleware.client_address import ClientAddresses
from nexgent.shared.addresses import Networks, neighbourhood, parse_address

OURS = Networks.parse("10.0.0.0/8, 9.9.9.9 fd00::/8")


def address(peer: str, *lines: str, proxies: int = 1, networks: Networks = OURS) -> str:
    headers = [(b"x-forwarded-for", line.encode()) for line in lines]
    return ClientAddresses(proxies, networks)({"client": (peer, 1), "headers": headers})


@pytest.mark.parametrize(
    ("lines", "proxies", "seen"),
    [
        (["1.1.1.1, 2.2.2.2"], 0, "9.9.9.9"),
        (["1.1.1.1, 2.2.2.2"], 1, "2.2.2.2"),
        (["1.1.1.1, 10.0.0.2"], 2, "1.1.1.1"),
        (["1.1.1.1"], 3, "1.1.1.1"),
        # The hop that is said to have come through a proxy of ours came from somebody else.
        (["1.1.1.1, 2.2.2.2"], 2, "2.2.2.2"),
        ([" , "], 1, "9.9.9.9"),
        ([], 1, "9.9.9.9"),
    ],
)
def test_so_many_hops_from_the_right_are_believed(lines: list[str], proxies: int, seen: str) -> None:
    assert address("9.9.9.9", *lines, proxies=proxies) == seen


def test_a_header_line_of_the_clients_own_does_not_come_before_the_proxys() -> None:
    assert address("10.0.0.1", "6.6.6.6", "2.2.2.2") == "2.2.2.2"


def test_only_listed_peers_are_believed() -> None:
    assert address("8.8.8.8", "1.1.1.1") == "8.8.8.8"
    assert address("10.0.0.1", "1.1.1.1", networks=Networks(())) == "10.0.0.1"


@pytest.mark.parametrize(
    "nonsense",
    ["", "unknown", "localhost", "1.1.1", "1.1.1.1.1", "<script>", "1.1.1.1:x", "[::1", "x" * 5000],
)
def test_what_is_no_address_is_not_taken(nonsense: str) -> None:
    assert address("9.9.9.9", nonsense) == "9.9.9.9"


@pytest.mark.parametrize(
    ("hop", "seen"),
    [
        ("1.1.1.1:5123", "1.1.1.1"),
        ("[2001:DB8::1]:5123", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ('"[2001:db8::1]:80"', "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:1.1.1.1", "1.1.1.1"),
    ],
)
def test_addresses_have_one_spelling(hop: str, seen: str) -> None:
    assert address("9.9.9.9", hop) == seen


def test_an_ipv4_peer_on_an_ipv6_socket_is_known() -> None:
    assert address("::ffff:10.0.0.1", "1.1.1.1") == "1.1.1.1"
    assert address("::ffff:8.8.8.8", proxies=0) == "8.8.8.8"


def test_one_ipv6_user_counts_once() -> None:
    assert neighbourhood("2001:db8:1:2:3::4") == neighbourhood("2001:db8:1:2:ffff::1") == "2001:db8:1:2::/64"
    assert neighbourhood("::ffff:1.2.3.4") == "1.2.3.4"
    assert neighbourhood("nothing") == "nothing"
    assert parse_address("1.2.3.4") == parse_address("[1.2.3.4]:5")


def test_nobody_is_believed_unless_told() -> None:
    server = Settings.from_values({}).server

    assert (server.trusted_proxies, server.host) == (0, "127.0.0.1")
    assert "127.0.0.1" not in server.proxies
    assert "127.0.0.1" in Settings.from_values({"TRUSTED_PROXIES": "1"}).server.proxies
    with pytest.raises(SettingsError, match="TRUSTED_PROXY_NETWORKS"):
        Settings.from_values({"TRUSTED_PROXY_NETWORKS": "10.0.0.300"})
