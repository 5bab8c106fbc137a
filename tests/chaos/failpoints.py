"""`python -m tests.chaos.failpoints serve`: the service, with one point of its trades where it can be struck.

The product knows nothing of this: functions of it are wrapped before it starts. The file that `CHAOS_FILE` names arms a point as
`{"point", "moment", "kill"}`. The first call that gets there renames the file to `….hit`; then the process kills itself, or the
call waits as long as that file exists, while somebody outside does what is to be done. With `"behind": point` it is armed by the
first call that has passed that other point.

What is no accident is only faster here: a token is written off after seconds, not after ten minutes of evidence.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
import os
import signal
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from nexgent.bootstrap import engine_role
from nexgent.cli.main import main
from nexgent.domain.ledger import models
from nexgent.domain.positions.models import CloseReason
from nexgent.domain.trading.rules.write_off import WriteOffRules
from nexgent.domain.trading.watch import dead_tokens
from nexgent.infrastructure.cache.bridge import EventBridge
from nexgent.infrastructure.cache.mirror import RedisMirror
from nexgent.infrastructure.database.journal.journal import PostgresJournal
from nexgent.infrastructure.external.jupiter import live
from nexgent.infrastructure.external.jupiter.simulation import SimulationSwapGateway
from nexgent.infrastructure.external.jupiter.swap import JupiterSwapClient
from nexgent.shared.events import EventBus

_POLL_SECONDS = 0.005
_WRITTEN_OFF = CloseReason.WRITE_OFF
_SOON = WriteOffRules(min_polls=2, min_duration=timedelta(seconds=1), min_refused_sales=1)
_DEAD_TOKEN_SECONDS = 0.5


class Failpoints:
    """What is armed, and striking."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def _strikes(self, point: str, moment: str) -> dict[str, Any] | None:
        try:
            plan: dict[str, Any] = json.loads(self._file.read_bytes())
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        if "behind" in plan:
            if (plan.pop("behind"), "after") == (point, moment):
                self._replace(plan)
            return None
        if (plan["point"], plan["moment"]) != (point, moment):
            return None
        try:
            self._file.rename(self._file.with_suffix(".hit"))
        except FileNotFoundError:
            return None
        if plan["kill"]:
            os.kill(os.getpid(), signal.SIGKILL)
        return plan

    def _replace(self, plan: dict[str, Any]) -> None:
        draft = self._file.with_suffix(".next")
        draft.write_text(json.dumps(plan))
        draft.rename(self._file)

    @property
    def _is_held(self) -> bool:
        return self._file.with_suffix(".hit").exists()

    async def pass_by(self, point: str, moment: str) -> None:
        """Be struck here, if this is the point."""
        if self._strikes(point, moment) is not None:
            while self._is_held:
                await asyncio.sleep(_POLL_SECONDS)

    def pass_by_blocking(self, point: str, moment: str) -> None:
        """Be struck here, holding the whole process."""
        if self._strikes(point, moment) is not None:
            while self._is_held:
                time.sleep(_POLL_SECONDS)

    def around(self, owner: Any, name: str, point_of: Callable[..., str | None]) -> None:
        """Wrap a function; `point_of` tells from its arguments which point it is, if any."""
        original = getattr(owner, name)

        if inspect.iscoroutinefunction(original):

            @functools.wraps(original)
            async def waiting(*args: Any, **options: Any) -> Any:
                point = point_of(*args, **options)
                if point is None:
                    return await original(*args, **options)
                await self.pass_by(point, "before")
                result = await original(*args, **options)
                await self.pass_by(point, "after")
                return result

            setattr(owner, name, waiting)
            return

        @functools.wraps(original)
        def blocking(*args: Any, **options: Any) -> Any:
            point = point_of(*args, **options)
            if point is None:
                return original(*args, **options)
            self.pass_by_blocking(point, "before")
            result = original(*args, **options)
            self.pass_by_blocking(point, "after")
            return result

        setattr(owner, name, blocking)


def install(file: Path) -> None:
    """Wrap what a trade goes through."""
    ends = (models.TradeSettled, models.TradeFailed, models.TradeExpired)

    def commit_of(_: object, entries: Any) -> str | None:
        bodies = [entry.body for entry in entries]
        if any(isinstance(body, models.TradeSettled) and body.reason is _WRITTEN_OFF for body in bodies):
            return "written off"
        if any(isinstance(body, ends) for body in bodies):
            return "settled"
        if any(isinstance(body, models.TradeSubmitted) for body in bodies):
            return "submitted"
        return "intent" if any(isinstance(body, models.TradeIntended) for body in bodies) else None

    def event_of(_: object, event: object) -> str | None:
        return "publish" if type(event).__name__.startswith("Position") else None

    dead_tokens.WriteOffRules = lambda: _SOON  # type: ignore[assignment, attr-defined, misc]
    engine_role.DEAD_TOKEN_SECONDS = _DEAD_TOKEN_SECONDS
    points = Failpoints(file)
    points.around(PostgresJournal, "append", commit_of)
    points.around(live, "sign_order", lambda *_: "sign")
    points.around(live.LiveSwapGateway, "quote", lambda *_, **__: "quote")
    points.around(SimulationSwapGateway, "quote", lambda *_, **__: "quote")
    points.around(JupiterSwapClient, "execute", lambda *_, **__: "submit")
    points.around(EventBus, "publish", event_of)
    points.around(RedisMirror, "_write_batch", lambda *_: "cache")
    points.around(EventBridge, "_send_batch", lambda *_: "broadcast")


if __name__ == "__main__":
    install(Path(os.environ["CHAOS_FILE"]))
    main()
