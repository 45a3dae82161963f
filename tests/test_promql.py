"""Queries: the whole PromQL of each function, and what each refuses. Misuse with its board's line is in test_mistakes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

import promql_parser
import pytest

from generator.catalogue import Limit, Metric
from generator.config.site import Site
from generator.errors import QueryError
from generator.lint.expression import labels, parsed, selectors
from generator.promql import (
    add_label,
    amount,
    buckets,
    count,
    distinct,
    each,
    earlier,
    events,
    exceeded,
    gains,
    growth,
    increase,
    increments,
    least,
    level,
    lowest,
    mean,
    observations,
    observed,
    occurrences,
    peak,
    quantile,
    quantile_of,
    rate,
    restarts,
    share_above,
    share_within,
    starts,
    surged,
    tail,
    top,
    total,
    volume,
    within,
)
from generator.promql.query import Query
from generator.promql.retention import within_retention
from generator.promql.scope import Scope
from generator.rules.rule import record, recorded

from .conftest import MIXED

SCOPE = Scope("5m")
#: Edges, and what they are called on pages and in Prometheus 2 and 3.
SPELLED = {"1000": ("1000", "1000.0"), "15000": ("15000", "15000.0"), "1800000": ("1800000", "1800000.0", "1.8e+06")}

BY = ("deployment",)


def text(query: Query) -> str:
    """The query as a rule would have it; it must parse."""
    made = query.build(SCOPE)
    promql_parser.parse(made)
    return unheld(made)


def unheld(made: str) -> str:
    """The text without what holds series of a system's own to our targets; a test of its own is about that."""
    unscoped = re.compile(r'((?:lg_api|agentgateway)_\w+)\{system="\w+"(\}|, )')
    return unscoped.sub(lambda m: m[1] + ("" if m[2] == "}" else "{"), made)


