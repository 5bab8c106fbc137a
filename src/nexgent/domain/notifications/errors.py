"""Errors of notifications."""

from __future__ import annotations

from nexgent.shared.errors import ConflictError, InvalidInputError, NotFoundError, RejectedError


class TargetNotFoundError(NotFoundError):
    """No such target, or it belongs to another user."""

    code = "NOTIFICATION_TARGET_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("Notification target not found")


class TooManyTargetsError(ConflictError):
    """The user has as many as there may be."""

    code = "TOO_MANY_NOTIFICATION_TARGETS"


class InvalidAddressError(InvalidInputError):
    """An address nothing can be sent to. The text never repeats it."""

    code = "INVALID_NOTIFICATION_ADDRESS"


class ChannelMissingError(RejectedError):
    """What would send to such addresses is not installed."""

    code = "NOTIFICATION_CHANNEL_MISSING"


class AddressLostError(RejectedError):
    """The address cannot be read any more: the secret it was encrypted with has changed."""

    code = "NOTIFICATION_ADDRESS_LOST"

    def __init__(self) -> None:
        super().__init__(
            "The address cannot be read any more, as the installation's secret has changed; delete the target and make it anew"
        )


class DeliveryFailedError(RejectedError):
    """A test did not come through."""

    code = "NOTIFICATION_FAILED"
