"""The OpenAPI document, made once for all processes of a run of tests: making it takes more than a second."""

from __future__ import annotations

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
    file = Path(shared) / "openapi.json" if shared else None
    if file is None or not file.exists():
        text = json.dumps(create_api().openapi())
        if file is None:
            return _read(text)
        # There is a whole one or none, whoever is faster.
        own = file.with_suffix(f".{os.getpid()}")
        own.write_text(text)
        own.replace(file)
    return _read(file.read_text())


def _read(text: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(text)
    return document
