"""The command itself: find what waits, fold it a partition at a time, say what would be done."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import translate
from re import compile as compile_regex
from typing import Final

from daemon.assembly import decoder_of, delivery_rules
from daemon.config.settings import Settings
from daemon.core.model import Changes, Partition
from daemon.kafka.records import Run
from daemon.tools.log.asking import asking
from daemon.tools.log.progress import Progress
from daemon.tools.log.scan import Scan, batches
from daemon.tools.log.strays import Strays
from daemon.tools.plan.backlog import Backlog, find_backlog
from daemon.tools.plan.cost import price_of
from daemon.tools.plan.document import document_of
from daemon.tools.plan.fold import Fold, FoldRules, LastChanges, Sink
from daemon.tools.plan.names import read_names
from daemon.tools.plan.plan import Plan, announced_of
from daemon.tools.plan.text import lines_of

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
IDS_MAX: Final = 10  # Of a cohort, in the table.


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What the command's options said."""

    cohort: str | None = None  # A glob on cohort ids, before the prefix.
    as_json: bool = False
    show_ids: bool = False


def run(settings: Settings, options: PlanOptions) -> int:
    """Print the plan. Return 1 where a daemon would not go on somewhere, else 0.

    Raise CohortdError where Kafka does not tell.
    """
    ids: dict[str, Changes] = {}
    most = None if options.as_json else IDS_MAX

    def remember(_: Partition, last: LastChanges) -> None:
        for cohort, changes in last.items():
            keep(ids.setdefault(cohort, {}), changes, most)

    plan = make_plan(settings, options.cohort, remember if options.show_ids else None)
    if isinstance(sys.stdout, io.TextIOWrapper):  # A terminal may lack the letters of a name.
        sys.stdout.reconfigure(errors="backslashreplace")
    if options.as_json:
        print(document_of(plan, ids if options.show_ids else None))
    else:
        for line in lines_of(plan, ids):
            print(line)
    return EXIT_FAILED if plan.stands or plan.missing else EXIT_OK


def keep(kept: Changes, changes: Changes, most: int | None) -> None:
    """Keep changes to be shown: all, or the first few."""
    for member, add in changes.items():
        if most is not None and len(kept) >= most:
            return
        kept[member] = add


def make_plan(settings: Settings, glob: str | None = None, sink: Sink | None = None) -> Plan:
    """Read what waits and return what it would come to; `sink` gets each partition's last changes.

    Memory is the members of the largest partition, and 16 bytes for each of the others.
    """
    strays = Strays()
    rules = FoldRules(
        stop_at_reject=settings.dead_letter.topic is None,
        max_reject_ratio=settings.dead_letter.max_ratio,
        wanted=_wanted(glob),
    )
    fold = Fold(decoder_of(settings), rules, strays, sink)
    with asking(settings, reads_much=True) as cluster:
        backlog = find_backlog(cluster, settings)
        scan = Scan(cluster.consumer)
        names = read_names(cluster, scan, settings)
        waiting = sum(map(len, backlog.stretches))
        for run_ in _read(scan, backlog, fold, Progress(waiting)):
            fold.take(run_)
    tally = fold.tally
    budget = delivery_rules(settings).budget
    return Plan(
        settings=settings,
        tally=tally,
        names=names,
        price=price_of(tally.costs, budget, len(announced_of(settings, tally, names))),
        strays=strays.find(),
        partitions=len(backlog.stretches) + len(backlog.stands),
        begun=backlog.begun,
        waiting=waiting,
        stands={**backlog.stands, **scan.faults, **tally.stops},
        missing=tuple(backlog.missing),
        glob=glob,
    )


def _read(scan: Scan, backlog: Backlog, fold: Fold, progress: Progress) -> Iterator[Run]:
    for batch in batches(backlog.stretches):
        for run_ in scan.runs(batch):
            yield run_
            progress.add(len(run_.records))
        for stretch in batch:
            fold.close(stretch.partition)


def _wanted(glob: str | None) -> Callable[[str], bool]:
    if glob is None:
        return lambda _: True
    pattern = compile_regex(translate(glob))
    return lambda cohort: pattern.match(cohort) is not None
