"""The commands' words: `cohortd schema list | show NAME`."""

from __future__ import annotations

from typing import Annotated

import typer

schema_app = typer.Typer(
    help="The schemas it accepts and emits, and of its configuration.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@schema_app.command("list")
def _list() -> None:
    """Show which schemas there are."""
    from daemon.tools.schema.catalogue import SCHEMAS  # noqa: PLC0415
    from daemon.tools.table import print_columns  # noqa: PLC0415

    rows = [(each.name, each.language, each.about) for each in SCHEMAS]
    print_columns(("name", "format", "of"), rows)


@schema_app.command("show")
def _show(
    name: Annotated[str, typer.Argument(show_default=False)],
    language: Annotated[
        str | None, typer.Option("--format", help="json or avro, where there are both.")
    ] = None,
) -> None:
    """Print a schema."""
    from daemon.tools.schema.catalogue import find, text_of  # noqa: PLC0415

    print(text_of(find(name, language)), end="")
