"""The `kafka.oauth` section: brokers that are logged in to with a cloud's tokens.

It owns what such a login needs of `kafka.properties`, and what may not stand beside it. Tokens
themselves are `daemon.tokens`' business.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Annotated, Final, Literal

from pydantic import AfterValidator

from daemon.config.base import Section
from daemon.config.kafka_properties import AT, PropertyValue, Unusable, text_of
from daemon.errors import Problem

_PROTOCOL: Final = "security.protocol"
_MECHANISMS: Final = ("sasl.mechanism", "sasl.mechanisms")  # Two names of one property.
_SIGNER: Final = "aws_msk_iam_sasl_signer"
_REGION: Final = re.compile(r"[a-z]{2,5}(?:-[a-z]+)+-[0-9]{1,2}")

# What is another way to log in.
_BESIDE: Final = (
    "sasl.username",
    "sasl.password",
    "sasl.oauthbearer.",
    "enable.sasl.oauthbearer.unsecure.jwt",
)


def _check_region(name: str) -> str:
    if _REGION.fullmatch(name) is None:
        raise ValueError("is no region of AWS, like eu-west-1")
    return name


class OauthSettings(Section):
    """Whose tokens, and for which region's cluster."""

    provider: Literal["aws_msk_iam"]
    region: Annotated[str, AfterValidator(_check_region)]


def with_token_login(kafka: Mapping[str, object]) -> dict[str, object]:
    """Return the section with the properties a token needs, where it says nothing of them."""
    section = dict(kafka)
    properties = section.get("properties")
    if section.get("oauth") is None or not isinstance(properties, Mapping | None):
        return section
    given: dict[str, object] = dict(properties or {})
    given.setdefault(_PROTOCOL, "SASL_SSL")
    if not any(name in given for name in _MECHANISMS):
        given[_MECHANISMS[0]] = "OAUTHBEARER"
    section["properties"] = given
    return section


def vet_oauth(properties: Mapping[str, PropertyValue]) -> Iterator[Problem]:
    """Yield what stands in the way of a login with a cloud's tokens, in librdkafka's properties.

    A value that is none is reported by itself.
    """
    for name, value in properties.items():
        at = f"{AT}.{name}"
        text = "" if isinstance(value, Unusable) else text_of(value).upper()
        if name == _PROTOCOL and text not in ("", "SASL_SSL"):
            why = "must be SASL_SSL beside kafka.oauth: a token that is overheard can be used"
            yield Problem(at, why, "leave it out")
        if name in _MECHANISMS and text not in ("", "OAUTHBEARER"):
            why = "must be OAUTHBEARER beside kafka.oauth: that is how librdkafka sends tokens"
            yield Problem(at, why, "leave it out")
        if name.startswith(_BESIDE):
            why = "stands beside kafka.oauth, which gets the tokens to log in with"
            yield Problem(at, why, "keep one of the two")


def vet_signer() -> Iterator[Problem]:
    """Yield what is wrong where the library that signs tokens is not installed."""
    if find_spec(_SIGNER) is None:
        yield Problem(
            "kafka.oauth",
            "needs Amazon's signer of tokens, which is not installed",
            "pip install 'cohortd[aws]', or an image that was built with EXTRAS=aws",
        )
