from __future__ import annotations

import gzip

import pytest

from daemon.core.model import Alias, Device
from daemon.errors import SettingsError
from daemon.tools.simulator.bomb import make_bomb
from daemon.tools.simulator.fault_list import Candidate, FaultList
from daemon.tools.simulator.faults import Kind, parse_fault

USERS = Candidate("users", "vip", ("u-1",), 1000)


def hits(faults: FaultList, candidates: list[Candidate]) -> list[bool]:
    return [faults.choose(each).fault is not None for each in candidates]


@pytest.mark.parametrize(
    ("spec", "kind", "apply_after_s"),
    [
        ("status=503,rate=0.1", Kind.STATUS, None),
        ("status=503,late=2s", Kind.STATUS, 2.0),
        ("late=2s", Kind.LATE, 2.0),
        ("hang", Kind.HANG, None),
        ("hang,late=250ms", Kind.HANG, 0.25),
        ("drop=before", Kind.DROP_BEFORE, None),
        ("drop=during", Kind.DROP_DURING, None),
        ("drop=after", Kind.DROP_AFTER, 0.0),
        ("drop=idle", Kind.DROP_IDLE, 0.0),
        ("truncate", Kind.TRUNCATE, 0.0),
        ("queued", Kind.QUEUED, 1.0),
        ("queued,late=0s", Kind.QUEUED, 0.0),
        ("errors", Kind.ERRORS, 0.0),
        ("redirect=https://a.example/?b=c", Kind.REDIRECT, None),
        ("status=308,redirect", Kind.REDIRECT, None),
        ("html", Kind.HTML, None),
        ("empty", Kind.EMPTY, 0.0),
        ("delay=300ms", Kind.DELAY, 0.0),
        ("jitter=1m", Kind.DELAY, 0.0),
        ("drip=10ms", Kind.DRIP, 0.0),
        ("huge", Kind.HUGE, 0.0),
        ("bomb=1MB", Kind.BOMB, 0.0),
    ],
)
def test_a_spec_says_what_happens_and_when_it_is_applied(
    spec: str, kind: Kind, apply_after_s: float | None
) -> None:
    fault = parse_fault(spec)

    assert (fault.kind, fault.apply_after_s) == (kind, apply_after_s)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("", "there is an empty word"),
        ("status=503,", "there is an empty word"),
        ("stauts=503", "stauts is not known; did you mean status?"),
        ("zzz", "zzz is not known; use after,"),
        ("rate=0.5", "nothing says what goes wrong"),
        ("status", "status needs a value"),
        ("status=", "status needs a value"),
        ("status=abc", "status=abc is not possible; write a whole number"),
        ("status=99", "status=99 is not possible; write a status from 200 to 599"),
        ("status=503,status=500", "status stands there twice"),
        ("status=503,rate=2", "rate=2 is not possible; write a share from 0 to 1"),
        ("status=503,rate=nan", "rate=nan is not possible"),
        ("delay=-1s", "delay=-1s is not possible; write a time such as 300ms"),
        ("delay=1fortnight", "delay=1fortnight is not possible"),
        ("hang=1", "hang takes no value"),
        ("hang,truncate", "hang and truncate can't both happen"),
        ("hang,status=500", "hang and status can't both happen"),
        ("drop=sometimes", "drop=sometimes is not possible; write before, during, after or idle"),
        ("drop=during,cohort=vip", "drop=during happens before the body is read"),
        ("hang,message=x", "message, reset and retry_after belong to an answer with a status"),
        ("status=429,reset=tomorrow", "write a time from now, none, malformed, past or far"),
        ("status=500,count=0", "count=0 is not possible; write a whole number, at least 1"),
        ("status=500,endpoint=track", "write cohorts or users"),
        ("huge=2GB", "huge=2GB is not possible; write a size up to 1GB"),
        ("drip=fast", "drip=fast is not possible"),
        ("status=503,retry_after=a\x00b", "write printable ASCII"),
    ],
)
def test_a_malformed_spec_is_answered_with_one_clear_line(spec: str, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_fault(spec)

    assert str(caught.value).startswith(f"fault {spec!r}: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("selector", "hit", "missed"),
    [
        ("cohort=v?p", USERS, Candidate("users", "vip2")),
        ("endpoint=users", USERS, Candidate("cohorts", "vip")),
        ("over=1kB", USERS, Candidate("users", "vip", (), 999)),
        ("member=bad-*", Candidate("users", "vip", ("ok", "bad-1")), USERS),
        ("member=d*", Candidate("users", "vip", (Device("d9"),)), USERS),
        (
            "member=*@example.com",
            Candidate("users", "vip", (Alias("a@example.com", "email"),)),
            Candidate("users", "vip", (Alias("email", "a@example.com"),)),
        ),
    ],
)
def test_selectors_choose_requests(selector: str, hit: Candidate, missed: Candidate) -> None:
    faults = FaultList([f"status=400,{selector}"])

    assert hits(faults, [hit, missed]) == [True, False]


def test_count_and_after_bound_the_requests_that_match() -> None:
    faults = FaultList(["hang,after=2,count=3,endpoint=users"])
    others = [Candidate("cohorts")] * 5

    found = hits(faults, [*others, *([USERS] * 7)])

    assert found == [False] * 5 + [False, False, True, True, True, False, False]


def test_rate_is_chance_that_repeats_with_the_seed() -> None:
    requests = [USERS] * 2000

    first, again = (hits(FaultList(["hang,rate=0.1"], seed=5), requests) for _ in range(2))
    other = hits(FaultList(["hang,rate=0.1"], seed=6), requests)

    assert first == again
    assert first != other
    assert 120 < sum(first) < 280


def test_a_burst_hits_that_many_in_a_row() -> None:
    found = hits(FaultList(["status=429,rate=0.02,burst=10"], seed=1), [USERS] * 3000)

    runs = "".join("x" if hit else " " for hit in found).strip().split()
    assert len(runs) > 10
    assert all(len(run) % 10 == 0 for run in runs[:-1])


def test_the_first_fault_that_hits_wins_and_delays_before_it_add_up() -> None:
    faults = FaultList(["delay=1s", "delay=500ms", "status=503", "delay=9s", "hang"])

    fault, delay_s = faults.choose(USERS)

    assert fault is not None
    assert fault.status == 503
    assert delay_s == 1.5
    assert [each["hits"] for each in faults.as_json()] == [1, 1, 1, 0, 0]


def test_a_malformed_list_leaves_the_old_one_in_force() -> None:
    faults = FaultList(["hang"])

    with pytest.raises(SettingsError):
        faults.replace(["empty", "nonsense"])

    assert [each["fault"] for each in faults.as_json()] == ["hang"]


def test_a_reset_while_sending_is_chosen_before_the_body_is_known() -> None:
    faults = FaultList(["drop=during,count=1,endpoint=users"])

    assert [faults.early("cohorts"), faults.early("users"), faults.early("users")] == [
        False,
        True,
        False,
    ]
    assert faults.choose(USERS).fault is None


def test_a_bomb_is_whole_gzip_and_small() -> None:
    bomb = make_bomb(3_000_000)

    unpacked = gzip.decompress(bomb)

    assert len(unpacked) >= 3_000_000
    assert unpacked.strip() == b'{"message":"success"}'
    assert len(bomb) < 10_000
