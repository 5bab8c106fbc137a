"""Names in the queue's Redis. They carry no cache prefix: the queue library names its own keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

QUEUE_NAME = "nexgent:arq"
HEALTH_KEY = f"{QUEUE_NAME}:health-check"
BELL_KEY = f"{QUEUE_NAME}:bell"
"""Counts rings, so that the worker can tell whether somebody rang while it was finishing."""
RING_KEY = f"{QUEUE_NAME}:ring"
"""A sorted set of one member, which is there from a ring until a worker hears it. Workers wait for it instead of asking."""
RING = "ring"
PROJECT_JOB = "project_journal"
PROJECT_JOB_ID = f"{QUEUE_NAME}:{PROJECT_JOB}"
SWEEP_JOB = "sweep_journal"


def _describe(value: object) -> object:
    # Only errors of jobs come here; their type says enough, their text may hold a secret.
    return type(value).__name__


# Jobs travel as JSON: reading a pickled one would run whatever somebody put into Redis.
serialize_job: Callable[[dict[str, Any]], bytes] = msgspec.json.Encoder(enc_hook=_describe).encode
deserialize_job: Callable[[bytes], dict[str, Any]] = msgspec.json.Decoder(dict[str, Any]).decode
