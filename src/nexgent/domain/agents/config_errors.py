"""What is wrong with a trading configuration."""

from __future__ import annotations

from collections.abc import Sequence

from nexgent.shared.errors import RejectedError


class InvalidConfigError(RejectedError):
    """A configuration breaks its rules.

    `problems` holds one "path: message" for each, in the order of the schema.
    """

    code = "INVALID_CONFIG"

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems: list[str] = list(problems)
        super().__init__(f"Invalid trading configuration: {'; '.join(self.problems)}", problems=self.problems)