@pytest.mark.parametrize(
    ("make", "expected", "unit"),
    [
        (
            lambda m: rate(m["http_requests_total"], by=BY),
            "sum by (deployment) (rate(lg_api_http_requests_total[5m]))",
            "requests/s",
        ),
        (lambda m: increase(m["run_success_counter"]), "sum(increase(lg_api_run_success_counter_total[5m]))", "runs"),
        (lambda m: total(m["workers_max"], by=BY), "sum by (deployment) (lg_api_workers_max)", "slots"),
        (
            lambda m: total(level(m["num_pending_runs"], by=BY)),
            "sum(max by (deployment) (lg_api_num_pending_runs))",
            "runs",
        ),
        (
            lambda m: total(m["workers_available"], by=BY).over_time("min_over_time", "15m:30s"),
            "min_over_time((sum by (deployment) (lg_api_workers_available))[15m:30s])",
            "slots",
        ),
        (lambda m: level(m["num_pending_runs"], by=BY), "max by (deployment) (lg_api_num_pending_runs)", "runs"),
        (lambda m: level(m["workers_active"]), "sum(lg_api_workers_active)", "slots"),
        (lambda m: lowest(m["publish_queue_availability"]), "min(lg_api_publish_queue_availability)", "slots"),
        (lambda m: count(m["workers_max"]), "count(lg_api_workers_max)", "instances"),
        (
            lambda m: least(m["workers_max"], by=BY),
            "max by (deployment) (min_over_time(lg_api_workers_max[5m]))",
            "slots",
        ),
        (lambda m: growth(m["workers_max"]), "max(delta(lg_api_workers_max[5m]))", "slots"),
        (
            lambda m: total(m["workers_max"], by=BY).at_best("5m:30s"),
            "max_over_time((sum by (deployment) (lg_api_workers_max))[5m:30s])",
            "slots",
        ),
        (
            lambda m: total(m["workers_max"]).usual("7d:1h", "10m"),
            "quantile_over_time(0.5, (sum(lg_api_workers_max))[7d:1h] offset 10m)",
            "slots",
        ),
        (lambda m: starts(m["server_started_counter"]), "count(lg_api_server_started_counter_total)", "instances"),
        (
            lambda m: gains(m["run_abandoned_by_shutdown_counter"], "30s", by=BY),
            "sum_over_time((sum by (deployment) (clamp_min(max_over_time(lg_api_run_abandoned_by_shutdown_counter_total[1m])"
            " - (max_over_time(lg_api_run_abandoned_by_shutdown_counter_total[1m] offset 30s)"
            " or max_over_time(lg_api_run_abandoned_by_shutdown_counter_total[1m]) * 0), 0)))[5m:30s])",
            "runs",
        ),
        (
            lambda m: mean(m["http_requests_latency"]),
            "sum(rate(lg_api_http_requests_latency_sum[5m]))\n/\nsum(rate(lg_api_http_requests_latency_count[5m]))",
            "milliseconds",
        ),
        (
            lambda m: quantile(0.95, m["http_requests_latency"], by=BY),
            "histogram_quantile(0.95, sum by (le, deployment) (rate(lg_api_http_requests_latency_bucket[5m])))",
            "milliseconds",
        ),
        (
            lambda m: observations(m["stream_publish_latency"], unit="events"),
            "sum(rate(lg_api_stream_publish_latency_count[5m]))",
            "events/s",
        ),
        (
            lambda m: observed(m["stream_publish_latency"], unit="events"),
            "sum(increase(lg_api_stream_publish_latency_count[5m]))",
            "events",
        ),
        (lambda m: volume(m["stream_data_size_bytes"]), "sum(rate(lg_api_stream_data_size_bytes_sum[5m]))", "bytes/s"),
        (
            lambda m: within(m["http_requests_latency"], 500, unit="requests"),
            'sum(rate(lg_api_http_requests_latency_bucket{le=~"500(\\\\.0)?"}[5m]))',
            "requests/s",
        ),
        (
            lambda m: share_above(m["http_requests_latency"], 1000),
            '1 -\nsum(rate(lg_api_http_requests_latency_bucket{le=~"1000(\\\\.0)?"}[5m]))\n/\nsum(rate(lg_api_http_requests_latency_count[5m]))',
            "ratio",
        ),
        (
            lambda m: peak(
                (each(m["pg_pool_size"]) - each(m["pg_pool_available"])) / each(m["pg_pool_max"]).above(0), by=BY
            ),
            "max by (deployment) (\n  (\n    lg_api_pg_pool_size\n    -\n    lg_api_pg_pool_available\n  )\n  /\n  (lg_api_pg_pool_max > 0)\n)",
            "ratio",
        ),
        (
            lambda m: increase(m["run_success_counter"], by=BY, ago="1d"),
            "sum by (deployment) (increase(lg_api_run_success_counter_total[5m] offset 1d))",
            "runs",
        ),
        (
            lambda m: rate(m["run_success_counter"], ago="7d"),
            "sum(rate(lg_api_run_success_counter_total[5m] offset 7d))",
            "runs/s",
        ),
        (
            lambda m: distinct(m["http_requests_total"], "path", by=BY),
            "count by (deployment) (count by (deployment, path) (lg_api_http_requests_total))",
            "series",
        ),
        (
            lambda m: rate(m["http_requests_total"].matching(status="5..").where_not(path="")),
            'sum(rate(lg_api_http_requests_total{status=~"5..", path!=""}[5m]))',
            "requests/s",
        ),
    ],
)
def test_each_function_writes_its_promql(site: Site, make: Callable[[object], Query], expected: str, unit: str) -> None:
    """Text and unit, both whole."""
    query = make(site.system("agent_server"))

    assert (text(query), query.unit) == (expected, unit)


def test_happened_sees_the_event_that_a_series_is_born_with(site: Site) -> None:
    """Three clauses: more than before (and not only seen for the first time), new while the target was up, or a young process."""
    query = occurrences(site.system("agent_server")["run_set_status_error_counter"], by=BY)

    join, matchers = "on (cluster, namespace, deployment, role, instance, system)", '{system="agent_server"}'
    name = "lg_api_run_set_status_error_counter_total"
    assert text(query) == (
        "sum by (deployment) (\n"
        f"  ({name} > 0 unless {name} offset 5m) and {join} (up{matchers} offset 5m == 1)\n"
        "  or\n"
        f"  {name} > 0 and {join} (time() - process_start_time_seconds{matchers} < 300)\n"
        "  or\n"
        f"  increase({name}[5m]) > 0 and rate({name}[5m]) > 0\n"
        ")"
    )


