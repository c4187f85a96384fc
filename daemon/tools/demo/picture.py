"""A terminal as an SVG file, for the pages about it; it loads nothing from elsewhere."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from daemon.errors import CohortdError
from daemon.tools.demo.frame_view import WIDTH_MAX

HEIGHT = 60

_THEME = TerminalTheme(
    (22, 27, 34),
    (214, 220, 228),
    [
        (33, 38, 45),
        (255, 107, 107),
        (86, 211, 100),
        (227, 179, 65),
        (108, 182, 255),
        (205, 147, 255),
        (57, 197, 207),
        (177, 186, 196),
    ],
    [
        (110, 118, 129),
        (255, 138, 128),
        (107, 229, 124),
        (240, 200, 90),
        (121, 192, 255),
        (222, 177, 255),
        (86, 220, 230),
        (240, 246, 252),
    ],
)

# Rich's own format without its fonts from a network: where a picture is shown, those never come.
_FORMAT = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
  font-family: "Fira Code", "JetBrains Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace;
  font-size: {char_height}px;
  line-height: {line_height}px;
}}
.{unique_id}-title {{
  font-size: 18px;
  font-weight: bold;
  font-family: sans-serif;
}}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def save_picture(
    path: Path, command: str, show: Callable[[Console], None], *, width: int = WIDTH_MAX
) -> None:
    """Write what a terminal shows after this command, as `show` prints it.

    Raise CohortdError where the file can't be written.
    """
    name = "-".join(command.split()[:2])
    console = Console(
        record=True,
        file=io.StringIO(),
        force_terminal=True,
        highlight=False,
        width=width,
        height=HEIGHT,
    )
    console.print(Text.assemble(("$ ", "dim"), (command, "bold")))
    show(console)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        console.save_svg(
            str(path), title="cohortd", theme=_THEME, code_format=_FORMAT, unique_id=name
        )
    except OSError as error:
        why = f"can't be written: {error.strerror or error}"
        raise CohortdError(f"{path}: {why}; name a file that can be") from None
