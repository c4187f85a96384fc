"""The commands' words: `cohortd dlq -c FILE list | show | replay`.

Heavy modules are imported inside the commands, so that `--help` is quick.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.tools.config_files import ConfigFiles, keep_files, load_settings

if TYPE_CHECKING:
    from daemon.tools.dlq.choice import Choice
    from daemon.tools.dlq.replay import Replayed

dlq_app = typer.Typer(
    help="Look at the dead-letter topic, and bring its records back in.",
    no_args_is_help=True,
    rich_markup_mode=None,
    callback=keep_files,
)


class Format(StrEnum):
    """How a result is printed."""

    TABLE = "table"
    JSON = "json"


Reasons = Annotated[
    list[str] | None,
    typer.Option("--reason", metavar="REASON", help="Only of this reason; repeatable."),
]
Topics = Annotated[
    list[str] | None,
    typer.Option("--topic", metavar="TOPIC", help="Only from this topic; repeatable."),
]
Cohorts = Annotated[
    list[str] | None,
    typer.Option("--cohort", metavar="COHORT", help="Only about this cohort; repeatable."),
]
Since = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Only written at or after it, as 2026-02-03T04:05:06Z."),
]
Until = Annotated[
    str | None, typer.Option(metavar="TIME", help="Only written before it; UTC without a zone.")
]
As = Annotated[Format, typer.Option("--format", help="table, or json for machines.")]


@dlq_app.command("list")
def _list(  # noqa: PLR0913  One option each.
    context: typer.Context,
    *,
    reason: Reasons = None,
    topic: Topics = None,
    cohort: Cohorts = None,
    since: Since = None,
    until: Until = None,
    as_: As = Format.TABLE,
    config: ConfigFiles = None,
) -> None:
    """Show the letters in groups, by reason, source and cohort; nothing is changed."""
    settings = load_settings(context, config)
    choice = _choice(reason, topic, cohort, (since, until))
    from daemon.tools.dlq.listing import show_list  # noqa: PLC0415

    raise typer.Exit(show_list(settings, choice, as_json=as_ is Format.JSON))


@dlq_app.command("show")
def _show(
    context: typer.Context,
    where: Annotated[str, typer.Argument(metavar="PARTITION:OFFSET", show_default=False)],
    *,
    show_ids: Annotated[bool, typer.Option("--show-ids", help="Show whom it is about.")] = False,
    raw: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the original value to it, byte by byte."),
    ] = None,
    config: ConfigFiles = None,
) -> None:
    """Show one letter: its reason, where it comes from, what it would be now."""
    settings = load_settings(context, config)
    from daemon.tools.dlq.showing import show_one  # noqa: PLC0415

    raise typer.Exit(show_one(settings, where, show_ids=show_ids, raw=raw))


@dlq_app.command("replay")
def _replay(  # noqa: PLR0913  One option each.
    context: typer.Context,
    *,
    reason: Reasons = None,
    topic: Topics = None,
    cohort: Cohorts = None,
    since: Since = None,
    until: Until = None,
    most: Annotated[int | None, typer.Option("--max", min=1, help="At most so many.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say it, and write nothing.")] = False,
    into: Annotated[
        str | None,
        typer.Option(metavar="TOPIC", help="A native input, for topics that a connector owns."),
    ] = None,
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="Look again at what was dealt with.")
    ] = False,
    as_: As = Format.TABLE,
    config: ConfigFiles = None,
) -> None:
    """Bring back in what the configuration can read now and nothing later has superseded."""
    settings = load_settings(context, config)
    choice = _choice(reason, topic, cohort, (since, until))
    from daemon.tools.dlq.replay import Wishes, replay  # noqa: PLC0415

    wishes = Wishes(choice, most, dry_run, into, from_beginning)
    _tell(replay(settings, wishes), dry_run=dry_run, as_json=as_ is Format.JSON)


def _tell(replayed: Replayed, *, dry_run: bool, as_json: bool) -> None:
    from daemon.tools.dlq.told import as_document, lines  # noqa: PLC0415

    if as_json:
        print(json.dumps(as_document(replayed, dry_run=dry_run)))
        return
    for line in lines(replayed, dry_run=dry_run):
        print(line)


def _choice(
    reasons: Sequence[str] | None,
    topics: Sequence[str] | None,
    cohorts: Sequence[str] | None,
    times: tuple[str | None, str | None],
) -> Choice:
    from daemon.tools.dlq.choice import Choice, check_reasons, parse_time_ms  # noqa: PLC0415

    return Choice(
        check_reasons(reasons or ()),
        frozenset(topics or ()),
        frozenset(cohorts or ()),
        parse_time_ms("--since", times[0]),
        parse_time_ms("--until", times[1]),
    )
