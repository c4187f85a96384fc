"""The headers of a record, whatever their names are."""

from __future__ import annotations

from operator import methodcaller
from typing import Any, Final, cast

from daemon.kafka.records import Headers, Record

# Not `record.headers()`: confluent-kafka (2.16) returns a broken list together with an error, which
# a call that CPython has specialised does not look for, and whoever reads the list crashes.
_headers: Final = methodcaller("headers")


def headers_of(record: Record) -> Headers:
    """Return the headers of a record, in order; none where the client can't say a name.

    That is one that is no UTF-8; Kafka itself takes any. The second question about it would be
    answered with the broken list alone, so the record goes on without its headers.
    """
    try:
        return _headers(record) or ()
    except (SystemError, UnicodeDecodeError):
        cast("Any", record).set_headers([])
        return ()
