"""Base URLs as people write them."""

from __future__ import annotations

import pytest

from nexgent.infrastructure.external.http import Endpoint


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("https://api.jup.ag", "https://api.jup.ag/price/v3?ids=a,b"),
        ("https://api.jup.ag/", "https://api.jup.ag/price/v3?ids=a,b"),
        (" https://api.jup.ag// ", "https://api.jup.ag/price/v3?ids=a,b"),
        ("http://proxy:8080/jup/", "http://proxy:8080/jup/price/v3?ids=a,b"),
        ("https://api.jup.ag/swap/v2/", "https://api.jup.ag/price/v3?ids=a,b"),
        ("https://h/x?token=1", "https://h/x/price/v3?token=1&ids=a,b"),
    ],
)
def test_a_path_is_put_below_any_base(base: str, expected: str) -> None:
    endpoint = Endpoint("Jupiter", base, known_suffixes=("/swap/v2",))

    assert endpoint.url("/price/v3", [("ids", "a,b")]) == expected


def test_a_base_that_is_a_whole_address_stays_as_it_is() -> None:
    url = "https://mainnet.example.com/v1/?api-key=abc"

    assert Endpoint("Solana RPC", url).url() == url


def test_values_cannot_break_out_of_the_query() -> None:
    assert (
        Endpoint("X", "https://h").url("/p", [("q", "a&b=c#d/é")]) == "https://h/p?q=a%26b%3Dc%23d%2F%C3%A9"
    )


@pytest.mark.parametrize(
    "base", ["", "ftp://secret-key@h", "localhost:8080", "https://", "http://[::secret-key"]
)
def test_an_unusable_base_is_refused_without_repeating_it(base: str) -> None:
    with pytest.raises(ValueError, match="base URL of Jupiter") as caught:
        Endpoint("Jupiter", base)

    assert "secret-key" not in str(caught.value)
