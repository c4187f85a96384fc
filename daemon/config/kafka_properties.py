"""Vetting of `kafka.properties`: librdkafka's names and values, and none that breaks a guarantee.

Names are allow-listed here; values are judged by librdkafka itself, which reads a configuration
before it starts a thread. No message shows a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TypeAlias

from confluent_kafka import Consumer, KafkaException

from daemon.config.document import one_line
from daemon.config.endpoint import parse_url
from daemon.config.kafka_names import ALLOWED, JAVA, REFUSED, REQUIRED, SECRET
from daemon.config.secrets import MASK, Secret
from daemon.errors import Problem

AT = "kafka.properties"

_WEAK_CIPHERS = re.compile(
    r"NULL|EXP|LOW|ADH|AECDH|RC4|DES|MD5|COMPLEMENTOFALL|SECLEVEL\s*=\s*[01]"
)
_RANGE = re.compile(r"-?[0-9]+ to [0-9]+")
_INTEGER = re.compile(r"-?[0-9]{1,10}")
_SENTINEL = "cohortd.end"
_TOKEN_URL = "sasl.oauthbearer.token.endpoint.url"  # noqa: S105 - a name, not a password.


@dataclass(frozen=True, slots=True)
class Unusable:
    """A value that is none, kept so that vetting reports it with all the others."""

    reason: str


PropertyValue: TypeAlias = str | Secret | Unusable


def read_properties(raw: object) -> dict[str, PropertyValue]:
    """Turn YAML's scalars into librdkafka's text and `{file: PATH}` into a secret.

    Raise ValueError only where it is no mapping; a bad value becomes `Unusable`.
    """
    if not isinstance(raw, Mapping):
        raise ValueError("must be a mapping of librdkafka's property names to values")  # noqa: TRY004 - Pydantic takes a ValueError for a finding.
    return {str(name): _read_value(str(name), value) for name, value in raw.items()}


def _read_value(name: str, value: object) -> PropertyValue:  # noqa: PLR0911 - A guard a line.
    if isinstance(value, Secret | Unusable):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        path = value.get("file")
        if set(value) != {"file"} or not isinstance(path, str) or not path:
            return Unusable("is a mapping; the only one accepted is {file: PATH}")
        try:
            return Secret.from_file(Path(path), text=True)
        except ValueError as error:
            return Unusable(f"the file {error}")
    if not isinstance(value, str | int | float):
        return Unusable("has no single value")
    return Secret(str(value)) if name in SECRET else str(value)


def text_of(value: PropertyValue) -> str:
    """Return what librdkafka is given: the secret itself too."""
    assert not isinstance(value, Unusable), value.reason
    return value.reveal() if isinstance(value, Secret) else value


def vet_properties(
    properties: Mapping[str, PropertyValue],
    clashes: Iterable[Problem] = (),
    *,
    tokens: bool = False,
) -> list[Problem]:
    """Return everything wrong with them, one by one and together.

    Nothing is connected to. A client is created and closed only when every single one is good;
    it reads the certificates and keys that are named. `clashes` are what is wrong with them beside
    other settings; `tokens` says that one of these gives the tokens of OAUTHBEARER.
    """
    problems = [
        problem
        for name, value in properties.items()
        if (problem := _vet_name(name) or _vet_value(name, value)) is not None
    ]
    found = {problem.path for problem in problems}
    problems += [clash for clash in clashes if clash.path not in found]
    return problems or _vet_together(
        {name: text_of(each) for name, each in properties.items()}, tokens=tokens
    )


def _vet_name(name: str) -> Problem | None:  # noqa: PLR0911 - A guard a line.
    """Refuse a name that is unknown, Java's, or not for a configuration to set."""
    at = f"{AT}.{one_line(name, 60)}"
    if name in JAVA:
        return Problem(at, "is a name of the Java client", JAVA[name])
    if name in REFUSED:
        return Problem(at, "can't be set", REFUSED[name])
    if name.endswith("_cb"):
        return Problem(at, "can't be set", "it is a program's callback, not a setting")
    if name.startswith("test."):
        return Problem(at, "can't be set", "it is for librdkafka's own tests")
    if name in ALLOWED:
        return None
    if _is_known(name):
        return Problem(
            at, "can't be set", "it is for producers, or cohortd sets what it stands for"
        )
    near = get_close_matches(name, ALLOWED, n=1)
    remedy = f"did you mean {near[0]}?" if near else "librdkafka's names are accepted"
    return Problem(at, "is no property librdkafka knows", remedy)


