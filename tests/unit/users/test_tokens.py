"""Tokens that are not ours. The library has open advisories; these are the doors that they would come in by."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import zlib

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jose import jwe, jwt

from nexgent.domain.users.errors import InvalidTokenError
from nexgent.infrastructure.security.tokens import JwtCodec
from nexgent.shared.ids import new_id
from tests.fakes.api import SECRET

CLAIMS = {"userId": str(new_id()), "email": "a@example.com", "type": "access", "jti": "1", "exp": 2**31}
OWN = SECRET.get_secret_value()


def part(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def unsigned(algorithm: str, signature: str = "") -> str:
    return f"{part({'alg': algorithm, 'typ': 'JWT'})}.{part(CLAIMS)}.{signature}"


def test_ours_is_read() -> None:
    assert JwtCodec(SECRET).decode(jwt.encode(CLAIMS, OWN, algorithm="HS256")).email == "a@example.com"


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "NONE", "", "HS512", "RS256", "ES256", "dir", "A128KW"]
)
def test_a_token_that_names_another_algorithm_is_refused(algorithm: str) -> None:
    signature = jwt.encode(CLAIMS, OWN, algorithm="HS256").rsplit(".", 1)[1]

    for token in (unsigned(algorithm), unsigned(algorithm, signature)):
        with pytest.raises(InvalidTokenError):
            JwtCodec(SECRET).decode(token)


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_our_own_secret_with_another_algorithm_is_refused(algorithm: str) -> None:
    with pytest.raises(InvalidTokenError):
        JwtCodec(SECRET).decode(jwt.encode(CLAIMS, OWN, algorithm=algorithm))


def test_a_token_with_a_key_pair_is_refused_also_when_it_brings_its_key() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    numbers = key.public_key().public_numbers()
    public = {"kty": "RSA", "n": str(numbers.n), "e": "AQAB"}

    for headers in ({}, {"jwk": public}, {"kid": "../../dev/null"}):
        with pytest.raises(InvalidTokenError):
            JwtCodec(SECRET).decode(jwt.encode(CLAIMS, pem, algorithm="RS256", headers=headers))


def test_an_empty_secret_of_the_sender_is_refused() -> None:
    with pytest.raises(InvalidTokenError):
        JwtCodec(SECRET).decode(jwt.encode(CLAIMS, "", algorithm="HS256"))


def test_an_encrypted_token_is_never_opened() -> None:
    """A small one that unpacks to a megabyte is refused for its form: the code that would unpack it is not even loaded."""
    key = b"k" * 16
    small = jwe.encrypt(json.dumps(CLAIMS), key, algorithm="dir", encryption="A128GCM", zip="DEF").decode()
    bomb = base64.urlsafe_b64encode(zlib.compress(b"0" * 1_000_000, 9)[2:-4]).rstrip(b"=").decode()
    large = f"{part({'alg': 'dir', 'enc': 'A128GCM', 'zip': 'DEF'})}..AAAA.{bomb}.AAAA"
    program = f"""
import sys
from pydantic import SecretStr
from nexgent.domain.users.errors import InvalidTokenError
from nexgent.infrastructure.security.tokens import JwtCodec

for token in {[small, large]!r}:
    try:
        JwtCodec(SecretStr({OWN!r})).decode(token)
    except InvalidTokenError:
        continue
    sys.exit("opened")
sys.exit("the code for encrypted tokens is loaded" if "jose.jwe" in sys.modules else 0)
"""
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert answer.returncode == 0, answer.stderr
