"""Each answer of Braze's to the empty list, and the line a person gets for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.core.verdict import Answer, Quota, Sent, Verdict, judge, judge_failure
from daemon.tools.check.braze import judge as judge_probe
from daemon.tools.check.finding import Finding, Level
from tests.support.configs import load_with


def _answer(status: int, text: str = "", quota: Quota = Quota()) -> Answer:  # noqa: B008
    verdict, sent, reason = judge(status, text)
    return Answer(verdict, sent, reason, status, text, quota)


def _findings(folder: Path, answer: Answer, **changes: object) -> list[Finding]:
    return judge_probe(answer, load_with(folder, changes))


@pytest.mark.parametrize("status", [200, 201, 202, 400])
def test_an_answer_beyond_the_credentials_says_they_were_taken(status: int, tmp_path: Path) -> None:
    findings = _findings(tmp_path, _answer(status))

    assert findings[0].level is Level.OK
    assert all(finding.level in {Level.OK, Level.NOTE} for finding in findings)


@pytest.mark.parametrize(
    ("answer", "where", "says"),
    [
        (_answer(401, "Invalid partner API key"), "braze.partner_api_key_file", "US and EU differ"),
        (_answer(401, "Invalid client secret"), "braze.data_import_key_file", "make a new one"),
        (_answer(401, "Partner not enabled"), "braze.partner", "ask Braze to enable it"),
        (_answer(401, "Unauthorized"), "braze.data_import_key_file", "does not say which"),
        (_answer(403, "inactivated"), "braze.cluster", "inactivated"),
        (_answer(404), "braze.partner", "correct braze.partner, or braze.cluster"),
        (_answer(302, "redirected to https://x"), "braze.cluster", "https://x"),
        (_answer(503), "braze.cluster", "try again"),
        (_answer(418), "braze.cluster", "does not document"),
        (judge_failure("tls", bytes_sent=False), "braze.ca_file", "clock"),
        (judge_failure("connect", bytes_sent=False), "braze.cluster", "can't be reached"),
        (judge_failure("timeout", bytes_sent=True), "braze.cluster", "within 10s"),
        (judge_failure("reset", bytes_sent=True), "braze.cluster", "broke the connection off"),
    ],
    ids=lambda value: value.reason if isinstance(value, Answer) else "",
)
def test_any_other_answer_is_a_problem_with_its_next_step(
    answer: Answer, where: str, says: str, tmp_path: Path
) -> None:
    (finding,) = _findings(tmp_path, answer)

    assert finding.level is Level.PROBLEM
    assert finding.where == where
    assert says in str(finding)
    assert finding.remedy


@pytest.mark.parametrize("status", [423, 429])
def test_a_busy_braze_is_no_problem_and_proves_no_key(status: int, tmp_path: Path) -> None:
    (finding,) = _findings(tmp_path, _answer(status))

    assert finding.level is Level.WARNING
    assert "nothing is known about the keys" in str(finding)


def test_a_quota_below_the_setting_is_warned_of(tmp_path: Path) -> None:
    answer = _answer(201, quota=Quota(limit=1000, remaining=990))

    _, quota = _findings(tmp_path, answer)

    assert quota.level is Level.WARNING
    assert "is 250,000, but Braze allows 1,000 requests an hour; set it to 1000" in str(quota)


def test_every_reason_there_is_has_words_of_its_own(tmp_path: Path) -> None:
    reasons = {"truncated", "request_timeout", "redirect", "not_found", "forbidden", "tls"}

    told = {
        str(_findings(tmp_path, Answer(Verdict.BLOCKED, Sent.AMBIGUOUS, reason))[0])
        for reason in reasons
    }

    assert len(told) == len(reasons)
    assert not any("does not document" in line for line in told)