def test_events_count_a_new_series_by_its_value_and_an_old_one_by_its_rate(site: Site) -> None:
    """A series is new for the first window of its life, if its target was up before or its process is young."""
    lg = site.system("agent_server")
    join, matchers = "on (cluster, namespace, deployment, role, instance, system)", '{system="agent_server"}'

    def expected(series: str) -> str:
        return (
            "sum by (deployment) (\n"
            f"  ((({series} unless {series} offset 5m)\n"
            f"  and {join} ((up{matchers} offset 5m == 1) or (time() - process_start_time_seconds{matchers} < 300))) / 300)\n"
            "  or\n"
            f"  rate({series}[5m])\n"
            ")"
        )

    failed, wait = lg["run_failed_after_retry_counter"], lg["run_queue_wait_time_1st_attempt"]
    counted, observed_, within_ = (
        events(failed, by=BY),
        events(wait, by=BY, unit="runs"),
        events(wait, by=BY, unit="runs", within=15_000),
    )
    assert (text(counted), counted.unit) == (expected("lg_api_run_failed_after_retry_counter_total"), "runs/s")
    assert (text(observed_), observed_.unit) == (expected(f"{wait.full_name}_count"), "runs/s")
    assert (text(within_), within_.unit) == (expected(f'{wait.full_name}_bucket{{le=~"15000(\\\\.0)?"}}'), "runs/s")


def test_moved_is_an_increase_beside_a_rate(site: Site) -> None:
    """Each series for itself, before they are added up."""
    name = "lg_api_http_requests_total"

    assert text(increments(site.system("agent_server")["http_requests_total"], by=BY)) == (
        f"sum by (deployment) (increase({name}[5m]) and rate({name}[5m]) > 0)"
    )


def test_restarts_count_changes_of_the_start_time(site: Site) -> None:
    """Held to one system's targets, as every system has the series."""
    started = site.system("process", on="agent_server")["process_start_time_seconds"]

    assert text(restarts(started)) == 'sum(changes(process_start_time_seconds{system="agent_server"}[5m]))'


def test_a_query_over_its_own_window_ignores_the_scope(site: Site) -> None:
    """`over` fixes the range of one operand and leaves the other's."""
    lg = site.system("agent_server")
    requests = rate(lg["http_requests_total"])

    assert (
        text(requests.over("1h") / requests)
        == "sum(rate(lg_api_http_requests_total[1h]))\n/\nsum(rate(lg_api_http_requests_total[5m]))"
    )


def test_filled_is_zero_where_the_base_exists(site: Site) -> None:
    """No event yet is 0 when the process is watched; the unit stays the event's own."""
    lg = site.system("agent_server")
    query = rate(lg["streaming_data_loss_counter"]).filled(rate(lg["run_attempt_started_counter"]))

    assert query.unit == "events/s"
    assert (
        text(query)
        == "sum(rate(lg_api_streaming_data_loss_counter_total[5m]))\nor\n(0 * sum(rate(lg_api_run_attempt_started_counter_total[5m])))"
    )


def test_filled_by_what_the_configuration_lacks_fills_nothing(configured: Callable[[str], Site]) -> None:
    """With internal metrics off a base among them is left away, and the query stays possible."""
    lg = configured("systems: {agent_server: {exposure: ui}}\n").system("agent_server")
    query = rate(lg["http_requests_total"]).filled(rate(lg["run_attempt_started_counter"]))

    assert (text(query), query.missing) == ("sum(rate(lg_api_http_requests_total[5m]))", ())


def test_an_impossible_operand_makes_the_whole_impossible(configured: Callable[[str], Site]) -> None:
    """`without` too: taking nothing away would make an alert fire for ever."""
    lg = configured("systems: {agent_server: {roles: [api]}}\n").system("agent_server")
    query = level(lg["num_pending_runs"], by=BY).at_least(0).without(total(lg["workers_max"], by=BY))

    assert query.missing == (("lg_api_workers_max", "no process of role api emits it on postgres or inmem"),)


def test_or_zero_is_only_for_a_query_without_labels(site: Site) -> None:
    """vector(0) has no labels, so it would stand beside labelled results instead of filling them."""
    lg = site.system("agent_server")

    assert text(total(lg["workers_max"]).or_zero()) == "sum(lg_api_workers_max) or vector(0)"
    with pytest.raises(
        QueryError, match=r"0 for a query by \(deployment\); drop the labels, or show nothing where there is nothing"
    ):
        total(lg["workers_max"], by=BY).or_zero()


@pytest.mark.parametrize("q", [0, 1, 1.5, -0.1])
def test_a_quantile_lies_between_0_and_1(site: Site, q: float) -> None:
    """95 instead of 0.95 would be the widest edge for ever."""
    with pytest.raises(QueryError, match="use a number between 0 and 1"):
        quantile_of(q, buckets(site.system("agent_server")["http_requests_latency"]))


