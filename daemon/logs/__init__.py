"""How the daemon speaks: one event, one line, never a credential, never a member in the open.

It owns the logging of the whole process, the standard library's included. It knows the nouns of
the core, so that a member in a field is recognised, and nothing else of ours.

    from daemon.logs import event, get_logger

    log = get_logger()
    log.warning(event.UPDATE_RETRIED, cohort=update.cohort, members=len(update), delay_s=delay_s)
"""

from daemon.logs import event
from daemon.logs.clean import printable
from daemon.logs.folded import FoldedLog, FoldingHandler, librdkafka_logger
from daemon.logs.hasher import MemberHasher
from daemon.logs.setup import LogPipe, configure, get_logger

__all__ = [
    "FoldedLog",
    "FoldingHandler",
    "LogPipe",
    "MemberHasher",
    "configure",
    "event",
    "get_logger",
    "librdkafka_logger",
    "printable",
]
