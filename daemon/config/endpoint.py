"""Which addresses cohortd may talk HTTP to, which are local, and Braze's clusters by name.

A URL is read strictly and by hand: what a lenient parser would repair (white space, backslashes,
odd spellings of an IP address) is refused, because two parsers that repair differently are how a
check is passed by. Names are not resolved here: who controls the DNS of a name controls the name.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import msgspec

CLUSTERS = {
    **{f"US-{n:02}": f"https://rest.iad-{n:02}.braze.com" for n in range(1, 9)},
    **{f"EU-{n:02}": f"https://rest.fra-{n:02}.braze.eu" for n in range(1, 3)},
    "AU-01": "https://rest.au-01.braze.com",
}

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/]*)(?P<path>/.*)?")
_AUTHORITY = re.compile(r"(?P<host>\[[^\[\]]*\]|[^:\[\]]*)(?::(?P<port>[0-9]{1,5}))?")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PRIVATE = tuple(
    ip_network(net)
    for net in (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "fc00::/7",
    )
)
_NAT64 = ip_network("64:ff9b::/96")
# Where clouds hand out credentials to whoever asks from inside; link-local ones are not listed.
_METADATA = frozenset(
    {
        "metadata",
        "metadata.google.internal",
        "instance-data",
        "instance-data.ec2.internal",
        "100.100.100.200",
        "168.63.129.16",
        "fd00:ec2::254",
    }
)
_HOST_LENGTH_MAX = 253
_PORT_MAX = 65_535
_DEFAULT_PORT = {"https": 443, "http": 80}


class Url(msgspec.Struct, frozen=True):
    """An address that passed every rule; its text is the same for every spelling of it."""

    scheme: str
    host: str  # Lower case; an IPv6 address in brackets.
    port: int
    path: str

    def __str__(self) -> str:
        port = "" if self.port == _DEFAULT_PORT[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}{self.path}"


def parse_url(text: str, *, path_allowed: bool = False, http_anywhere: bool = False) -> Url:
    """Return the address; raise ValueError with the rule it breaks, without its text.

    `https` to any host. `http` only to loopback, a name without dots or a private address, unless
    `http_anywhere`.
    """
    if not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        raise ValueError("has a character no URL has; a name in another script is written xn--…")
    if "?" in text or "#" in text:
        raise ValueError("must have no query and no fragment")
    match = _URL.fullmatch(text)
    if match is None or (scheme := match["scheme"].lower()) not in _DEFAULT_PORT:
        raise ValueError("must begin with https:// (or http:// for a local address)")
    if "@" in match["authority"]:
        raise ValueError("must have no user name or password in it")
    path = match["path"] or ""
    if path == "/":
        path = ""
    if path and not path_allowed:
        raise ValueError("must have no path; only the scheme, the host and a port")
    authority = _AUTHORITY.fullmatch(match["authority"])
    if authority is None:
        raise ValueError("has no valid host and port")
    port = int(authority["port"] or _DEFAULT_PORT[scheme])
    if not 1 <= port <= _PORT_MAX:
        raise ValueError(f"must have a port from 1 to {_PORT_MAX}")
    host, local = _judge_host(authority["host"].lower())
    if scheme == "http" and not local and not http_anywhere:
        raise ValueError(
            "must be https: plain http only to loopback, a name without dots or a private address"
        )
    return Url(scheme, host, port, path)


def is_local(host: str) -> bool:
    """Whether it is loopback, a name without dots or a private address; False if it is no host."""
    try:
        return _judge_host(host.lower())[1]
    except ValueError:
        return False


def _judge_host(host: str) -> tuple[str, bool]:
    """Return the host in its one spelling, and whether it is local."""
    if host in _METADATA:
        raise ValueError("must not be a cloud's metadata service")
    if host.startswith("["):
        try:
            v6 = IPv6Address(host[1:-1])
        except ValueError:
            raise ValueError("has no valid IPv6 address in its brackets") from None
        if v6.scope_id is not None:
            raise ValueError("must have no zone in its address")
        return f"[{v6.compressed}]", _judge_address(v6)
    labels = host.split(".")
    if _NUMERIC.fullmatch(labels[-1]):
        try:
            v4 = IPv4Address(host)
        except ValueError:
            raise ValueError("has a number for a host; write an address as a.b.c.d") from None
        return str(v4), _judge_address(v4)
    if len(host) > _HOST_LENGTH_MAX or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("has no valid host name")
    return host, len(labels) == 1


def _judge_address(address: IPv4Address | IPv6Address) -> bool:
    """Return whether it is local; raise ValueError where nobody's Braze can be."""
    for each in (address, *_embedded(address)):
        if each.is_link_local:
            raise ValueError("must not be a link-local address, where metadata services are")
        if str(each) in _METADATA:
            raise ValueError("must not be a cloud's metadata service")
        if each.is_unspecified or each.is_multicast or str(each) == "255.255.255.255":
            raise ValueError("must not be an unspecified, multicast or broadcast address")
    return any(address in net for net in _PRIVATE if net.version == address.version)


def _embedded(address: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    """Return the IPv4 addresses that an IPv6 address stands for."""
    if isinstance(address, IPv4Address):
        return []
    inner: list[IPv4Address | IPv6Address] = []
    if address.ipv4_mapped is not None:
        inner.append(address.ipv4_mapped)
    if address.sixtofour is not None:
        inner.append(address.sixtofour)
    if address.teredo is not None:
        inner.extend(address.teredo)
    if address in _NAT64 or int(address) >> 32 == 0:
        inner.append(ip_address(int(address) & 0xFFFFFFFF))
    return inner
