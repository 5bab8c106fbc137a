"""`nexgent` whose access tokens live for a few seconds: a quarter of an hour in a test's time."""

from __future__ import annotations

from datetime import timedelta

from nexgent.api.v1.web import schemas
from nexgent.cli.main import main
from nexgent.domain.users import sessions

LIFETIME = timedelta(seconds=5)

if __name__ == "__main__":
    for module in (schemas, sessions):
        module.ACCESS_LIFETIME = LIFETIME  # type: ignore[attr-defined]
    main()