def test_a_limit_is_compared_in_its_own_unit_and_on_an_edge(site: Site) -> None:
    """Seconds against milliseconds, and a value between two edges, are both refused."""
    lg = site.system("agent_server")
    wait = quantile(0.95, lg["run_queue_wait_time_1st_attempt"])

    assert text(wait.above(site.limit("queue_wait_p95"))).endswith(" > 300000")
    with pytest.raises(QueryError, match="a query in milliseconds is compared with scrape_duration, in seconds"):
        wait.above(site.limit("scrape_duration"))
    with pytest.raises(
        QueryError, match="250000 is no bucket edge of lg_api_run_queue_wait_time_1st_attempt below its last one"
    ):
        wait.above(250_000)


@pytest.mark.parametrize("function", [share_above, share_within])
def test_shares_want_an_edge_below_the_last_one(site: Site, function: Callable[..., Query]) -> None:
    """The last finite edge holds everything that is longer too: nothing above it can be told apart."""
    with pytest.raises(QueryError, match="3600000 is no bucket edge"):
        function(site.system("agent_server")["http_requests_latency"], 3_600_000)


def test_an_edge_is_found_however_a_server_or_prometheus_writes_it(site: Site) -> None:
    """Prometheus 3 writes it as Go does, Prometheus 2 as the page has it: with and without a point, never half of another one."""
    wait = site.system("agent_server")["run_queue_wait_time_1st_attempt"]
    for edge, spelled in SPELLED.items():
        matcher = next(
            m for s in selectors(parsed(text(within(wait, float(edge))))) for m in s.matchers if m.label == "le"
        )
        matched = [t for texts in SPELLED.values() for t in texts if re.fullmatch(matcher.value, t)]
        assert matched == list(spelled)


@pytest.mark.parametrize("share", [0.95, 0.99])
def test_a_tail_is_a_share_at_one_bucket(site: Site, share: float) -> None:
    """Where the quantile is above the limit, more than the rest of the observations are."""
    wait, limit = site.system("agent_server")["run_queue_wait_time_1st_attempt"], site.limit("queue_wait_p95")

    assert text(tail(share, wait, limit, by=BY)) == text(
        share_above(wait, limit.value, by=BY).above(float(f"{1 - share:.2f}"))
    )
    with pytest.raises(QueryError, match="250000 is no bucket edge"):
        tail(share, wait, replace(limit, value=250_000))


def test_what_only_one_of_two_has_counts_whole(site: Site) -> None:
    """Each is read once, and marked, so that series of the same labels do not stand for each other."""
    lg = site.system("agent_server")
    good, bad = rate(lg["run_success_counter"], by=BY), rate(lg["run_failed_after_retry_counter"], by=BY)

    assert text(good.plus(bad)) == (
        "sum by (deployment) (\n"
        "  sum by (deployment) (rate(lg_api_run_success_counter_total[5m]))\n"
        "  or\n"
        "  label_replace(sum by (deployment) (rate(lg_api_run_failed_after_retry_counter_total[5m])), "
        '"part", "second", "", "")\n'
        ")"
    )
    with pytest.raises(QueryError, match="bring both to one unit"):
        good.plus(rate(lg["http_requests_total"], by=BY))


def test_a_mixed_fleet_is_read_by_the_newer_name(configured: Callable[[str], Site]) -> None:
    """Old counters join under their old name; old sums are scaled; an old edge is the same edge in seconds."""
    lg = configured(MIXED).system("agent_server")

    assert text(rate(lg["pg_pool_requests_queued_total"])) == (
        'sum(rate(lg_api_pg_pool_requests_queued_total[5m]) or label_replace(rate(lg_api_pg_pool_requests_queued[5m]), "era", "old", "", ""))'
    )
    assert text(volume(lg["http_requests_latency"])) == (
        "sum(rate(lg_api_http_requests_latency_sum[5m]) or "
        'label_replace(1000 * rate(lg_api_http_requests_latency_seconds_sum[5m]), "era", "old", "", ""))'
    )
    assert text(within(lg["http_requests_latency"], 500)) == (
        'sum(rate(lg_api_http_requests_latency_bucket{le=~"500(\\\\.0)?"}[5m]) or '
        'label_replace(rate(lg_api_http_requests_latency_seconds_bucket{le=~"0\\\\.5"}[5m]), "era", "old", "", ""))'
    )


