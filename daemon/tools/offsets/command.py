"""The three commands: look, say what would happen, have a person agree, write, say it is done."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from rich.console import Console

from daemon.config.settings import Settings
from daemon.errors import CohortdError, Problem, SettingsError
from daemon.tools.check.finding import count, listed
from daemon.tools.offsets import plan as plans
from daemon.tools.offsets.arguments import parse_partition, parse_to
from daemon.tools.offsets.group import Group, look, refuse_members, write
from daemon.tools.offsets.plan import Plan
from daemon.tools.offsets.table import print_table

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1


def _ask_at_terminal() -> bool | None:
    """Return what a person says; None where nobody can be asked."""
    if not sys.stdin.isatty():
        return None
    return input("Go on? [y/N] ").strip().lower() in ("y", "yes")


@dataclass(frozen=True, slots=True)
class Consent:
    """How a person agrees to what was said: by `--yes`, or when asked."""

    given: bool = False
    ask: Callable[[], bool | None] = _ask_at_terminal

    def obtain(self) -> bool:
        """Return whether to go on. Raise SettingsError where nobody can be asked."""
        if self.given:
            return True
        answer = self.ask()
        if answer is None:
            what = "nothing was changed, since nobody can be asked: stdin is no terminal"
            raise SettingsError([Problem("--yes", what, "repeat the command with --yes to agree")])
        return answer


def show(settings: Settings) -> int:
    """Print where the group stands in every partition of the inputs; nothing is changed."""
    group = look(settings)
    print(f"group {settings.kafka.group_id}: {_told_of_members(group)}")
    print(f"fingerprint of this configuration: {settings.fingerprint}")
    if group.positions:
        print_table(Console(), group.positions, settings.fingerprint)
    for line in _remedies(group, settings.fingerprint):
        print(line)
    for line in _missing(group):
        print(f"cohortd: {line}", file=sys.stderr)
    return EXIT_OK if group.positions else EXIT_FAILED


def reset(settings: Settings, target: str, to: str, consent: Consent) -> int:
    """Continue `TOPIC:PARTITION` at another offset, once a person has agreed to what that means.

    Raise SettingsError for what can't be meant, and CohortdError where it can't be done.
    """
    partition, offset = parse_partition(target, settings), parse_to(to)
    group = look(settings)
    refuse_members(settings, group)
    positions = [p for p in group.positions if p.partition.topic == partition.topic]
    if not positions:
        raise CohortdError(f"{partition}: topic {partition.topic} is not at this cluster")
    return _carry_out(settings, group, plans.reset(positions, partition, offset, settings), consent)


def adopt(settings: Settings, consent: Consent) -> int:
    """Mark every offset of the inputs that is not ours as ours, once a person has agreed.

    Raise CohortdError where that can't be done.
    """
    group = look(settings)
    if not group.positions:
        raise CohortdError("\n".join(_missing(group)))
    plan = plans.adopt(group.positions, settings)
    if not plan.intents:
        print(f"group {settings.kafka.group_id}: nothing to take over, no offset is another's")
        return EXIT_OK
    refuse_members(settings, group)
    return _carry_out(settings, group, plan, consent)


def _carry_out(settings: Settings, group: Group, plan: Plan, consent: Consent) -> int:
    for line in plan.lines:
        print(line)
    sys.stdout.flush()
    if not consent.obtain():
        print("nothing was changed")
        return EXIT_FAILED
    seen = {position.partition: position.committed for position in group.positions}
    write(settings, plan.intents, seen)
    if len(plan.intents) == 1:
        [intent] = plan.intents
        print(f"done: {intent.partition} goes on at offset {intent.offset} at the next start")
    else:
        print(f"done: {count(len(plan.intents), 'partition')} written")
    return EXIT_OK


def _told_of_members(group: Group) -> str:
    if group.members is None:
        return "the broker does not tell its members"
    if not group.members:
        return "no member"
    return f"{count(len(group.members), 'member')} ({listed(group.members)})"


def _remedies(group: Group, fingerprint: str) -> list[str]:
    lines = []
    if any(p.foreign(fingerprint) is not None for p in group.positions):
        lines.append(
            "another destination's: use the configuration these belong to, or take the group over"
            " with `cohortd offsets adopt`"
        )
    if any(p.parked() for p in group.positions):
        lines.append("parked: continue with `cohortd offsets reset TOPIC:PARTITION --to …`")
    return lines


def _missing(group: Group) -> list[str]:
    found = [f"topic {told}: correct inputs, or create it" for told in group.missing]
    return found if found or group.positions else ["inputs: no pattern matches a topic yet"]
