"""docs/reference/log-events.md: what each event means, and what its callers say with it."""

from __future__ import annotations

import re
from pathlib import Path

from scripts.references.calls import Call, calls_in
from scripts.references.tables import MADE_BY, code_list, table

ROOT = Path(__file__).parents[2]
_INTRO = f"""\
# Log events

{MADE_BY}

A line is one JSON object (or, with `log.format: console`, a line for people). It begins with
`timestamp`, `level` and `event`; the event's fields follow. A field with a question mark is there
in some cases only; `…` are fields named by the case. A repeated warning is logged at its 1st, 2nd,
4th, 8th, … time, and `count` says at which. An exception is `error_type`, `error`, `trace` and
`caused_by`. No line holds a credential; member ids stand in debug lines only, hashed unless
`log.member_ids` says otherwise.

debug is for who asks about one person, info is the life-cycle, warning what heals by itself, error
what a person must see to, and critical the end of the process.
"""

_HEADING = re.compile(r"^# --- (.+?) -+$")
_NAME = re.compile(r'^([A-Z_]+): Final = "([a-z_]+)"')


def page() -> str:
    """Return the page."""
    told = _told()
    parts = [_INTRO]
    for heading, names in meanings().items():
        rows = [_row(name, meaning, told.get(name, [])) for name, meaning in names.items()]
        parts += [f"## {heading}\n", table(("event", "level", "meaning", "fields", "in"), rows), ""]
    return "\n".join(parts)


def meanings() -> dict[str, dict[str, str]]:
    """Return what each event means, by heading and name, as daemon/logs/event.py has it."""
    found: dict[str, dict[str, str]] = {}
    heading = comment = ""
    for line in (ROOT / "daemon" / "logs" / "event.py").read_text(encoding="utf-8").splitlines():
        if title := _HEADING.match(line):
            heading = title[1]
        elif line.startswith("# "):
            comment = f"{comment} {line[2:]}".strip()
        elif name := _NAME.match(line):
            found.setdefault(heading, {})[name[2]] = comment
            comment = ""
    return found


def _told() -> dict[str, list[Call]]:
    found: dict[str, list[Call]] = {}
    for path in sorted((ROOT / "daemon").rglob("*.py")):
        where = path.relative_to(ROOT)
        if "tools" in where.parts:  # They read the daemon's lines, and write none.
            continue
        for call in calls_in(path.read_text(encoding="utf-8"), str(where)):
            found.setdefault(call.name, []).append(call)
    return found


def _row(name: str, meaning: str, calls: list[Call]) -> tuple[str, ...]:
    assert meaning, f"{name}: a comment above it in daemon/logs/event.py says what it means"
    assert calls, f"{name} is logged nowhere"
    fields = dict.fromkeys(field for call in calls for field in call.fields)
    always = set.intersection(*(set(call.fields) for call in calls))
    shown = [field if field in always or field == "…" else f"{field}?" for field in fields]
    return (
        f"`{name}`",
        ", ".join(dict.fromkeys(call.level for call in calls)),
        meaning,
        code_list(shown),
        code_list(dict.fromkeys(call.where for call in calls)),
    )