NARROWED: Mapping[str, Callable[[Metric], Metric]] = {
    '{path="/x"}': lambda metric: metric.where(path="/x"),
    '{path!="/x"}': lambda metric: metric.where_not(path="/x"),
    '{path=~"/x"}': lambda metric: metric.matching(path="/x"),
    '{path!~"/x"}': lambda metric: metric.not_matching(path="/x"),
}


@pytest.mark.parametrize("matcher", NARROWED)
def test_what_narrows_a_metric_narrows_its_older_half(configured: Callable[[str], Site], matcher: str) -> None:
    """A route left out on new servers is left out on old ones too: else a healthy old server looks slow."""
    latency = NARROWED[matcher](configured(MIXED).system("agent_server")["http_requests_latency"])

    assert text(observations(latency)) == (
        f"sum(rate(lg_api_http_requests_latency_count{matcher}[5m]) or "
        f'label_replace(rate(lg_api_http_requests_latency_seconds_count{matcher}[5m]), "era", "old", "", ""))'
    )


def test_a_label_that_old_servers_lack_narrows_nothing(configured: Callable[[str], Site]) -> None:
    """Half a query that is narrowed is a wrong one, so it is refused at its line."""
    latency = configured(MIXED).system("agent_server")["http_requests_latency"]
    assert latency.before is not None
    without = replace(latency, before=replace(latency.before, labels={}))

    with pytest.raises(QueryError, match=r"lg_api_http_requests_latency_seconds .* has no label 'path'"):
        without.where(path="/x")


def test_the_text_none_is_no_identity(configured: Callable[[str], Site]) -> None:
    """Before 0.11.0 an unset revision is the text None; grouping takes it for unset."""
    lg = configured(MIXED).system("agent_server")

    assert text(count(lg["workers_max"], by=("revision_id",))) == (
        'count by (revision_id) (label_replace(lg_api_workers_max, "revision_id", "", "revision_id", "None"))'
    )


def test_a_recorded_series_is_read_by_its_own_labels(site: Site) -> None:
    """Matchers for labels that it lost are dropped; a label that it lost cannot be grouped by."""
    lg = site.system("agent_server")
    rule = record(site, "deployment:x:rate", rate(lg["http_requests_total"], by=BY))
    scope = Scope("5m", (*site.selectors, *lg["workers_max"].where(deployment="d", role="api").matchers))

    assert recorded(rule, by=BY).build(scope) == 'sum by (deployment) (agentobs_deployment:x:rate_5m{deployment="d"})'
    assert (
        recorded(rule, over_time="max_over_time").build(scope)
        == 'sum(max_over_time(agentobs_deployment:x:rate_5m{deployment="d"}[5m]))'
    )
    with pytest.raises(QueryError, match="has no label 'role'"):
        recorded(rule, by=("role",))


def test_what_looks_back_further_than_samples_are_kept_is_impossible(site: Site) -> None:
    """Ranges, subqueries and offsets count, each by itself; one as long as the retention is still possible."""
    pending = level(site.system("agent_server")["num_pending_runs"], by=BY)
    reason = "a window of 3d is longer than samples are kept (evaluation: retention: 2d)"

    def missing(query: Query, window: str = "5m") -> tuple[tuple[str, str], ...]:
        return within_retention(query, Scope(window), "2d").missing

    assert missing(pending.over_time("max_over_time", "48h:5m")) == ()
    assert missing(pending.over_time("max_over_time", "3d:5m")) == (("lg_api_num_pending_runs", reason),)
    assert missing(earlier(site.system("agent_server")["num_pending_runs"], "3d", by=BY))[0][1] == reason
    assert missing(rate(site.system("agent_server")["http_requests_total"]), "3d")[0][1] == reason


def test_a_recorded_share_is_never_summed(site: Site) -> None:
    """Shares of two deployments do not add up; their greatest is asked for by name."""
    rule = record(
        site, "deployment:x:ratio", rate(site.system("agent_server")["http_requests_total"], by=BY), aggregate="none"
    )

    assert recorded(rule, function="max").build(SCOPE) == "max(agentobs_deployment:x:ratio_5m)"
    with pytest.raises(QueryError, match="agentobs_deployment:x:ratio_5m is put together over labels"):
        recorded(rule)


