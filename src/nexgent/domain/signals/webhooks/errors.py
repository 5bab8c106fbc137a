"""Errors of signal webhooks."""

from __future__ import annotations

from nexgent.shared.errors import (
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    RejectedError,
)


class WebhookNotFoundError(NotFoundError):
    """No such webhook, or it belongs to another user."""

    code = "SIGNAL_WEBHOOK_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("Signal webhook not found")


class TooManyWebhooksError(ConflictError):
    """The user has as many as there may be."""

    code = "TOO_MANY_SIGNAL_WEBHOOKS"


class AlertForbiddenError(ForbiddenError):
    """The sender proves nothing, or there is no such webhook: whoever guesses does not learn which."""

    code = "ALERT_FORBIDDEN"

    def __init__(self) -> None:
        super().__init__(
            "Forbidden: there is no such webhook, or the alert proves nothing; send its secret as the field `secret` "
            "(or first word of a plain text), a signature in X-Signature, or an API key with the scope `signals` in X-API-Key"
        )


class WebhookDisabledError(ConflictError):
    """Its owner has switched it off."""

    code = "SIGNAL_WEBHOOK_DISABLED"

    def __init__(self) -> None:
        super().__init__("The webhook is switched off; nothing was traded")


class InvalidTemplateError(InvalidInputError):
    """A template that no alert could fill."""

    code = "INVALID_TEMPLATE"


class InvalidAlertError(InvalidInputError):
    """An alert that the template cannot make a signal of."""

    code = "INVALID_ALERT"


class AlertExpiredError(RejectedError):
    """The alert was under way for too long."""

    code = "ALERT_EXPIRED"

    def __init__(self, age_seconds: int, allowed_seconds: int) -> None:
        super().__init__(
            f"The alert is {age_seconds} s old and {allowed_seconds} s are allowed; nothing was traded",
            ageSeconds=age_seconds,
            maxAgeSeconds=allowed_seconds,
        )


class AlertDuplicateError(ConflictError):
    """An alert with the same id came in before."""

    code = "ALERT_DUPLICATE"

    def __init__(self) -> None:
        super().__init__("An alert with this id came in before; nothing was traded again")