def _vet_value(name: str, value: PropertyValue) -> Problem | None:  # noqa: PLR0911 - A guard a line.
    at = f"{AT}.{one_line(name, 60)}"
    if isinstance(value, Unusable):
        return Problem(at, value.reason, ALLOWED[name] and f"accepted: {ALLOWED[name]}")
    text = text_of(value)
    if name in REQUIRED and text != REQUIRED[name][0]:
        return Problem(at, f"must be {REQUIRED[name][0]}", REQUIRED[name][1])
    if name in ("sasl.mechanism", "sasl.mechanisms") and text.upper() == "AWS_MSK_IAM":
        remedy = "set kafka.oauth: {provider: aws_msk_iam, region: …} and leave this out"
        return Problem(at, "is a mechanism of the Java client", remedy)
    if name == "ssl.cipher.suites" and _WEAK_CIPHERS.search(text.upper()):
        return Problem(at, "names a weak cipher", "leave it out, or name strong ones only")
    if name == _TOKEN_URL:
        try:
            parse_url(text, path_allowed=True)
        except ValueError as error:
            return Problem(at, str(error))
    if _RANGE.fullmatch(ALLOWED[name]) and not _INTEGER.fullmatch(text):
        return Problem(at, "must be a whole number", _accepted(name))
    complaint = _complaint({name: text})
    if complaint in ("", f'No such configuration property: "{_SENTINEL}"'):
        return None
    return Problem(at, "has a value librdkafka does not accept", _accepted(name))


def _accepted(name: str) -> str:
    return f"accepted: {ALLOWED[name]}" if ALLOWED[name] else "see librdkafka's CONFIGURATION page"


def _is_known(name: str) -> bool:
    """Whether librdkafka has the name: asked with an empty value, so that nothing comes of it."""
    if re.fullmatch(r"[a-z0-9._]{1,100}", name) is None:
        return False  # A name that is not plain text crashes the binding.
    return not _complaint({name: ""}).startswith(f'No such configuration property: "{name}"')


def _complaint(properties: Mapping[str, str]) -> str:
    """Let librdkafka read properties, in order, without a client ever coming into being.

    The sentinel is last and unknown, so reading always ends in a complaint: about the sentinel
    when all before it are good.
    """
    try:
        Consumer({"group.id": "check", "log_level": 0, **properties, _SENTINEL: ""}).close()
    except KafkaException as error:
        return _words(error)
    return ""


def _vet_together(properties: dict[str, str], *, tokens: bool) -> list[Problem]:
    """Have a client created, which opens files and judges what must fit together.

    OAUTHBEARER's token is fetched by a thread of the client as soon as there is one, so its
    method is left out of the trial and judged here.
    """
    trial = dict(properties)
    mechanism = trial.get("sasl.mechanism", trial.get("sasl.mechanisms", "")).upper()
    method = trial.pop("sasl.oauthbearer.method", "").lower()
    trial.pop("sasl.oauthbearer.metadata.authentication.type", None)
    sasl = "sasl" in trial.get("security.protocol", "").lower()
    if mechanism == "OAUTHBEARER" and sasl and not tokens:
        if method != "oidc":
            remedy = (
                "for OIDC set sasl.oauthbearer.method: oidc; for Amazon MSK's IAM set kafka.oauth"
            )
            return [Problem(AT, "OAUTHBEARER without a source of tokens", remedy)]
        if _TOKEN_URL not in trial and len(trial) == len(properties) - 1:
            return [Problem(f"{AT}.{_TOKEN_URL}", "is missing", "it is where OIDC gets its token")]
    try:
        Consumer({"group.id": "check", "log_level": 0, **trial}).close()
    except KafkaException as error:
        text = _words(error).removeprefix("Failed to create consumer: ")
        for name in SECRET & trial.keys():
            text = text.replace(trial[name], MASK) if trial[name] else text
        return [Problem(AT, f"librdkafka refuses them together: {text}")]
    return []


def _words(error: KafkaException) -> str:
    found = error.args[0] if error.args else error
    return " ".join(str(found.str() if hasattr(found, "str") else found).split())
