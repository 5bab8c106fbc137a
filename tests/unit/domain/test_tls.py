"""What clients of plain and of encrypted addresses are given."""

from __future__ import annotations

import ssl

import httpx
import pytest

from nexgent.shared.tls import verification


@pytest.mark.parametrize("url", ["http://127.0.0.1:4100", "HTTP://localhost"])
def test_a_client_of_a_plain_address_reads_no_authorities_and_trusts_nobody(url: str) -> None:
    context = verification(url)

    assert isinstance(context, ssl.SSLContext)
    assert context.get_ca_certs() == []
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


@pytest.mark.parametrize("url", ["https://engine.example", "engine.example", ""])
def test_any_other_is_checked_as_usual(url: str) -> None:
    checked = verification(url)

    assert checked is True
    assert httpx.create_ssl_context(checked).get_ca_certs()
