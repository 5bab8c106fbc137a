"""Earlier configurations of an agent: who saved them when, and what each changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from nexgent.shared.types import AgentId

MOST_VERSIONS = 200
"""So many are kept of an agent, the newest ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigVersion:
    """A configuration from the moment it was saved. `saved_by` is empty where nobody chose it.

    `config` is the whole effective configuration in its public form; settings that this version of the service does not know any
    more are still in it.
    """

    id: int
    saved_at: datetime
    saved_by: str
    config: Mapping[str, object]


class ConfigHistory(Protocol):
    """The versions that are kept, at most `MOST_VERSIONS` of an agent."""

    async def config_versions(
        self, agent_id: AgentId, *, limit: int, offset: int = 0, before: int | None = None
    ) -> Sequence[ConfigVersion]:
        """Return the versions of an agent, newest first, older than that with the id `before`. Raises `UnavailableError`."""


def changed_settings(before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    """Return the paths of settings that differ, such as `stopLoss.defaultPercentage`, in order. A list counts as one setting."""
    found: list[str] = []
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += [f"{name}.{path}" for path in changed_settings(old, new)]
        elif old != new:
            found.append(name)
    return found
