from __future__ import annotations

from pathlib import Path

import pytest

from daemon.config.endpoint import CLUSTERS, parse_url
from daemon.config.keys import paths_of
from daemon.config.settings import Settings
from tests.support.configs import load_with, problems_with


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("https://rest.iad-01.braze.com", "https://rest.iad-01.braze.com"),
        ("https://rest.iad-01.braze.com/", "https://rest.iad-01.braze.com"),
        ("HTTPS://Rest.IAD-01.Braze.com:443", "https://rest.iad-01.braze.com"),
        ("https://rest.example.com:8443", "https://rest.example.com:8443"),
        ("https://203.0.113.7", "https://203.0.113.7"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://braze-simulator", "http://braze-simulator"),
        ("http://braze_simulator:80/", "http://braze_simulator"),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("http://[::1]:9000", "http://[::1]:9000"),
        ("http://10.1.2.3", "http://10.1.2.3"),
        ("http://172.31.255.1", "http://172.31.255.1"),
        ("http://192.168.0.9", "http://192.168.0.9"),
        ("http://[FD12:0:0::1]", "http://[fd12::1]"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
    ],
)
def test_a_good_address_has_one_spelling(text: str, normal: str) -> None:
    assert str(parse_url(text)) == normal
    assert str(parse_url(normal)) == normal


@pytest.mark.parametrize(
    "text",
    [
        # No URL of ours.
        "",
        "rest.iad-01.braze.com",
        "//rest.iad-01.braze.com",
        "https:/rest.iad-01.braze.com",
        "https://",
        "https:///",
        "https://:443",
        "ftp://rest.iad-01.braze.com",
        "file:///etc/passwd",
        "gopher://127.0.0.1",
        "unix:///run/x.sock",
        "javascript://x",
        # More than scheme, host and port.
        "https://user@rest.iad-01.braze.com",
        "https://user:password@rest.iad-01.braze.com",
        "https://rest.iad-01.braze.com@169.254.169.254",
        "https://@rest.iad-01.braze.com",
        "https://rest.iad-01.braze.com/users",
        "https://rest.iad-01.braze.com//",
        "https://rest.iad-01.braze.com/..",
        "https://rest.iad-01.braze.com?",
        "https://rest.iad-01.braze.com?a=b",
        "https://rest.iad-01.braze.com#",
        "https://rest.iad-01.braze.com#@evil",
        # What lenient parsers repair, each in its own way.
        " https://rest.iad-01.braze.com",
        "https://rest.iad-01.braze.com\n",
        "https://rest.iad-01.braze.com\r\nHost: evil",
        "https://rest.iad\t-01.braze.com",
        "https:\\\\rest.iad-01.braze.com",
        "https://evil\\@rest.iad-01.braze.com",
        "https://rest%2eiad-01.braze.com",
        "https://rest..braze.com",
        "https://rest.braze.com.",
        "https://-rest.braze.com",
        "https://rest,braze.com",
        "https://brаze.com",  # noqa: RUF001 - A Cyrillic letter.
        "https://①②⑦.0.0.1",
        "https://" + "a" * 64 + ".com",
        "https://" + "a." * 130 + "com",
        # Ports.
        "https://rest.braze.com:",
        "https://rest.braze.com:0",
        "https://rest.braze.com:65536",
        "https://rest.braze.com:443:443",
        "https://rest.braze.com:+443",
        "https://rest.braze.com:４４３",  # noqa: RUF001 - Full-width digits.
        # Plain http to somewhere else.
        "http://rest.iad-01.braze.com",
        "http://203.0.113.7",
        "http://8.8.8.8",
        "http://localhost.",
        "http://foo.localhost",
        "http://172.32.0.1",
        "http://[2001:db8::1]",
        "http://[::ffff:8.8.8.8]",
        # Metadata services, and addresses nobody's Braze has.
        "http://169.254.169.254",
        "https://169.254.169.254",
        "https://169.254.0.1:8443",
        "http://[fe80::1]",
        "http://[fe80::1%25eth0]",
        "https://[fe80::1%eth0]",
        "https://[::ffff:169.254.169.254]",
        "https://[::ffff:a9fe:a9fe]",
        "https://[2002:a9fe:a9fe::]",
        "https://[64:ff9b::a9fe:a9fe]",
        "https://[::a9fe:a9fe]",
        "http://[fd00:ec2::254]",
        "https://100.100.100.200",
        "https://168.63.129.16",
        "http://metadata",
        "https://metadata.google.internal",
        "https://METADATA.google.internal",
        "http://0.0.0.0",
        "http://[::]",
        "https://255.255.255.255",
        "https://224.0.0.1",
        # Other spellings of an address.
        "http://2130706433",
        "http://0x7f000001",
        "http://0x7f.1",
        "http://0177.0.0.1",
        "http://127.1",
        "http://127.0.0.1.",
        "http://1.2.3.4.5",
        "http://256.0.0.1",
        "http://[127.0.0.1]",
        "http://[::1",
        "http://::1",
        "http://[]",
        "http://[::1]x",
    ],
)
def test_a_hostile_address_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_url(text)

    assert len(text) < 12 or text not in str(caught.value)


