"""`--config`, for commands of several words: before the last word, behind it, or both."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.errors import Problem, SettingsError

if TYPE_CHECKING:
    from daemon.config.settings import Settings

ConfigFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="A configuration file; given again, later files win.",
    ),
]


def keep_files(context: typer.Context, config: ConfigFiles = None) -> None:
    """Keep what was named before the command's last word: the callback of its application."""
    context.obj = config or []


def load_settings(context: typer.Context, more: Sequence[Path] | None) -> Settings:
    """Read the files named before the command's last word and behind it, in this order.

    Raise `SettingsError` where there is none, or where they can't be used.
    """
    paths = [*context.obj, *(more or ())]
    if not paths:
        raise SettingsError([Problem("--config", "no configuration is named", "name it: -c FILE")])
    from daemon.config.settings import load  # noqa: PLC0415  So that `--help` is quick.

    return load(paths, os.environ)
