from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.bench import drain_plot
from tests.bench.base import (
    FILE,
    Compared,
    Measure,
    compare,
    for_plot,
    judge,
    load,
    measures,
    save,
)
from tests.bench.measured import ROOT


def _usage(cpu_s: float) -> dict[str, float]:
    return {"cpu_s": cpu_s, "wall_s": 1.0, "peak_mb": 80.0}


def _drained(cpu_s: float, requests: int, *, exact: bool = True) -> dict[str, Any]:
    return {"usage": _usage(cpu_s), "requests": requests, "announced": 0, "exact": exact, "why": ""}


def _round(
    bare_s: float, daemon_s: float, requests: int = 120, *, exact: bool = True
) -> dict[str, Any]:
    return {
        "bare": _usage(bare_s),
        "decode": _usage(bare_s * 2),
        "daemons": {
            "new group": _drained(daemon_s, requests, exact=exact),
            "resuming": _drained(daemon_s, 5 * requests, exact=exact),
        },
    }


def _result(*rounds: dict[str, Any]) -> dict[str, Any]:
    return {"workload": "flat", "requests_min": 100, "rounds": rounds}


def _beside(now: Measure, base: Measure, kind: str = "x bare") -> Compared:
    name = f"flat, resuming, {kind}"
    (compared,) = compare({name: now}, {name: base})
    return compared


def test_measures_are_ratios_within_a_round_and_their_median_and_spread() -> None:
    found = measures([_result(_round(1.0, 2.0), _round(2.0, 5.0), _round(1.0, 2.2))])

    resuming = found["flat, resuming, x bare"]
    assert found["flat, decode, x bare"] == Measure(0.5, 0.0)
    assert found["flat, new group, requests x min"] == Measure(1.2, 0.0)
    assert found["flat, new group, x bare"] == resuming
    assert len(found) == 4  # Not the requests of one that sends while it reads.
    assert resuming.median == pytest.approx(1 / 2.2)
    assert resuming.spread == pytest.approx((0.5 - 0.4) * 2.2)


def test_a_round_that_failed_measures_nothing() -> None:
    found = measures([_result(_round(1.0, 0.0, 0, exact=False), _round(1.0, 2.0))])

    assert found["flat, resuming, x bare"] == Measure(0.5, 0.0)
    assert found["flat, new group, requests x min"] == Measure(1.2, 0.0)


def test_a_ratio_is_worse_below_the_least_tolerance() -> None:
    base = Measure(0.40, 0.0)

    assert not _beside(Measure(0.385, 0.0), base).worse
    assert _beside(Measure(0.375, 0.0), base).worse
    assert not _beside(Measure(0.9, 0.0), base).worse


@pytest.mark.parametrize("wide", ["now", "base"])
def test_rounds_that_differ_make_it_more_patient(wide: str) -> None:
    now, base = (0.08, 0.01) if wide == "now" else (0.01, 0.08)

    compared = _beside(Measure(0.35, now), Measure(0.40, base))

    assert compared.tolerance == pytest.approx(0.16)
    assert not compared.worse


def test_more_requests_are_worse_and_fewer_are_better() -> None:
    base = Measure(1.10, 0.0)

    assert _beside(Measure(1.30, 0.0), base, "requests x min").worse
    assert not _beside(Measure(1.00, 0.0), base, "requests x min").worse


def test_it_says_a_line_for_each_measure_and_fails_when_one_is_worse(
    capsys: pytest.CaptureFixture[str],
) -> None:
    base = {"a, b, x bare": Measure(0.5, 0.0), "a, c, x bare": Measure(0.5, 0.0)}
    now = {"a, b, x bare": Measure(0.4, 0.0), "d, c, x bare": Measure(0.5, 0.0)}

    code = judge(now, base)

    assert code == 1
    assert capsys.readouterr().out.splitlines() == [
        "WORSE  a, b, x bare: 0.400, base 0.500: -20.0%, tolerance 5.0%",
        "new    d, c, x bare: 0.500, not in the base",
        "absent a, c, x bare: not in this run",
        "1 of 1 measures are worse than the base",
    ]


@pytest.mark.parametrize("ratio", [0.5, 0.6])
def test_as_good_or_better_passes(ratio: float) -> None:
    assert judge({"a, b, x bare": Measure(ratio, 0.0)}, {"a, b, x bare": Measure(0.5, 0.0)}) == 0


def test_nothing_to_compare_is_no_success() -> None:
    assert judge({}, {"a, b, x bare": Measure(0.5, 0.0)}) == 1


def test_a_base_is_read_as_it_was_saved(tmp_path: Path) -> None:
    now = {"a, b, x bare": Measure(0.5, 0.25)}

    file = save(now, {"cores": 2}, tmp_path / "base.json")

    assert load(file) == now
    assert '"cores": 2' in file.read_text()


@pytest.mark.parametrize("text", [None, "", "[]", '{"measures": {"a": {}}}'])
def test_what_is_no_base_is_said_in_one_line(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "base.json"
    if text is not None:
        file.write_text(text)

    with pytest.raises(SystemExit, match=r"base\.json: no base can be read"):
        load(file)


def test_the_base_in_the_repository_has_every_kind_of_measure() -> None:
    names = load(FILE).keys()

    assert {name.rpartition(", ")[2] for name in names} == {"x bare", "requests x min"}
    assert judge(load(FILE), load(FILE)) == 0


def test_the_plot_has_a_bar_for_each_workload_and_who(tmp_path: Path) -> None:
    ratios = for_plot(
        {
            "flat, decode, x bare": Measure(0.65, 0.0),
            "flat, resuming, x bare": Measure(0.432, 0.0),
            "flat, resuming, requests x min": Measure(1.1, 0.0),
        }
    )

    picture = drain_plot.plot(ratios, tmp_path / "drain.svg").read_text()

    assert ratios == {"flat": {"decode": 0.65, "resuming": 0.432}}
    assert ">0.65<" in picture
    assert ">0.43<" in picture


@pytest.mark.parametrize("workload", ["flat", "hot", "debezium", "avro"])
def test_the_limits_of_the_saved_base_are_those_of_the_page(workload: str) -> None:
    base = load(FILE)
    names = [f"{workload}, {who}, x bare" for who in ("new group", "resuming")]
    tolerances = [Compared(name, base[name], base[name]).tolerance for name in names]
    limits = [
        base[name].median * (1 - tolerance)
        for name, tolerance in zip(names, tolerances, strict=True)
    ]

    page = (ROOT / "docs" / "performance.md").read_text()
    told = next(
        line
        for line in page.partition("## Beside a saved base")[2].splitlines()
        if line.startswith(f"| {workload} |")
    )

    assert [cell.strip() for cell in told.split("|")[2:5]] == [
        ", ".join(f"{base[name].spread:.0%}".replace("%", " %") for name in names),
        ", ".join(f"{tolerance:.0%}".replace("%", " %") for tolerance in tolerances),
        ", ".join(f"{limit:.3f}" for limit in limits),
    ]
