"""What can go wrong on the way to the engine of an agent. Each says whether something may have been done."""

from __future__ import annotations

from nexgent.shared.errors import UnavailableError


class EngineUnreachableError(UnavailableError):
    """There is no way to the engine at present; it was sent nothing."""

    code = "ENGINE_UNREACHABLE"

    def __init__(self) -> None:
        super().__init__(
            "Another process trades for this agent, and cannot be reached: Redis does not answer. "
            "Nothing was begun; try again in a moment"
        )


class EngineBusyError(UnavailableError):
    """The engine took nothing in time, or more is waiting for it than it could do in time; nothing has begun."""

    code = "ENGINE_BUSY"

    def __init__(self) -> None:
        super().__init__(
            "The process that trades for this agent took no requests in time. Nothing was begun; try again in a moment"
        )


class OutcomeUnknownError(UnavailableError):
    """The engine took it, and nobody knows what came of it. It may have been carried out."""

    code = "OUTCOME_UNKNOWN"

    def __init__(self) -> None:
        super().__init__(
            "The process that trades for this agent was given this request and has not said what came of it. It is not repeated: "
            "look whether it was carried out (open positions, transactions, the wallet's status) before you ask again. "
            "With an Idempotency-Key, ask again under the same key"
        )
