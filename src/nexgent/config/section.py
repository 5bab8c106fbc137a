"""What all settings sections share: how a section is read from names and texts, and how a bad value is reported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

_SHOWN_CHARACTERS = 80


class SettingsError(Exception):
    """One or more settings cannot be used; the text names each with what is allowed, and shows no secret."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems: tuple[str, ...] = tuple(problems)
        super().__init__("\n".join(self.problems))


def setting(*names: str, default: object, allowed: str, secret: bool = False, **limits: Any) -> Any:
    """Declare a setting: its environment variables in order of preference and, in words, what it may be.

    `secret` keeps the value out of error messages although its type is not `SecretStr` (an address with a password).
    """
    return Field(
        default=default,
        validation_alias=AliasChoices(*names),
        json_schema_extra={"allowed": allowed, "secret": secret},
        **limits,
    )


class Section(BaseSettings):
    """A frozen group of settings. It never looks at the environment by itself: `read` gets the values."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", populate_by_name=True, hide_input_in_errors=True
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take values from the constructor only."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)

    @classmethod
    def variables(cls) -> list[str]:
        """Return the environment variables this section knows."""
        return [name for field in cls.model_fields.values() for name in names_of(field)]

    @classmethod
    def secret_variables(cls) -> list[str]:
        """Return those of them whose values are secret."""
        return [name for field in cls.model_fields.values() if is_secret(field) for name in names_of(field)]

    @classmethod
    def read(cls, values: Mapping[str, str]) -> Self:
        """Build the section from environment variables. Raises `SettingsError` with everything that is wrong."""
        known = {name: values[name] for name in cls.variables() if name in values}
        try:
            return cls.model_validate(known)
        except ValidationError as error:
            raise SettingsError([cls._problem(item, known) for item in error.errors()]) from None

    @classmethod
    def _problem(cls, item: Any, known: Mapping[str, str]) -> str:
        place = str(item["loc"][0]) if item["loc"] else ""
        if not place:
            return str(item["ctx"]["error"]) if "error" in item.get("ctx", {}) else str(item["msg"])
        field = next(
            field for name, field in cls.model_fields.items() if place == name or place in names_of(field)
        )
        name = next((name for name in names_of(field) if name in known), place)
        extra = field.json_schema_extra
        allowed = extra["allowed"] if isinstance(extra, dict) else ""
        value = known.get(name, "")
        # An address with a login in it is a secret too.
        hidden = is_secret(field) or "@" in value
        given = "the value given" if hidden else repr(value[:_SHOWN_CHARACTERS])
        return f"{name}: {given} cannot be used; it must be {allowed}."


def names_of(field: FieldInfo) -> list[str]:
    """Return the environment variables of a setting, the preferred one first."""
    alias = field.validation_alias
    return [str(name) for name in alias.choices] if isinstance(alias, AliasChoices) else []


def is_secret(field: FieldInfo) -> bool:
    """Tell whether the value of a setting must not be shown."""
    extra = field.json_schema_extra
    marked = isinstance(extra, dict) and extra.get("secret") is True
    return marked or field.annotation is SecretStr or field.annotation == (SecretStr | None)
