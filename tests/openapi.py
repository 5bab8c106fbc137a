"""The OpenAPI document, made once for all processes of a run of tests: making it takes more than a second."""

from __future__ import annotations

import fcntl
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

from nexgent.api.app import create_api
from tests.run_folder import SHARED_FOLDER


@cache
def openapi_document() -> dict[str, Any]:
    """Return the document as clients read it. Everybody has the same one: copy it before changing anything."""
    shared = os.environ.get(SHARED_FOLDER)
    if not shared:
        return _read(_made())
    # Who comes while somebody makes it waits: all processes of a run begin at the same moment.
    with (Path(shared) / "openapi.json").open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        text = file.read()
        if not text:
            text = _made()
            file.write(text)
    return _read(text)


def _made() -> str:
    return json.dumps(create_api().openapi())


def _read(text: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(text)
    return document
