"""The exceptions of our own making, and who may raise which.

    CohortdError                 what a person is shown: one readable line
    ├── SettingsError            config: every problem of the configuration at once (exit 2)
    ├── KafkaUnavailable         kafka.consumer: a question to the broker got no answer (held)
    └── KafkaFatal               kafka.consumer, kafka.surveyor: a client can't go on (exit 1)

What the world does is a value (a verdict, an outcome, a reject); these are for what we, or the
person who configured us, did wrong, and for the few ends of the line.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec


class CohortdError(Exception):
    """Its text is one readable line: what was wrong, where, and what to do."""


class Problem(msgspec.Struct, frozen=True):
    """One thing wrong with the configuration; `found` is never a secret's value."""

    path: str  # Dotted, with indices: `inputs[0].mapping.cohort_id`.
    what: str  # What is wrong.
    remedy: str = ""  # What is accepted, or what to do.

    def __str__(self) -> str:
        text = f"{self.path}: {self.what}" if self.path else self.what
        return f"{text}; {self.remedy}" if self.remedy else text


class SettingsError(CohortdError):
    """The configuration can't be used."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class KafkaUnavailable(CohortdError):  # noqa: N818  It is an answer, not a mistake.
    """A question to the broker got no answer in time: ask again later."""


class KafkaFatal(CohortdError):  # noqa: N818  librdkafka's own word.
    """The client reported a fatal error: only a new process helps."""
