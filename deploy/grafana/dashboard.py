"""Prints the Grafana dashboard; `make dashboard` writes it to deploy/grafana/cohortd.json.

A datasource and the releases to look at are variables, so that it may be imported anywhere. The
first row answers the one question: are members in Braze on time, and if not, why?
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    prometheus,
    stat,
    timeseries,
)
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueTextMode,
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    Threshold,
    ThresholdsMode,
    VariableRefresh,
)

HERE = '{namespace=~"$namespace",job=~"$job"}'
_SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")


def _in(name: str, matchers: str = "") -> str:
    """Return the selector of a metric of the releases chosen."""
    more = f",{matchers}" if matchers else ""
    return f"cohortd_{name}{HERE[:-1]}{more}}}"


def _rate(name: str, by: str, matchers: str = "") -> str:
    return f"sum by ({by}) (rate({_in(name, matchers)}[$__rate_interval]))"


def _query(expr: str, legend: str, *, instant: bool = False) -> prometheus.Dataquery:
    query = prometheus.Dataquery().expr(expr).legend_format(legend)
    return query.instant() if instant else query


def _steps(*steps: tuple[float | None, str]) -> dashboard.ThresholdsConfig:
    named = [Threshold(value=value, color=color) for value, color in steps]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(named)


def _stat(
    title: str, tells: str, expr: str, unit: str, steps: dashboard.ThresholdsConfig
) -> stat.Panel:
    """Return one number, coloured by how bad it is."""
    return (
        stat.Panel()
        .title(title)
        .description(tells)
        .datasource(_SOURCE)
        .with_target(_query(expr, "", instant=True))
        .unit(unit)
        .thresholds(steps)
        .color_mode(BigValueColorMode.BACKGROUND)
        .span(4)
        .height(4)
    )


def _words(title: str, tells: str, expr: str, label: str, bad: str) -> stat.Panel:
    """Return the words of a label whose series are 1; `none` where there is none."""
    return (
        stat.Panel()
        .title(title)
        .description(tells)
        .datasource(_SOURCE)
        .with_target(_query(expr, f"{{{{{label}}}}}", instant=True))
        .text_mode(BigValueTextMode.NAME)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .no_value("none")
        .thresholds(_steps((None, "green"), (1, bad)))
        .color_mode(BigValueColorMode.BACKGROUND)
        .span(4)
        .height(4)
    )


def _graph(
    title: str,
    tells: str,
    unit: str,
    *queries: tuple[str, str],
    stacked: bool = False,
) -> timeseries.Panel:
    """Return lines over time; `queries` are expressions with their legends."""
    legend = (
        common.VizLegendOptions()
        .display_mode(LegendDisplayMode.TABLE)
        .placement(LegendPlacement.BOTTOM)
        .calcs(["lastNotNull", "max"])
        .show_legend(show_legend=True)
    )
    tooltip = common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI)
    panel = timeseries.Panel().title(title).description(tells).datasource(_SOURCE).unit(unit)
    for expr, named in queries:
        panel = panel.with_target(_query(expr, named))
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL)).fill_opacity(30)
    return panel.legend(legend).tooltip(tooltip).min(0).span(12).height(8)


_OVERDUE = (
    f"max({_in('oldest_pending_age_seconds')} - {_in('freshness_target_seconds')}) or vector(0)"
)
_LIVE = 'phase="live"'
_LIVE_COUNT = f"sum(rate({_in('delivery_latency_seconds_count', _LIVE)}[30m]))"
_LIVE_IN_TIME = 'phase="live",le="60.0"'
_IN_TIME = (
    f"sum(rate({_in('delivery_latency_seconds_bucket', _LIVE_IN_TIME)}[30m])) / {_LIVE_COUNT}"
)
_QUOTA_LEFT = (
    f"max({_in('braze_quota_remaining_requests')}) / max({_in('braze_quota_limit_requests')})"
)

ON_TIME: Sequence[stat.Panel] = (
    _stat(
        "Overdue",
        "How much longer than its window the oldest pending change has waited.",
        _OVERDUE,
        "s",
        _steps((None, "green"), (60, "yellow"), (900, "red")),
    ),
    _stat(
        "Within a minute",
        "The share of the last half hour's live changes that reached Braze within a minute.",
        _IN_TIME,
        "percentunit",
        _steps((None, "red"), (0.9, "yellow"), (0.99, "green")),
    ),
    _words(
        "Waiting for",
        "Why something waits now; docs/metrics.md says what ends each.",
        f"max by (reason) ({_in('blocked')}) == 1",
        "reason",
        "red",
    ),
    _words(
        "Limited by",
        "What holds throughput back now.",
        f"max by (factor) ({_in('limited_by')}) == 1",
        "factor",
        "blue",
    ),
    _stat(
        "Quota left",
        "What is left of this hour's requests at Braze, of all who use the workspace.",
        _QUOTA_LEFT,
        "percentunit",
        _steps((None, "red"), (0.1, "yellow"), (0.3, "green")),
    ),
    _stat(
        "Until records expire",
        "When Kafka begins to delete what is not delivered, at the present pace.",
        f"min({_in('retention_headroom_seconds')})",
        "s",
        _steps((None, "red"), (21_600, "yellow"), (86_400, "green")),
    ),
)

DELIVERY: Sequence[timeseries.Panel] = (
    _graph(
        "Delivered",
        "Membership changes that Braze accepted.",
        "ops",
        (_rate("changes_delivered_total", "op"), "{{op}}"),
        stacked=True,
    ),
    _graph(
        "Latency of live changes",
        "From the event's own time to Braze's acceptance.",
        "s",
        *(
            (
                f"histogram_quantile({q}, {_rate('delivery_latency_seconds_bucket', 'le', _LIVE)})",
                f"{q:.0%}",
            )
            for q in (0.5, 0.95, 0.99)
        ),
    ),
    _graph(
        "Pending",
        "Changes read and not yet accepted, of the ten cohorts with most.",
        "short",
        (f"topk(10, sum by (cohort) ({_in('pending_changes')}))", "{{cohort}}"),
        (f"sum({_in('pending_changes_limit')})", "limit"),
    ),
    _graph(
        "Oldest pending",
        "Of the ten cohorts that wait longest.",
        "s",
        (f"topk(10, max by (cohort) ({_in('oldest_pending_age_seconds')}))", "{{cohort}}"),
    ),
)

BRAZE: Sequence[timeseries.Panel] = (
    _graph(
        "Requests",
        "Attempts at Braze, by answer.",
        "reqps",
        (_rate("braze_requests_total", "endpoint, status"), "{{endpoint}} {{status}}"),
        stacked=True,
    ),
    _graph(
        "Request duration",
        "Seconds of one attempt.",
        "s",
        *(
            (
                f"histogram_quantile({q}, {_rate('braze_request_duration_seconds_bucket', 'le')})",
                f"{q:.0%}",
            )
            for q in (0.5, 0.99)
        ),
    ),
    _graph(
        "Retries",
        "Attempts that have to be made again, by reason.",
        "ops",
        (_rate("retries_total", "reason"), "{{reason}}"),
    ),
    _graph(
        "Quota of the hour",
        "Braze's own count, the same for all replicas.",
        "short",
        (f"max({_in('braze_quota_limit_requests')})", "limit"),
        (f"max({_in('braze_quota_remaining_requests')})", "left"),
        (f"max({_in('braze_quota_used_by_others_requests')})", "used by others"),
    ),
    _graph(
        "Slots",
        "Requests on the wire, and how many may be.",
        "short",
        (f"sum({_in('in_flight_requests')})", "in flight"),
        (f"sum({_in('request_slots')})", "slots"),
    ),
    _graph(
        "Members of a flush",
        "Small flushes spend the quota on few members.",
        "short",
        *(
            (f"histogram_quantile({q}, {_rate('flush_size_bucket', 'le')})", f"{q:.0%}")
            for q in (0.5, 0.95)
        ),
    ),
)

KAFKA: Sequence[timeseries.Panel] = (
    _graph(
        "Lag",
        "Records between position and log end.",
        "short",
        (f"sum by (topic) ({_in('consumer_lag')})", "{{topic}}"),
    ),
    _graph(
        "Read",
        "Records read a second.",
        "ops",
        (_rate("events_consumed_total", "topic"), "{{topic}}"),
    ),
    _graph(
        "Partitions",
        "By state; one may be in several.",
        "short",
        (f"sum by (state) ({_in('partitions')})", "{{state}}"),
    ),
    _graph(
        "Hand-overs",
        "Partitions that came and went; unclean ones make the next owner wait.",
        "short",
        (f"sum by (kind) (increase({_in('rebalances_total')}[$__rate_interval]))", "{{kind}}"),
        (f"sum(increase({_in('unclean_handovers_total')}[$__rate_interval]))", "unclean"),
    ),
    _graph(
        "Commits",
        "Of offsets and intent, by answer.",
        "ops",
        (_rate("intent_commits_total", "result"), "{{result}}"),
    ),
    _graph(
        "Until records expire",
        "The partition with least, of each topic.",
        "s",
        (f"min by (topic) ({_in('retention_headroom_seconds')})", "{{topic}}"),
    ),
)

UNUSED: Sequence[timeseries.Panel] = (
    _graph(
        "Rejected",
        "Records that can't be used, by reason.",
        "ops",
        (_rate("events_rejected_total", "topic, reason"), "{{topic}} {{reason}}"),
    ),
    _graph(
        "Dead letters",
        "Written and acknowledged; failed ones are tried again.",
        "ops",
        (_rate("dead_letters_total", "reason"), "{{reason}}"),
        (f"sum(rate({_in('dead_letters_failed_total')}[$__rate_interval]))", "failed"),
    ),
    _graph(
        "Ignored",
        "Left out on purpose, by rule.",
        "ops",
        (_rate("events_ignored_total", "topic, rule"), "{{topic}} {{rule}}"),
    ),
    _graph(
        "Superseded and replayed",
        "Changes that a newer one made needless, and records read again behind a barrier.",
        "ops",
        (f"sum(rate({_in('changes_superseded_total')}[$__rate_interval]))", "superseded"),
        (f"sum(rate({_in('replayed_events_total')}[$__rate_interval]))", "replayed"),
    ),
)

PROCESS: Sequence[timeseries.Panel] = (
    _graph(
        "Memory",
        "Resident, of each replica.",
        "bytes",
        (f"process_resident_memory_bytes{HERE}", "{{instance}}"),
    ),
    _graph(
        "CPU",
        "Cores used by each replica.",
        "short",
        (f"rate(process_cpu_seconds_total{HERE}[$__rate_interval])", "{{instance}}"),
    ),
    _graph(
        "Turn of the intake loop",
        "Only handing partitions over may take long.",
        "s",
        (f"histogram_quantile(0.99, {_rate('intake_turn_seconds_bucket', 'le')})", "99%"),
    ),
    _graph(
        "Configurations",
        "Replicas by configuration: more than one line is a roll-out, or a mistake.",
        "short",
        (f"count by (workspace, hash) ({_in('config_info')})", "{{workspace}} {{hash}}"),
    ),
)

ROWS: Sequence[tuple[str, Sequence[Any]]] = (
    ("Are members in Braze on time?", ON_TIME),
    ("Delivery", DELIVERY),
    ("Braze", BRAZE),
    ("Kafka", KAFKA),
    ("Records that made no change", UNUSED),
    ("The process", PROCESS),
)


def _chosen(name: str, query: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .label(name)
        .query(query)
        .datasource(_SOURCE)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(".*")
    )


def build() -> str:
    """Return the dashboard's JSON."""
    board = (
        dashboard.Dashboard("cohortd")
        .uid("cohortd")
        .tags(["cohortd", "braze"])
        .refresh("30s")
        .time("now-3h", "now")
        .timezone("browser")
        .tooltip(1)
        .with_variable(
            dashboard.DatasourceVariable("datasource").label("data source").type("prometheus")
        )
        .with_variable(_chosen("namespace", "label_values(cohortd_build_info, namespace)"))
        .with_variable(
            _chosen("job", 'label_values(cohortd_build_info{namespace=~"$namespace"}, job)')
        )
    )
    for title, panels in ROWS:
        board = board.with_row(dashboard.Row(title))
        for panel in panels:
            board = board.with_panel(panel)
    return JSONEncoder(sort_keys=True, indent=1).encode(board.build())


if __name__ == "__main__":
    print(build())
