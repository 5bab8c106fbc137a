"""What cannot be undone is done only when the request says that it is meant."""

from __future__ import annotations

from typing import ClassVar

from pydantic import model_validator

from nexgent.api.errors import ConfirmationRequiredError
from nexgent.api.http.models import ApiModel
from nexgent.api.http.requests import BrokenBody


class Confirmed(ApiModel):
    """A shape with a field `confirm`. Without it, nothing else of the request is looked at."""

    asks: ClassVar[str]
    """What to send in order to confirm."""

    @model_validator(mode="before")
    @classmethod
    def _meant(cls, data: object) -> object:
        # A body that cannot be read is complained about by the body's own base.
        if not isinstance(data, BrokenBody) and not (isinstance(data, dict) and cls._says_yes(data)):
            raise ConfirmationRequiredError(cls.asks)
        return data

    @classmethod
    def _says_yes(cls, data: dict[str, object]) -> bool:
        """Tell whether it is confirmed, and by nothing that only looks like it."""
        return data.get("confirm") == "true"


class ConfirmedBody(Confirmed):
    """A body that confirms by the JSON value true."""

    @classmethod
    def _says_yes(cls, data: dict[str, object]) -> bool:
        return data.get("confirm") is True


def to_confirm(doing: str) -> str:
    """Return what to send in order to confirm something by a body."""
    return f'Send {{"confirm": true}} in the body to confirm that you want to {doing}'
