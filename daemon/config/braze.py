"""The `braze` section: where Braze is, who we are there, and the two keys."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import AfterValidator, field_validator, model_validator
from pydantic_core import PydanticCustomError

from daemon.config.endpoint import CLUSTERS, parse_url
from daemon.config.noted import Noted
from daemon.config.secrets import Secret
from daemon.config.sections import Label, check_readable

KEYS = ("partner_api_key", "data_import_key")

_SEGMENT = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._~-]{1,100}")


class _Twice:
    """Stands for a secret that is given both literally and by file."""


def _check_endpoint(text: str | None) -> str | None:
    return None if text is None else str(parse_url(text, path_allowed=True)).rstrip("/")


def check_proxy(text: str | None) -> str | None:
    """Accept the address of a proxy, without a password in it."""
    return None if text is None else str(parse_url(text, http_anywhere=True))


def check_ca(path: Path | None) -> Path | None:
    """Accept a file of PEM certificates."""
    if check_readable(path) is not None:
        try:
            ssl.create_default_context(cafile=path)
        except (ssl.SSLError, OSError, ValueError):
            raise ValueError("the file has no PEM certificates in it") from None
    return path


def secrets_from_files(full: dict[str, object], keys: Iterable[str]) -> dict[str, object]:
    """Put the paths of `…_file` in the place of the secrets that they hold."""
    for key in keys:
        path, literal = full.get(f"{key}_file"), full.get(key)
        if literal is None:
            full.pop(key, None)
        if isinstance(path, str | Path):
            full[key] = Path(path) if literal is None else _Twice()
    return full


def check_secret_once(value: object) -> object:
    """Refuse a secret that is given in both ways."""
    if isinstance(value, _Twice):
        words = "is given both literally and by its file; keep one"
        raise PydanticCustomError("secret_twice", "{words}", {"words": words})
    return value


class BrazeSettings(Noted):
    """One workspace at Braze. A key is given literally or by `…_file`, and is a `Secret` here."""

    PATH: ClassVar[str] = "braze"

    workspace: Label
    cluster: str | None = None
    endpoint: Annotated[str | None, AfterValidator(_check_endpoint)] = None  # Normalised.
    partner: str
    partner_api_key: Secret
    partner_api_key_file: Path | None = None
    data_import_key: Secret
    data_import_key_file: Path | None = None
    ca_file: Annotated[Path | None, AfterValidator(check_ca)] = None
    proxy: Annotated[str | None, AfterValidator(check_proxy)] = None

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, raw: object) -> object:
        """Take the keys from their files, and the workspace's name from the partner's."""
        if not isinstance(raw, Mapping):
            return raw
        full = secrets_from_files(dict(raw), KEYS)
        if full.get("workspace") is None:
            full.pop("workspace", None)
            partner = full.get("partner")
            if isinstance(partner, str) and _SEGMENT.fullmatch(partner):
                full["workspace"] = partner
        return full

    @field_validator(*KEYS, mode="before")
    @classmethod
    def _check_once(cls, value: object) -> object:
        return check_secret_once(value)

    @field_validator("cluster")
    @classmethod
    def _check_cluster(cls, name: str | None) -> str | None:
        if name is not None and name not in CLUSTERS:
            known = ", ".join(CLUSTERS)
            raise ValueError(f"is no cluster known here ({known}); for another set braze.endpoint")
        return name

    @field_validator("partner")
    @classmethod
    def _check_partner(cls, partner: str) -> str:
        if _SEGMENT.fullmatch(partner) is None:
            raise ValueError("is a part of Braze's URL: 1 to 100 of A-Z a-z 0-9 . _ ~ -")
        return partner

    @property
    def url(self) -> str:
        """Braze's address, perhaps below a gateway's path, without a slash at its end."""
        if self.endpoint is not None:
            return self.endpoint
        assert self.cluster is not None
        return CLUSTERS[self.cluster]
