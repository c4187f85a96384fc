"""One question to a schema registry that speaks Confluent's API, and the whole of its answer.

Source: Confluent's Schema Registry API reference, `GET /schemas/ids/{id}` and
`GET /subjects/{subject}/versions/{version}`; error code 40403 is an unknown schema.
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import httpx
import msgspec
import orjson

from daemon import __version__

ANSWER_BYTES_MAX: Final = 4 * 1024 * 1024
REFERENCES_MAX: Final = 64
_NOT_FOUND: Final = 404
_OK: Final = 200
_ACCEPT: Final = "application/vnd.schemaregistry.v1+json, application/json"


class Address(msgspec.Struct, frozen=True):
    """Where the registry is, and how to get there."""

    url: str  # With its path, without a slash at the end.
    timeout_s: float = 5.0
    ca_file: str | None = None
    certificate: tuple[str, str] | None = None  # The files of a client certificate and its key.
    proxy: str | None = None


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who we are at the registry. All None: nobody."""

    username: str | None = None
    password: str | None = None
    bearer_token: str | None = None

    def headers(self) -> dict[str, str]:
        """Return the header that says so."""
        if self.bearer_token is not None:
            return {"Authorization": f"Bearer {self.bearer_token}"}
        if self.username is not None:
            pair = f"{self.username}:{self.password or ''}".encode()
            return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
        return {}

    def __repr__(self) -> str:
        return "Credentials(***)"


class Found(msgspec.Struct, frozen=True):
    """A schema as it is registered: its type, its text, and the texts it refers to, first."""

    kind: str  # AVRO, JSON, PROTOBUF.
    text: str
    references: tuple[str, ...] = ()


class RegistryTrouble(Exception):  # noqa: N818  It is an answer, not a mistake.
    """The registry can't be asked now; its text says why, and holds no secret."""


class RegistryClient:
    """Asks, one question after the other; each ends within the timeout of its parts.

    The certificate files are read at each new connection pool, the credentials for each question.
    """

    def __init__(self, address: Address, credentials: Callable[[], Credentials]) -> None:
        self._address = address
        self._credentials = credentials
        self._http: httpx.Client | None = None

    def schema(self, schema_id: int) -> Found | None:
        """Return the schema of an id, None where there is none.

        Raise `RegistryTrouble` for everything that may pass by itself or by a person's act.
        """
        answer = self._object(f"/schemas/ids/{schema_id}")
        if answer is None:
            return None
        text, kind = answer.get("schema"), answer.get("schemaType", "AVRO")
        if not isinstance(text, str) or not isinstance(kind, str):
            raise RegistryTrouble(f"schema {schema_id}: the answer has no schema in it")
        references: dict[str, str] = {}
        self._follow(answer, references)
        return Found(kind, text, tuple(references.values()))

    def probe(self) -> None:
        """Return where the registry answers us; raise `RegistryTrouble` where it doesn't.

        Asked is what takes no right to any subject and has a short answer whatever it holds.
        """
        if self._ask("/schemas/types") is None:
            raise RegistryTrouble("404: no registry is there; is schema_registry.url right?")

    def close(self) -> None:
        """Let the connections go; it may be asked again."""
        if self._http is not None:
            self._http.close()
            self._http = None

    def _follow(self, answer: Mapping[str, Any], found: dict[str, str]) -> None:
        """Gather what a schema refers to, what that refers to first."""
        listed = answer.get("references") or []
        if not isinstance(listed, list):
            raise RegistryTrouble("the answer's references are no list")
        for reference in listed:
            if not isinstance(reference, dict):
                raise RegistryTrouble("the answer's references are no list of objects")
            subject, version = str(reference.get("subject")), str(reference.get("version"))
            place = f"/subjects/{quote(subject, safe='')}/versions/{quote(version, safe='')}"
            if place in found:
                continue
            if len(found) >= REFERENCES_MAX:
                raise RegistryTrouble(f"a schema with over {REFERENCES_MAX} references")
            found[place] = ""  # Met, so that a circle ends.
            inner = self._object(place)
            if inner is None or not isinstance(inner.get("schema"), str):
                raise RegistryTrouble("a schema that another refers to is not there")
            self._follow(inner, found)
            del found[place]
            found[place] = inner["schema"]

    def _object(self, path: str) -> Mapping[str, Any] | None:
        answer = self._ask(path)
        if answer is not None and not isinstance(answer, dict):
            raise RegistryTrouble("its answer is no JSON object; is schema_registry.url right?")
        return answer

    def _ask(self, path: str) -> Any:  # noqa: ANN401  JSON.
        try:
            if self._http is None:
                self._http = self._connect()
            status, body = self._get(self._http, path)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            self.close()
            raise RegistryTrouble(f"{type(error).__name__}: {error}"[:200]) from None
        if status == _NOT_FOUND:
            return None
        if status in (401, 403):
            raise RegistryTrouble(f"{status}: it refuses the credentials of schema_registry")
        if status != _OK:
            raise RegistryTrouble(f"it answers {status}")
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            raise RegistryTrouble("its answer is no JSON; is schema_registry.url right?") from None

    def _get(self, http: httpx.Client, path: str) -> tuple[int, bytes]:
        headers = {"Accept": _ACCEPT, **self._credentials().headers()}
        with http.stream("GET", self._address.url + path, headers=headers) as response:
            body = b""
            for part in response.iter_raw():
                body += part
                if len(body) > ANSWER_BYTES_MAX:
                    raise RegistryTrouble(f"its answer is larger than {ANSWER_BYTES_MAX} bytes")
            return response.status_code, body

    def _connect(self) -> httpx.Client:
        address = self._address
        # In plain text nobody is verified: one that trusts nobody spares 20 ms of reading CAs.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if address.url.startswith("https:"):
            context = ssl.create_default_context(cafile=address.ca_file)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if address.certificate is not None:
                context.load_cert_chain(*address.certificate)
        return httpx.Client(
            verify=context,
            proxy=address.proxy,
            timeout=address.timeout_s,
            trust_env=False,
            follow_redirects=False,
            headers={"User-Agent": f"cohortd/{__version__}", "Accept-Encoding": "identity"},
        )
