"""The registry's client over real HTTP: what it brings back, and what becomes of all else."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from daemon.errors import CohortdError
from daemon.formats.changes import HoldError, RejectError
from daemon.kafka.records import Reason
from daemon.registry.client import (
    ANSWER_BYTES_MAX,
    REFERENCES_MAX,
    Address,
    Credentials,
    Found,
    RegistryClient,
    RegistryTrouble,
)
from daemon.registry.library import UNKNOWN_FOR_S, AskingLibrary, Librarian, Library
from tests.support.certificates import Authority
from tests.support.processes import wait_until
from tests.support.registry import Serving, SmallRegistry


@contextmanager
def client_of(
    registry: SmallRegistry,
    credentials: Credentials | None = None,
    **address: Any,  # noqa: ANN401  Those of an `Address`.
) -> Iterator[RegistryClient]:
    client = RegistryClient(Address(registry.url, **address), lambda: credentials or Credentials())
    try:
        yield client
    finally:
        client.close()


@pytest.fixture
def registry() -> Iterator[SmallRegistry]:
    small = SmallRegistry()
    with Serving(small):
        yield small


def trouble_of(client: RegistryClient) -> str:
    with pytest.raises(RegistryTrouble) as trouble:
        client.schema(1)
    return str(trouble.value)


def test_a_schema_comes_with_what_it_refers_to_the_innermost_first(
    registry: SmallRegistry,
) -> None:
    inner = {"name": "i", "subject": "in ner/x", "version": 2}
    outer = {"name": "o", "subject": "outer", "version": 1}
    registry.add(1, {"x": 1}, references=[outer, inner])
    registry.versions["outer", "1"] = {"schema": '"outer"', "references": [inner]}
    registry.versions["in%20ner%2Fx", "2"] = {"schema": '"inner"'}

    with client_of(registry) as client:
        found = client.schema(1)

    assert found == Found("AVRO", '{"x": 1}', ('"inner"', '"outer"'))


def test_references_in_a_circle_end(registry: SmallRegistry) -> None:
    one, two = ({"subject": name, "version": 1} for name in ("one", "two"))
    registry.add(1, {}, references=[one])
    registry.versions["one", "1"] = {"schema": '"one"', "references": [two]}
    registry.versions["two", "1"] = {"schema": '"two"', "references": [one]}

    with client_of(registry) as client:
        found = client.schema(1)

    assert found is not None
    assert found.references == ('"two"', '"one"')


def test_more_references_than_anybody_needs_are_trouble(registry: SmallRegistry) -> None:
    many = [{"subject": f"s{at}", "version": 1} for at in range(REFERENCES_MAX + 1)]
    registry.versions |= {(f"s{at}", "1"): {"schema": '"int"'} for at in range(len(many))}
    registry.add(1, {}, references=many)

    with client_of(registry) as client:
        assert "references" in trouble_of(client)


def test_an_id_that_is_not_there_is_none(registry: SmallRegistry) -> None:
    with client_of(registry) as client:
        assert client.schema(7) is None
        client.probe()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"status": 500}, "answers 500"),
        ({"status": 302}, "answers 302"),  # A redirect is not followed.
        ({"status": 403}, "refuses the credentials"),
        ({"body": b"<html>"}, "no JSON"),
        ({"body": b"[1]"}, "no JSON object"),
        ({"body": b'{"schema": 7}'}, "no schema in it"),
        ({"body": b'{"schema": "1", "references": 7}'}, "no list"),
        ({"body": b" " * (ANSWER_BYTES_MAX + 1)}, "larger"),
        ({"authorization": "Bearer other"}, "refuses the credentials"),
    ],
)
def test_whatever_else_comes_is_trouble_and_shows_no_secret(
    registry: SmallRegistry, change: dict[str, Any], said: str
) -> None:
    registry.add(1, "int")
    for name, value in change.items():
        setattr(registry, name, value)

    with client_of(registry, Credentials("user", "canary")) as client:
        told = trouble_of(client)

    assert said in told
    assert "canary" not in told + repr(Credentials("user", "canary"))


def test_nobody_there_is_trouble() -> None:
    with client_of(SmallRegistry(url="http://127.0.0.1:1")) as client:
        assert "ConnectError" in trouble_of(client)


@pytest.mark.parametrize(
    ("credentials", "header"),
    [
        (Credentials("ann", "pass"), "Basic YW5uOnBhc3M="),
        (Credentials(bearer_token="token"), "Bearer token"),
    ],
)
def test_credentials_are_sent_and_read_anew_each_time(
    registry: SmallRegistry, credentials: Credentials, header: str
) -> None:
    registry.add(1, "int")
    registry.authorization = header
    now = [Credentials("nobody", "wrong")]
    client = RegistryClient(Address(registry.url), lambda: now[0])
    assert "refuses" in trouble_of(client)

    now[0] = credentials

    assert client.schema(1) is not None
    client.close()


def test_only_a_certificate_that_our_ca_signed_is_trusted(tmp_path: Path) -> None:
    good, other = Authority(tmp_path), Authority(tmp_path, "other")
    small = SmallRegistry()
    small.add(1, "int")
    with Serving(small, good.issue("localhost").server()):
        with client_of(small, ca_file=str(other.file)) as client:
            assert "CERTIFICATE_VERIFY_FAILED" in trouble_of(client)
        with client_of(small, ca_file=str(good.file)) as client:
            assert client.schema(1) is not None
    assert len(small.asked) == 1


def test_a_client_certificate_is_shown_where_it_is_asked_for(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    ours = authority.issue("client")
    context = authority.issue("localhost").server()
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.file)
    small = SmallRegistry()
    small.add(1, "int")
    with Serving(small, context):
        with client_of(small, ca_file=str(authority.file)) as client:
            assert trouble_of(client)
        certificate = str(ours.file), str(ours.key)
        with client_of(small, ca_file=str(authority.file), certificate=certificate) as client:
            assert client.schema(1) is not None


def test_it_goes_by_the_proxy_that_is_configured(registry: SmallRegistry) -> None:
    registry.body = b'{"schema": "\\"int\\""}'
    small = SmallRegistry(url="http://registry.example.com")

    with client_of(small, proxy=registry.url) as client:
        assert client.schema(1) is not None

    assert registry.asked == ["http://registry.example.com/schemas/ids/1"]


def test_the_environment_has_no_say(
    registry: SmallRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.add(1, "int")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")

    with client_of(registry) as client:
        assert client.schema(1) is not None


# The library.


def compile_text(found: Found) -> str:
    if found.text == '"bad"':
        raise RejectError(Reason.REFUSED_SCHEMA, "it is bad")
    return found.text


def held(library: Library[str], schema_id: int) -> HoldError:
    with pytest.raises(HoldError) as hold:
        library.get(schema_id)
    return hold.value


def test_what_is_not_known_yet_is_a_hold_until_it_was_asked_for(registry: SmallRegistry) -> None:
    registry.add(1, "int")
    with client_of(registry) as client:
        library = Library(client, compile_text)
        assert held(library, 1).schema_id == 1
        assert not library.knows(1)

        assert library.ask()

        assert library.get(1) == '"int"'
        assert library.get(1) == '"int"'
    assert registry.asked == ["/schemas/ids/1"]


def test_trouble_is_told_and_passes(registry: SmallRegistry) -> None:
    registry.add(1, "int")
    registry.status = 503
    with client_of(registry) as client:
        library = Library(client, compile_text)
        held(library, 1)
        assert not library.ask()
        assert library.trouble == "it answers 503"
        assert "503" in held(library, 1).detail

        registry.status = 200

        assert library.ask()
        assert library.trouble == ""
        assert library.get(1) == '"int"'


def test_one_schema_that_cant_be_had_keeps_no_other_waiting(registry: SmallRegistry) -> None:
    registry.schemas[1] = {"schema": 7}
    registry.add(2, "int")
    with client_of(registry) as client:
        library = Library(client, compile_text)
        for schema_id in (1, 2):
            held(library, schema_id)

        assert not library.ask()

        assert library.get(2) == '"int"'
        assert "no schema in it" in held(library, 1).detail


def test_a_mistake_of_ours_with_one_schema_is_told_and_keeps_no_other_waiting(
    registry: SmallRegistry,
) -> None:
    def compile_(found: Found) -> str:
        if found.text == '"long"':
            raise TypeError("canary")
        return found.text

    registry.add(1, "long")
    registry.add(2, "int")
    with client_of(registry) as client:
        library = Library(client, compile_)
        for schema_id in (1, 2):
            held(library, schema_id)

        assert not library.ask()

        assert library.get(2) == '"int"'
        said = held(library, 1).detail
        assert said == "schema 1: a mistake of cohortd's, please report it: TypeError"


def test_unknown_and_refused_schemas_are_rejects_and_unknown_ones_are_asked_for_again(
    registry: SmallRegistry,
) -> None:
    now_s = 0.0
    registry.add(2, "bad")
    with client_of(registry) as client:
        library = Library(client, compile_text, clock=lambda: now_s)
        for schema_id in (1, 2):
            held(library, schema_id)
        library.ask()
        for schema_id, reason in ((1, Reason.UNKNOWN_SCHEMA), (2, Reason.REFUSED_SCHEMA)):
            with pytest.raises(RejectError) as error:
                library.get(schema_id)
            assert error.value.reason is reason
        registry.add(1, "int")

        now_s = UNKNOWN_FOR_S + 1
        held(library, 1)
        library.ask()

        assert library.get(1) == '"int"'


def test_a_thread_asks_for_what_is_wanted(registry: SmallRegistry) -> None:
    registry.add(1, "int")
    with client_of(registry) as client:
        library = Library(client, compile_text)
        librarian = Librarian(library)
        librarian.start()
        held(library, 1)

        wait_until("it is known", lambda: library.knows(1), 30.0)

        librarian.stop()
        librarian.join(10.0)
        assert not librarian.is_alive()


def test_a_tool_waits_for_the_answer_and_fails_in_words(registry: SmallRegistry) -> None:
    registry.add(1, "int")
    with client_of(registry) as client:
        asking = AskingLibrary(Library(client, compile_text))
        assert asking.get(1) == '"int"'
        registry.status = 500
        with pytest.raises(CohortdError, match="it answers 500"):
            asking.get(2)
