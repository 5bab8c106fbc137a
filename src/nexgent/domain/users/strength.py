"""How hard a secret is to guess, estimated.

An estimate from below: what a guesser tries first counts for nothing (words that secrets are made of, repetitions, runs like
`1234`), the rest counts as if it were random. A list of a hundred thousand passwords would find more and cost every start a
second; this is for secrets that programs use, of which any good one is far above the line.
"""

from __future__ import annotations

import math
import re
from collections import Counter

_WORDS = re.compile(
    "|".join(
        sorted(
            (
                "admin", "administrator", "root", "user", "test", "testing", "demo", "example", "sample", "default", "guest",
                "password", "passwort", "passphrase", "pass", "passwd", "secret", "secure", "security", "token", "private",
                "public", "production", "development", "prod", "local", "host", "server", "service", "system", "database",
                "jwt", "auth", "login", "access", "session", "signing", "sign", "key", "value", "string", "change", "this",
                "please", "very", "super", "long", "random", "strong", "must", "least", "minimum", "characters", "here",
                "your", "mine", "the", "and", "for", "not", "only", "with", "that", "nexgent", "trading", "trader", "engine",
                "solana", "crypto", "bitcoin", "wallet", "moon", "money", "letmein", "welcome", "hello", "world", "monkey",
                "dragon", "master", "qwerty", "qwertz", "azerty", "asdf", "zxcv", "iloveyou", "abc", "xyz", "foo", "bar", "baz",
                "love", "sunshine", "princess", "football", "baseball", "summer", "winter", "spring", "autumn",
            ),
            key=len,
            reverse=True,
        )
    )
)  # fmt: skip
# How people write letters as digits and signs; only for looking words up.
_PLAIN = str.maketrans("013457@$!", "oieastasi")
_CONTEXT = 3


def estimated_bits(secret: str) -> float:
    """Return about how many bits a guesser has to find."""
    rest = _without_words(secret)
    fresh: list[str] = []
    seen: set[str] = set()
    for index, character in enumerate(rest):
        ending = rest[max(0, index - _CONTEXT + 1) : index + 1]
        repeated = len(ending) == _CONTEXT and ending in seen
        seen.add(ending)
        if not repeated and not (index and abs(ord(character) - ord(rest[index - 1])) <= 1):
            fresh.append(character)
    counts = Counter(fresh)
    return sum(-count * math.log2(count / len(fresh)) for count in counts.values())


def _without_words(secret: str) -> str:
    plain = secret.lower().translate(_PLAIN)
    kept: list[str] = []
    end = 0
    for found in _WORDS.finditer(plain):
        kept.append(secret[end : found.start()])
        end = found.end()
    return "".join([*kept, secret[end:]])
