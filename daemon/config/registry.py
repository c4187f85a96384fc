"""The `schema_registry` section: where writers' schemas are, and who we are there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, field_validator, model_validator

from daemon.config.braze import check_ca, check_proxy, check_secret_once, secrets_from_files
from daemon.config.endpoint import parse_url
from daemon.config.noted import Noted
from daemon.config.secrets import Secret
from daemon.config.sections import check_readable

SECRETS = ("username", "password", "bearer_token")


def _check_url(text: str) -> str:
    return str(parse_url(text, path_allowed=True)).rstrip("/")


class RegistrySettings(Noted):
    """A registry that speaks Confluent's API. A secret is given literally or by `…_file`."""

    PATH: ClassVar[str] = "schema_registry"

    url: Annotated[str, AfterValidator(_check_url)]
    username: Secret | None = None
    username_file: Path | None = None
    password: Secret | None = None
    password_file: Path | None = None
    bearer_token: Secret | None = None
    bearer_token_file: Path | None = None
    ca_file: Annotated[Path | None, AfterValidator(check_ca)] = None
    certificate_file: Annotated[Path | None, AfterValidator(check_readable)] = None
    key_file: Annotated[Path | None, AfterValidator(check_readable)] = None
    proxy: Annotated[str | None, AfterValidator(check_proxy)] = None

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, raw: object) -> object:
        return secrets_from_files(dict(raw), SECRETS) if isinstance(raw, Mapping) else raw

    @field_validator(*SECRETS, mode="before")
    @classmethod
    def _check_once(cls, value: object) -> object:
        return check_secret_once(value)

    @model_validator(mode="after")
    def _check_whole(self) -> Self:
        if self.bearer_token is not None and self.username is not None:
            raise ValueError("has both a bearer_token and a username; keep one")
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password belong together")
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file belong together")
        return self

    def secrets(self) -> tuple[Secret, ...]:
        """Return those that are set."""
        found = (self.username, self.password, self.bearer_token)
        return tuple(secret for secret in found if secret is not None)
