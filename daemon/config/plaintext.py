"""Kafka in plain text: without a word where the network is the user's own, else when asked for.

Members' ids, and a password of SASL, can be read by whoever is on the way. So brokers are reached
in plain text only on this machine, at private addresses, and under names that public DNS does not
have. What names resolve to is not asked: who controls the DNS of a network controls its names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from daemon.config.endpoint import is_local
from daemon.config.kafka_properties import PropertyValue, Unusable, text_of
from daemon.config.noted import Noted, Values
from daemon.config.sections import KafkaSettings
from daemon.errors import Problem

# Where brokers of a cluster or of a private network are named. `svc` is how Kubernetes names a
# service within any cluster (`kafka.data.svc`, and `kafka.data.svc.cluster.local` under `local`);
# `internal` is reserved for private networks, and what clouds call their machines by; `local` is
# multicast DNS's; public DNS has nothing under the last three (RFC 6761). A name of two parts, like
# `kafka.data`, is a service and its namespace, or a domain that anybody may buy, and a service's
# name under a cluster's own domain looks like any other: both take the setting.
_PRIVATE_DOMAINS = frozenset({"svc", "local", "internal", "localhost", "test", "invalid"})
_DANGER = {
    "plaintext": "whoever is on the way reads who is a member of what",
    "sasl_plaintext": "whoever is on the way reads the login and who is a member of what",
}


def check_plaintext(values: Values, top: type[Noted]) -> Iterator[Problem]:
    """A broker out in the world is spoken to in plain text only if a setting says so."""
    del top
    danger = _DANGER.get(_protocol(values.get(KafkaSettings, "properties", dict)))
    if danger is None or values.get(KafkaSettings, "allow_plaintext", bool):
        return
    far = far_hosts(hosts_of(values.get(KafkaSettings, "bootstrap_servers", str)))
    if far:
        more = f" (and {len(far) - 1} more)" if len(far) > 1 else ""
        yield Problem(
            "kafka.bootstrap_servers",
            f"{far[0]}{more} is neither a private address nor a name of a private network, and"
            f" without TLS {danger}",
            f"set security.protocol to SSL or SASL_SSL in kafka.properties, {_or_name(far[0])}or,"
            " where the network between is trusted, kafka.allow_plaintext: true",
        )


def _or_name(host: str) -> str:
    """Say how a service of Kubernetes is named so that it can be told from a domain."""
    return f"name a service of Kubernetes in full ({host}.svc), " if host.count(".") == 1 else ""


def in_plain_text(properties: dict[str, PropertyValue]) -> bool:
    """Whether brokers are spoken to without TLS."""
    return _protocol(properties) in _DANGER


def far_hosts(hosts: Iterable[str]) -> list[str]:
    """Return those that are not within the user's own network; IPv6 with brackets or without."""
    return [host for host in hosts if not _is_near(host)]


def hosts_of(servers: str) -> list[str]:
    """Return the hosts of `HOST:PORT,…`; a protocol in front counts for nothing in librdkafka."""
    addresses = (server.strip().rpartition("://")[2] for server in servers.split(","))
    return [re.sub(r":[0-9]+$", "", address) for address in addresses]


def _is_near(host: str) -> bool:
    if ":" in host:
        return is_local(f"[{host.strip('[]')}]")
    return host.lower().rpartition(".")[2] in _PRIVATE_DOMAINS or is_local(host)


def _protocol(properties: dict[str, PropertyValue]) -> str:
    """Return it in lower case; a value that is none is reported by itself, and is not plain."""
    value = properties.get("security.protocol", "plaintext")
    return "" if isinstance(value, Unusable) else text_of(value).lower()
