"""How the daemon starts: it imports no more than it needs, and looks for garbage only afterwards.

A start is a good part of what a short run costs. Measured: a fifth of it was the collector, which
went again and again over modules that stay for ever, and what libraries import only for show.
"""

from __future__ import annotations

import gc
import os
import sys

# structlog and httpx import these where they are installed, for colours that a daemon never shows.
_FOR_SHOW = ("colorama", "pygments", "rich")

# Pydantic else asks every installed package whether it has a plugin for it.
_PLUGINS_LEFT_OUT = ("PYDANTIC_DISABLE_PLUGINS", "__all__")

# So many objects more than there were, before the young ones are looked at. A poll brings thousands
# of records, which are gone by the next; Python's own 700 would walk them several times.
_YOUNG_MAX = 50_000


def begin() -> None:
    """Import nothing for show and no plugin from here on, and collect nothing until `end`."""
    gc.disable()
    os.environ.setdefault(*_PLUGINS_LEFT_OUT)
    for name in _FOR_SHOW:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # None: it can't be found.


def end() -> None:
    """Collect garbage from here on: what the start made stays for ever, and is left out."""
    gc.freeze()
    gc.set_threshold(_YOUNG_MAX)
    gc.enable()
