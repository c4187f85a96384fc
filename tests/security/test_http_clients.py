"""How everything that speaks HTTP or TLS is built: verified, without redirects, deaf to proxies."""

from __future__ import annotations

import ast
import asyncio
import re
import shutil
import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest

from daemon.braze.client import BrazeClient, Endpoint
from daemon.braze.route import Route, tls_context
from daemon.braze.transport import SlotTransport
from daemon.config.kafka_properties import read_properties, vet_properties
from daemon.config.keys import paths_of
from daemon.config.settings import Settings
from daemon.registry.client import Address, Credentials, RegistryClient
from daemon.tools.top.status import Source
from tests.support.certificates import Authority

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted((ROOT / "daemon").rglob("*.py"))

# Whatever asks somebody by HTTP; a new place is added here once its construction is tested below.
CLIENTS = {
    "daemon/registry/client.py": {"httpx.Client"},
    "daemon/tools/top/status.py": {"httpx.Client"},
    "daemon/braze/http1.py": {"httptools.HttpResponseParser"},
    "daemon/tools/simulator/connection.py": {"h11.Connection"},  # A server.
    "daemon/tools/demo/status_page.py": {"http.client.HTTPConnection"},  # 127.0.0.1 only.
}
_CLIENT = re.compile(
    r"httpx\.(Client|AsyncClient|get|post|put|patch|delete|head|options|request|stream|"
    r"HTTPTransport|AsyncHTTPTransport)"
    r"|httpcore\.\w+|h11\.Connection|httptools\.\w+Parser|http\.client\.HTTPS?Connection"
    r"|urllib\.request\.\w+|urlopen|requests\.\w+|aiohttp\.\w+|urllib3\.\w+|websockets?\.\w+"
)
_UNVERIFIED = re.compile(
    r"CERT_NONE|CERT_OPTIONAL|_create_unverified_context|check_hostname\s*=|verify\s*=\s*False"
    r"|verify_mode\s*=|TLSv1\b|TLSv1_1|SSLv\d|PROTOCOL_TLS\b"
)


def _calls(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return {name for name in called if _CLIENT.fullmatch(name)}


def _check(context: ssl.SSLContext | None) -> None:
    assert context is not None
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.keylog_filename is None


def _context_of(client: httpx.Client) -> ssl.SSLContext:
    pool: Any = client._transport
    context: ssl.SSLContext = pool._pool._ssl_context
    return context


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    if shutil.which("openssl") is None:
        pytest.skip("makes its certificates with openssl")
    return Authority(tmp_path_factory.mktemp("authority"))


def test_nothing_speaks_http_but_what_is_tested_here() -> None:
    found = {str(path.relative_to(ROOT)): names for path in MODULES if (names := _calls(path))}

    assert found == CLIENTS


def test_no_line_weakens_verification() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in MODULES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if _UNVERIFIED.search(line)
    ]

    assert found == []


@pytest.mark.parametrize("own", [True, False], ids=["own CA", "public CAs"])
def test_the_connection_to_braze_is_verified(authority: Authority, own: bool) -> None:
    _check(tls_context(str(authority.file) if own else None))


class _Hop:
    """A wire that notes by what, and as whom, its peers would be verified."""

    def __init__(self) -> None:
        self.verified: list[tuple[str, ssl.SSLContext]] = []

    async def connect_tcp(self, host: str, port: int) -> _Hop:
        return self

    async def start_tls(self, context: ssl.SSLContext, host: str) -> _Hop:
        self.verified.append((host, context))
        return self

    def send(self, data: bytes) -> None:
        assert data.startswith(b"CONNECT braze.test:443 ")

    async def receive(self) -> bytes:
        return b"HTTP/1.1 200 Go on\r\n\r\n"


@pytest.mark.parametrize(
    ("proxy", "verified"),
    [
        (None, ["braze.test"]),
        ("http://proxy.test:9", ["braze.test"]),
        ("https://proxy.test:9", ["proxy.test", "braze.test"]),
    ],
)
def test_the_connection_to_braze_is_verified_on_every_leg(
    proxy: str | None, verified: list[str]
) -> None:
    hop: Any = _Hop()

    asyncio.run(Route("https://braze.test", proxy=proxy).connect(hop))

    assert [host for host, _ in hop.verified] == verified
    for _, context in hop.verified:
        _check(context)


def test_the_client_to_braze_is_a_bare_transport_that_can_follow_nothing() -> None:
    client = BrazeClient(Endpoint("https://braze.test", "acme"), lambda: pytest.fail("asked"))

    assert type(client._transport) is SlotTransport
    assert not isinstance(client._transport, httpx.AsyncClient)


@pytest.mark.parametrize("own", [True, False], ids=["own CA", "public CAs"])
def test_the_client_to_the_registry_is_verified_follows_nothing_and_hears_no_environment(
    authority: Authority, own: bool
) -> None:
    ca_file = str(authority.file) if own else None
    made = RegistryClient(Address("https://registry.test", ca_file=ca_file), Credentials)._connect()

    _check(_context_of(made))
    assert made.follow_redirects is False
    assert made.trust_env is False
    made.close()


def test_the_client_of_top_is_verified_follows_nothing_and_hears_no_environment() -> None:
    source = Source("https://daemon.test")

    _check(_context_of(source._client))
    assert source._client.follow_redirects is False
    assert source._client.trust_env is False
    source.close()


def test_proxies_of_the_environment_are_in_no_client(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://proxy.test:3128")
        monkeypatch.setenv(name.lower(), "http://proxy.test:3128")

    clients = [
        RegistryClient(Address("https://registry.test"), Credentials)._connect(),
        Source("http://daemon.test")._client,
    ]

    for client in clients:
        assert all(transport is None for transport in client._mounts.values())
        client.close()
    assert SlotTransport("https://braze.test")._route.proxy is None


# --- no setting turns it off ---------------------------------------------------------------------

_OFF = re.compile(r"verif|insecure|unsafe|skip|trust|hostname|redirect|follow|tls_|min_version")


def test_no_setting_is_about_leaving_out_verification() -> None:
    paths = {".".join(path) for path in paths_of(Settings)}

    assert len(paths) > 80
    assert [path for path in sorted(paths) if _OFF.search(path)] == []


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("enable.ssl.certificate.verification", [False, "false", "0", 0, "no", None]),
        ("ssl.endpoint.identification.algorithm", ["none", "", "HTTP", "None", None]),
        ("ssl.cipher.suites", ["NULL", "eNULL", "ALL:aNULL", "DEFAULT:@SECLEVEL=0", "EXPORT"]),
        ("ssl.engine.location", ["/lib/evil.so"]),
        ("ssl.providers", ["legacy"]),
        ("plugin.library.paths", ["/lib/evil.so"]),
        ("debug", ["all", "security"]),
        ("sasl.kerberos.kinit.cmd", ["sh -c id"]),
    ],
)
def test_no_property_of_kafka_weakens_it(name: str, values: list[object]) -> None:
    taken = [value for value in values if not vet_properties(read_properties({name: value}))]

    assert taken == []