def test_a_counter_of_a_process_without_a_start_time_is_born_by_two_clauses(site: Site) -> None:
    checks = site.system("agentgateway")["guardrail_checks_total"].where(action="FailOpen")
    series = 'agentgateway_guardrail_checks_total{action="FailOpen"}'

    assert text(occurrences(checks, by=("phase",), clock=False)) == (
        f"sum by (phase) (\n  ({series} > 0 unless {series} offset 5m) and on (cluster, namespace, deployment, role, "
        f'instance, system) (up{{system="agentgateway"}} offset 5m == 1)\n  or\n  increase({series}[5m]) > 0 and rate({series}[5m]) > 0\n)'
    )


def test_observations_above_an_edge_and_their_sum_within_a_window(site: Site) -> None:
    gw = site.system("agentgateway")
    duration, usage = gw["request_duration_seconds"], gw["gen_ai_client_token_usage"]

    slow = exceeded(duration, 2.5, by=("gateway",), unit="requests")
    assert text(slow) == (
        "sum by (gateway) (increase(agentgateway_request_duration_seconds_count[5m]))\n-\n"
        'sum by (gateway) (increase(agentgateway_request_duration_seconds_bucket{le=~"2\\\\.5"}[5m]))'
    )
    assert slow.unit == "requests"
    assert text(amount(usage)) == "sum(increase(agentgateway_gen_ai_client_token_usage_sum[5m]))"
    with pytest.raises(QueryError, match="3 is no bucket edge"):
        exceeded(duration, 3)


def test_now_is_held_against_the_same_hour_of_two_earlier_days(site: Site) -> None:
    """Yesterday, else a week ago; each only when the series were there as its hour began."""
    usage = site.system("agentgateway")["gen_ai_client_token_usage"]
    limit = Limit("factor", 3, "ratio", "A test.")
    made = text(surged(lambda ago: volume(usage, ago=ago), limit))

    def sums(window: str, ago: str) -> str:
        return f"sum(rate(agentgateway_gen_ai_client_token_usage_sum[{window}] offset {ago}))"

    for window, ago, comparison in (
        ("1h", "23h30m", "> 0"),
        ("1h", "1d30m", ">= 0"),
        ("1h", "6d23h30m", "> 0"),
        ("1h", "7d30m", ">= 0"),
    ):
        assert f"{sums(window, ago)} {comparison}" in made
    assert made.count("> 3") == 1
    assert made.endswith("<= 3\n)")


def test_a_query_says_by_one_label_more_what_another_says_by_it(site: Site) -> None:
    """Whatever it is made of: the label goes around the whole."""
    waiting = add_label(level(site.system("agent_server")["num_pending_runs"], by=BY).above(3), "queue", "runs")

    assert text(waiting) == (
        'label_replace(max by (deployment) (lg_api_num_pending_runs) > 3, "queue", "runs", "", "")'
    )
    assert (waiting.labels, waiting.legend) == (("deployment", "queue"), "{{deployment}} {{queue}}")
    with pytest.raises(QueryError, match=r"a query by \(deployment, queue\) gets the label 'queue'"):
        add_label(waiting, "queue", "others")


def test_a_query_is_kept_among_those_of_wider_labels(site: Site) -> None:
    gw, up = site.system("agentgateway"), site.system("prometheus", on="agentgateway")["up"]
    calls = rate(gw["mcp_requests_total"], by=("deployment", "server"))

    assert text(calls.among(total(up, by=("deployment",)).above(0))) == (
        "sum by (deployment, server) (rate(agentgateway_mcp_requests_total[5m]))\nand on (deployment)\n"
        '(sum by (deployment) (up{system="agentgateway"}) > 0)'
    )
    with pytest.raises(QueryError, match="drop instance from the second one"):
        calls.among(total(up, by=("instance",)))


def test_the_greatest_series_are_kept_with_their_labels(site: Site) -> None:
    calls = rate(site.system("agentgateway")["mcp_requests_total"], by=("server", "resource"))

    assert top(calls, 10).build(SCOPE) == f"topk(10, {calls.build(SCOPE)})"
    assert top(calls, 10).labels == ("server", "resource")
    assert (top(calls, 3) + calls).build(SCOPE).startswith("topk(3, ")
    assert top(calls, 10).help.endswith(" The 10 highest.")


def test_lint_knows_what_topk_and_the_right_side_of_and_do_to_labels() -> None:
    remaining = labels(parsed("topk(3, sum by (a, b) (x))"))
    (_, right) = selectors(parsed('sum by (phase) (x and on (job) up{system="s"})'))

    assert remaining == frozenset({"a", "b"})
    assert (right.name, right.grouping) == ("up", ("job",))
