"""Tokens for Amazon MSK's IAM: a signed address, made with whatever credentials AWS gives us.

Amazon's own library signs; nothing is asked of MSK. The credentials come from where AWS' libraries
look for them (environment, web identity, pod identity, instance), each time anew, so that one that
was rotated is taken. Both are imported only where a token is asked for: they are an extra.
"""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Final

from daemon.tokens.source import NoToken, Token, TokenSource

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials

_MS_PER_S: Final = 1000
_WORDS_MAX: Final = 300

# What these log at their lower levels has signatures in it. What goes wrong is raised as well.
_TALKATIVE: Final = ("botocore", "boto3", "urllib3")
_NOWHERE: Final = logging.NullHandler()


@functools.cache
def msk_tokens(region: str) -> TokenSource:
    """Return the process' tokens for clusters in a region."""
    return TokenSource(lambda: fetch(region))


def fetch(region: str) -> Token:
    """Return a new token. Raise NoToken, in words without a secret, where none can be had."""
    from aws_msk_iam_sasl_signer import MSKAuthTokenProvider as signer  # noqa: N813, PLC0415
    from botocore.credentials import CredentialProvider  # noqa: PLC0415

    class Found(CredentialProvider):  # type: ignore[misc]  # The library asks for one of these.
        def load(self) -> ReadOnlyCredentials:
            return _credentials(region)

    _hush()
    value, expires_ms = signer.generate_auth_token_from_credentials_provider(region, Found())
    return Token(value, expires_ms / _MS_PER_S)


def _credentials(region: str) -> ReadOnlyCredentials:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415
    from botocore.session import Session  # noqa: PLC0415

    session = Session()
    try:
        if session.get_config_variable("region") is None:  # Where a role is asked for.
            session.set_config_variable("region", region)
        found = session.get_credentials()
        if found is None:
            raise NoToken("AWS gives this process no credentials")
        return found.get_frozen_credentials()
    except (BotoCoreError, ClientError, OSError) as error:
        raise NoToken(" ".join(str(error).split())[:_WORDS_MAX]) from None


def _hush() -> None:
    for name in _TALKATIVE:
        logger = logging.getLogger(name)
        logger.setLevel(logging.WARNING)
        logger.propagate = False
        logger.addHandler(_NOWHERE)
