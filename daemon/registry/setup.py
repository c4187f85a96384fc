"""Builds what asks the schema registry, from the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.config.registry import RegistrySettings
from daemon.config.secrets import Secret
from daemon.config.settings import Settings
from daemon.formats.changes import RejectError
from daemon.kafka.records import Reason
from daemon.registry.client import Address, Credentials, Found, RegistryClient
from daemon.registry.library import Library

if TYPE_CHECKING:
    from daemon.formats.avro_schema import WriterSchema


def registry_client(registry: RegistrySettings) -> RegistryClient:
    """Return what asks the schema registry; the credentials are read anew for each question."""
    certificate = None
    if registry.certificate_file is not None and registry.key_file is not None:
        certificate = str(registry.certificate_file), str(registry.key_file)
    address = Address(
        registry.url,
        ca_file=str(registry.ca_file) if registry.ca_file else None,
        certificate=certificate,
        proxy=registry.proxy,
    )

    def value(secret: Secret | None) -> str | None:
        return None if secret is None else secret.reveal()

    def credentials() -> Credentials:
        return Credentials(
            value(registry.username), value(registry.password), value(registry.bearer_token)
        )

    return RegistryClient(address, credentials)


def schema_library(settings: Settings) -> Library[WriterSchema] | None:
    """Return where writers' schemas are known, None where no input needs any."""
    if settings.schema_registry is None or not any(i.needs_registry for i in settings.inputs):
        return None
    from daemon.formats.avro_schema import read_schema  # noqa: PLC0415  See `decoders`.

    def compile_schema(found: Found) -> WriterSchema:
        if found.kind != "AVRO":
            detail = f"it is of type {found.kind}, and this input is read as Avro"
            raise RejectError(Reason.REFUSED_SCHEMA, detail)
        return read_schema(found.text, found.references)

    return Library(registry_client(settings.schema_registry), compile_schema)
