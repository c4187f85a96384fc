"""Warnings that repeat, said once and then ever more rarely; librdkafka's chatter likewise."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

from daemon.logs import event as events

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

KEYS_MAX = 1_000

_VARIABLE = re.compile(r"0x[0-9a-fA-F]+|\d+")


class FoldedLog:
    """Logs an event about a key at its 1st, 2nd, 4th, 8th, … occurrence, with the count.

    It remembers a bounded number of keys; of more, the one longest unheard of is forgotten, and
    would be said again as if new. One thread uses one of these.
    """

    def __init__(self, log: FilteringBoundLogger, keys_max: int = KEYS_MAX) -> None:
        assert keys_max > 0, keys_max
        self._log = log
        self._keys_max = keys_max
        self._counts: dict[tuple[str, str], int] = {}

    def warning(self, event: str, key: str = "", **fields: Any) -> None:  # noqa: ANN401
        """Log a repeated warning, if its count is a power of two."""
        self.log(logging.WARNING, event, key, **fields)

    def error(self, event: str, key: str = "", **fields: Any) -> None:  # noqa: ANN401
        """Log a repeated error, if its count is a power of two."""
        self.log(logging.ERROR, event, key, **fields)

    def log(self, level: int, event: str, key: str = "", **fields: Any) -> None:  # noqa: ANN401
        """Log at any level, if the count of this event and key is a power of two."""
        count = self._counts.pop((event, key), 0) + 1
        self._counts[event, key] = count  # Put back at the end: the first one is the stalest.
        if len(self._counts) > self._keys_max:
            del self._counts[next(iter(self._counts))]
        if count & (count - 1) == 0:
            self._log.log(level, event, **(fields | ({"count": count} if count > 1 else {})))

    def forget(self, event: str, key: str = "") -> int:
        """Start over with this key, since it recovered; return how often it was met."""
        return self._counts.pop((event, key), 0)


class FoldingHandler(logging.Handler):
    """Takes the standard library's log records into ours, repeats folded.

    Records that differ in numbers and addresses only are one key. `calm` turns errors into
    warnings: librdkafka calls an error what it will try again a moment later, and what a person
    must see to reaches the daemon by its error callback.
    """

    def __init__(self, log: FilteringBoundLogger, event: str, *, calm: bool = False) -> None:
        super().__init__()
        self._folded = FoldedLog(log)
        self._event = event
        self._calm = calm

    def emit(self, record: logging.LogRecord) -> None:
        """Log the record's message as a field; never its arguments."""
        text = record.getMessage()
        key = f"{record.name} {_VARIABLE.sub('#', text)[:200]}"
        level = min(record.levelno, logging.WARNING) if self._calm else record.levelno
        self._folded.log(
            level, self._event, key, logger=record.name, message=text, exc_info=record.exc_info
        )


def librdkafka_logger(log: FilteringBoundLogger) -> logging.Logger:
    """Return the `logger` to give to a confluent-kafka client; its records end in `log`."""
    logger = logging.getLogger("cohortd.librdkafka")
    logger.handlers[:] = [FoldingHandler(log, events.KAFKA_LIBRARY_MESSAGE, calm=True)]
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    return logger
