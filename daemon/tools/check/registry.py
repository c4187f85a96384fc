"""What the schema registry says to our credentials: one question that needs no schema."""

from __future__ import annotations

from daemon.config.settings import Settings
from daemon.registry.client import RegistryTrouble
from daemon.registry.setup import registry_client
from daemon.tools.check.finding import Finding, Group, note, ok, problem

_WHERE = "schema_registry"


def look(settings: Settings) -> list[Group]:
    """Ask once, as the daemon would, and say what the answer means."""
    section = settings.schema_registry
    if section is None:
        return []
    client = registry_client(section)
    try:
        client.probe()
    except RegistryTrouble as trouble:
        what, findings = str(trouble), list[Finding]()
        findings.append(problem(_WHERE, what, _remedy(what)))
    else:
        findings = [ok(_WHERE, "answers, and takes our credentials")]
        if not any(entry.needs_registry for entry in settings.inputs):
            findings.append(note(_WHERE, "no input needs it", "it is asked only for Avro"))
    finally:
        client.close()
    return [Group(f"Schema registry at {section.url}", tuple(findings))]


def _remedy(trouble: str) -> str:
    if trouble.startswith(("401", "403")):
        return "correct its username and password, or bearer_token"
    if "CERTIFICATE" in trouble or "SSL" in trouble:
        return "set schema_registry.ca_file where a CA of your own signs; look at this clock"
    if trouble.startswith(("404", "its answer is no JSON")):
        return "correct schema_registry.url: with Apicurio it ends with /apis/ccompat/v7"
    return "correct schema_registry.url; see whether a proxy is needed and a firewall in between"
