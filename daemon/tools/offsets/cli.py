"""The commands' words: `cohortd offsets -c FILE show | reset | adopt`.

Heavy modules are imported inside the commands, so that `--help` is quick.
"""

from __future__ import annotations

from typing import Annotated

import typer

from daemon.tools.config_files import ConfigFiles, keep_files, load_settings

offsets_app = typer.Typer(
    help="Show and correct what the consumer group has committed.",
    no_args_is_help=True,
    rich_markup_mode=None,
    callback=keep_files,
)

Yes = Annotated[bool, typer.Option("--yes", help="Agree beforehand to what will be said.")]


@offsets_app.command("show")
def _show(context: typer.Context, config: ConfigFiles = None) -> None:
    """Show where the group stands in every partition; nothing is changed."""
    settings = load_settings(context, config)
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
    settings = load_settings(context, config)
    from daemon.tools.offsets.command import Consent, reset  # noqa: PLC0415

    raise typer.Exit(reset(settings, partition, to, Consent(given=yes)))


@offsets_app.command("adopt")
def _adopt(context: typer.Context, *, yes: Yes = False, config: ConfigFiles = None) -> None:
    """Take over a group that another configuration used; the group must have no member."""
    settings = load_settings(context, config)
    from daemon.tools.offsets.command import Consent, adopt  # noqa: PLC0415

    raise typer.Exit(adopt(settings, Consent(given=yes)))
