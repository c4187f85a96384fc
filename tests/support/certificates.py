"""Certificates of tests, made with openssl: an authority, and what it signs, good or bad."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_KEY = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"


@dataclass(frozen=True)
class Certificate:
    """A certificate with its key, for one side of a connection."""

    file: Path
    key: Path

    def server(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file, self.key)
        return context


def self_signed(folder: Path, host: str) -> Certificate:
    """Return a certificate for this host that is its own authority."""
    made = Certificate(folder / f"{host}.pem", folder / f"{host}.key")
    openssl(
        f"req -x509 {_KEY} -days 2 -subj /CN={host} -addext subjectAltName=DNS:{host}"
        f" -out {made.file} -keyout {made.key}"
    )
    return made


class Authority:
    """Signs what it is asked to; who trusts `file` trusts all of that."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self._name = name
        self.file = folder / f"{name}.pem"
        self._key = folder / f"{name}.key"
        openssl(
            f"req -x509 {_KEY} -days 2 -subj /CN={name} -addext basicConstraints=critical,CA:TRUE"
            f" -out {self.file} -keyout {self._key}"
        )

    def issue(self, host: str, *, days: int = 2) -> Certificate:
        """Return a certificate for this host; with negative days one that has expired."""
        stem = self._folder / f"{self._name}-{host}-{days}"
        made = Certificate(stem.with_suffix(".pem"), stem.with_suffix(".key"))
        request = stem.with_suffix(".csr")
        openssl(
            f"req -new {_KEY} -subj /CN={host} -addext subjectAltName=DNS:{host}"
            f" -out {request} -keyout {made.key}"
        )
        openssl(
            f"x509 -req -in {request} -CA {self.file} -CAkey {self._key} -CAcreateserial"
            f" -days {days} -copy_extensions copy -out {made.file}"
        )
        return made


def openssl(command: str) -> None:
    done = subprocess.run(["openssl", *command.split()], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