def test_every_cluster_is_an_address_of_its_own() -> None:
    assert len(set(CLUSTERS.values())) == len(CLUSTERS) == 11
    assert all(str(parse_url(url)) == url for url in CLUSTERS.values())


@pytest.mark.parametrize(
    ("cluster", "url"),
    [
        ("US-01", "https://rest.iad-01.braze.com"),
        ("US-08", "https://rest.iad-08.braze.com"),
        ("EU-01", "https://rest.fra-01.braze.eu"),
        ("EU-02", "https://rest.fra-02.braze.eu"),
        ("AU-01", "https://rest.au-01.braze.com"),
    ],
)
def test_a_cluster_is_the_address_braze_documents(cluster: str, url: str) -> None:
    assert CLUSTERS[cluster] == url


def test_braze_may_stand_below_a_gateways_path(tmp_path: Path) -> None:
    given = {"braze.cluster": None, "braze.endpoint": "https://Gateway.example/to/braze/"}

    assert load_with(tmp_path, given).braze_url == "https://gateway.example/to/braze"


def test_a_path_is_kept_where_it_is_allowed() -> None:
    assert str(parse_url("https://idp.example/oauth/token", path_allowed=True)).endswith("/token")


# Every setting that is an address, with what it takes beside.
_ADDRESSES: dict[str, dict[str, object]] = {
    "braze.endpoint": {"braze.cluster": None},
    "braze.proxy": {},
    "schema_registry.url": {},
    "schema_registry.proxy": {"schema_registry.url": "https://registry.example"},
}
_ADDRESS_WORDS = {"url", "endpoint", "proxy", "address", "uri"}
_TOKENS = "kafka.properties.sasl:oauthbearer:token:endpoint:url"


@pytest.mark.parametrize("path", [*_ADDRESSES, _TOKENS])
@pytest.mark.parametrize(
    "text",
    [
        "https://169.254.169.254",
        "https://[::ffff:a9fe:a9fe]",
        "https://metadata.google.internal",
        "https://me:canary@elsewhere.example",
        "file:///etc/passwd",
        "https://elsewhere.example\\@here.example",
    ],
)
def test_every_setting_that_is_an_address_refuses_a_hostile_one(
    tmp_path: Path, path: str, text: str
) -> None:
    problems = problems_with(tmp_path, {**_ADDRESSES.get(path, {}), path: text})

    assert path.replace(":", ".") in problems


def test_no_other_setting_is_an_address() -> None:
    named = {".".join(path) for path in paths_of(Settings) if path[-1] in _ADDRESS_WORDS}

    assert named == set(_ADDRESSES)
