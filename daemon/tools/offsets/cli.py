"""The commands' words: `cohortd offsets -c FILE show | reset | adopt`.

Heavy modules are imported inside the commands, so that `--help` is quick.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from daemon.config.settings import Settings

offsets_app = typer.Typer(
    help="Show and correct what the consumer group has committed.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

ConfigFiles = Annotated[
    list[Path] | None,
    typer.Option("--config", "-c", help="A configuration file; given again, later files win."),
]
Yes = Annotated[bool, typer.Option("--yes", help="Agree beforehand to what will be said.")]


@offsets_app.callback()
def _files(context: typer.Context, config: ConfigFiles = None) -> None:
    context.obj = config or []


@offsets_app.command("show")
def _show(context: typer.Context, config: ConfigFiles = None) -> None:
    """Show where the group stands in every partition; nothing is changed."""
    settings = _load(context, config)
    from daemon.tools.offsets.command import show  # noqa: PLC0415

    raise typer.Exit(show(settings))


@offsets_app.command("reset")
def _reset(
    context: typer.Context,
    partition: Annotated[str, typer.Argument(metavar="TOPIC:PARTITION", show_default=False)],
    *,
    to: Annotated[str, typer.Option(metavar="earliest|latest|N", help="Where to go on.")],
    yes: Yes = False,
    config: ConfigFiles = None,
) -> None:
    """Continue a parked partition at another offset; the group must have no member."""
    settings = _load(context, config)
    from daemon.tools.offsets.command import Consent, reset  # noqa: PLC0415

    raise typer.Exit(reset(settings, partition, to, Consent(given=yes)))


@offsets_app.command("adopt")
def _adopt(context: typer.Context, *, yes: Yes = False, config: ConfigFiles = None) -> None:
    """Take over a group that another configuration used; the group must have no member."""
    settings = _load(context, config)
    from daemon.tools.offsets.command import Consent, adopt  # noqa: PLC0415

    raise typer.Exit(adopt(settings, Consent(given=yes)))


def _load(context: typer.Context, more: Sequence[Path] | None) -> Settings:
    """Read the files named before the command's word and after it, in this order."""
    paths = [*context.obj, *(more or ())]
    if not paths:
        raise typer.BadParameter("Missing option '--config' / '-c'.")
    from daemon.config.settings import load  # noqa: PLC0415

    return load(paths, os.environ)
