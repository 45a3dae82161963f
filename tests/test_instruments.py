"""What is recorded is on the page, spelled as the real servers spell it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.utils import floatToGoString

from generator.catalogue import Catalogue, Metric
from reference_server.agent_server.old_page import text_old
from reference_server.core.exposition import number
from reference_server.core.families import Buckets, InstrumentError
from reference_server.core.instruments import CARDINALITY_LIMIT, Instruments
from testbed.exposition import Family, parse

SAMPLES = Path(__file__).parent / "data" / "agent_server"


@pytest.fixture
def metrics(catalogue: Catalogue) -> tuple[Metric, ...]:
    return catalogue.systems["agent_server"].metrics


def sample(name: str) -> str:
    return (SAMPLES / name).read_text(encoding="utf-8")


def refill(instruments: Instruments, families: dict[str, Family], metrics: tuple[Metric, ...]) -> None:
    """Record what a real page says: counts by bucket, each at its upper edge."""
    known = {m.full_name: m for m in metrics}
    for family in families.values():
        metric = known.get(family.name)
        if metric is None or metric.name == "target_info":
            continue
        before = 0
        for line in family.samples:
            own = {k: v for k, v in line.labels.items() if k in metric.labels}
            if family.type == "counter":
                instruments.add(metric.name, line.value, **own)
            elif family.type == "gauge":
                instruments.set(metric.name, line.value, **own)
            elif line.name.endswith("_bucket"):
                edge = float(line.labels["le"])
                if line.value > before or edge == metric.buckets[0]:
                    instruments.observe(metric.name, edge, int(line.value) - before, **own)
                before = 0 if edge == float("inf") else int(line.value)


def without_sums(text: str) -> list[str]:
    return [re.sub(r"(_sum\{.*\}) .*", r"\1", line) for line in text.splitlines()]


def test_the_page_is_the_real_page_line_by_line(metrics: tuple[Metric, ...]) -> None:
    """Fed with what the running 0.16.7 had counted, the page has its every line, in its order, `le` texts included."""
    real = sample("agent_server_0.16.7_inmem.prom")
    instruments = Instruments(metrics)

    refill(instruments, parse(real), metrics)

    own = real[real.index("# HELP lg_api_") :]
    assert without_sums(instruments.text().decode()) == without_sums(own)


def test_the_old_page_is_the_real_old_page(metrics: tuple[Metric, ...]) -> None:
    """The same for 0.10.3, whose page was written by hand: label order, blanks, whole numbers, no last newline."""
    real = sample("agent_server_0.10.3_inmem.prom")
    families = parse(real)
    instruments = Instruments(metrics)
    readings = {n.removeprefix("lg_api_"): f.samples[0].value for n, f in families.items() if f.type == "gauge"}
    for line in families["lg_api_http_requests_total"].samples:
        labels = {k: v for k, v in line.labels.items() if k in {"method", "path", "status"}}
        instruments.add("http_requests_total", line.value, **labels)
    before = 0
    for line in families["lg_api_http_requests_latency_seconds"].samples:
        if line.name.endswith("_bucket"):
            labels = {k: v for k, v in line.labels.items() if k in {"method", "path"}}
            edge = float(line.labels["le"])
            instruments.observe("http_requests_latency", edge * 1000, int(line.value) - before, **labels)
            before = 0 if edge == float("inf") else int(line.value)

    assert without_sums(text_old(instruments, readings).decode()) == without_sums(real)
    assert text_old(instruments, readings)[-1:] != b"\n"


@given(st.floats(min_value=0) | st.just(float("nan")) | st.integers(0, 10**12).map(float))
def test_numbers_are_written_as_the_client_library_writes_them(value: float) -> None:
    """Go's exponents from a million on, `1.0`, `+Inf`, `NaN`."""
    assert number(value) == floatToGoString(value)  # type: ignore[no-untyped-call]  # the library has no types


def test_counts_of_a_million_and_more_have_exponents(metrics: tuple[Metric, ...]) -> None:
    """Buckets too, which are written another way below a million."""
    instruments = Instruments(metrics)

    instruments.observe("run_execution_latency", 5, 1_234_567, status="success")

    lines = instruments.text().decode().splitlines()
    assert {line.rsplit(" ", 1)[1] for line in lines if "_bucket" in line} == {"1.234567e+06"}
    assert lines[-1].endswith(" 6.172835e+06")


@pytest.mark.parametrize(
    ("name", "labels", "text"),
    [
        ("run_sucess_counter", {}, "no metric 'run_sucess_counter'; did you mean 'run_success_counter'?"),
        (
            "run_failed_after_retry_counter",
            {"state": "error"},
            "run_failed_after_retry_counter has no label 'state'; did you mean 'status'?",
        ),
        (
            "run_failed_after_retry_counter",
            {"status": "late"},
            "label 'status' of run_failed_after_retry_counter is never 'late'; use one of error, timeout",
        ),
        (
            "http_requests_total",
            {"method": "GET", "path": "/"},
            "http_requests_total lacks the label 'status'; give it a value",
        ),
    ],
)
def test_what_the_catalogue_does_not_know_is_refused(
    metrics: tuple[Metric, ...], name: str, labels: dict[str, str], text: str
) -> None:
    with pytest.raises(InstrumentError) as caught:
        Instruments(metrics).add(name, **labels)

    assert str(caught.value) == text


def test_a_counter_does_not_fall(metrics: tuple[Metric, ...]) -> None:
    with pytest.raises(InstrumentError, match="only grows"):
        Instruments(metrics).add("run_success_counter", -1)


def test_a_series_is_born_when_it_is_first_touched(metrics: tuple[Metric, ...]) -> None:
    instruments = Instruments(metrics)
    assert instruments.text() == b""

    instruments.add("run_success_counter", 0)

    assert instruments.text().decode().splitlines()[-1].endswith(" 0.0")


def test_internal_metrics_are_recorded_and_shown_only_when_asked_for(metrics: tuple[Metric, ...]) -> None:
    instruments = Instruments(metrics)
    instruments.add("run_success_counter")
    instruments.set("workers_max", 10)

    assert b"run_success" not in instruments.text("ui")
    assert b"workers_max" in instruments.text("ui")
    assert b"run_success" in instruments.text("internal")


def test_tiers_above_the_ceiling_are_not_recorded(metrics: tuple[Metric, ...]) -> None:
    """A UI metric has no ceiling, whatever its tier."""
    instruments = Instruments(metrics, tier=1)
    instruments.add("server_started_counter")
    instruments.add("run_success_counter")
    instruments.set("num_pending_runs", 3)

    assert {m.name for m, _, _ in instruments.points()} == {"run_success_counter", "num_pending_runs"}


def test_a_page_can_leave_out_tiers_that_were_recorded(metrics: tuple[Metric, ...]) -> None:
    instruments = Instruments(metrics)
    instruments.add("server_started_counter")

    assert instruments.text("internal", 1) == b""


def test_label_names_that_only_some_series_have_are_empty_on_the_others(metrics: tuple[Metric, ...]) -> None:
    """The exporter gives every series of a family each label name of the family."""
    instruments = Instruments(metrics, constants={"project_id": "p", "revision_id": "r"})
    instruments.add("streaming_data_loss_counter")
    assert b"reason" not in instruments.text()

    instruments.add("streaming_data_loss_counter", 7, reason="protocol_v2_buffer_overflow")

    scope = 'otel_scope_name="lsd_langgraph_api",otel_scope_schema_url="",otel_scope_version=""'
    assert instruments.text().decode().splitlines()[2:] == [
        f'lg_api_streaming_data_loss_counter_total{{deployment_type="",{scope},project_id="p",{rest}'
        for rest in ('reason="",revision_id="r"} 1.0', 'reason="protocol_v2_buffer_overflow",revision_id="r"} 7.0')
    ]
    keys, values = instruments.columns()
    assert [dict(labels).get("reason") for _, labels in keys] == [None, "protocol_v2_buffer_overflow"]
    assert values == [1.0, 7.0]


def test_label_sets_beyond_the_bound_become_one_series(metrics: tuple[Metric, ...]) -> None:
    """The SDK keeps 2,000 label sets of an instrument and merges the others; its series has no identity."""
    instruments = Instruments(metrics, constants={"project_id": "p"})
    for n in range(CARDINALITY_LIMIT + 5):
        instruments.add("http_requests_total", method="GET", path=f"/{n}", status="200")

    overflow = [line for line in instruments.text().decode().splitlines() if 'overflow="true"' in line]
    assert overflow == [
        'lg_api_http_requests_total{deployment_type="",method="",otel_metric_overflow="true",'
        'otel_scope_name="lsd_langgraph_api",otel_scope_schema_url="",otel_scope_version="",path="",project_id="",'
        'revision_id="",status=""} 5.0'
    ]
    assert len(instruments.columns()[0]) == CARDINALITY_LIMIT + 1


def test_columns_keep_their_names_until_a_series_is_born(metrics: tuple[Metric, ...]) -> None:
    instruments = Instruments(metrics)
    instruments.add("run_success_counter")
    keys, _ = instruments.columns()
    instruments.add("run_success_counter")
    assert instruments.columns()[0] is keys

    instruments.observe("run_execution_latency", 10, status="success")

    now, values = instruments.columns()
    assert now is not keys
    assert len(now) == len(values) == 1 + 16


def test_a_dropped_metric_is_gone(metrics: tuple[Metric, ...]) -> None:
    instruments = Instruments(metrics)
    instruments.add("run_success_counter")

    instruments.drop("run_success_counter")

    assert instruments.text() == b""
    assert instruments.value("run_success_counter") == 0


def test_points_have_buckets_as_they_were_counted(metrics: tuple[Metric, ...]) -> None:
    """An edge belongs to the bucket that it closes."""
    instruments = Instruments(metrics)
    instruments.observe("run_execution_latency", 10, status="success")
    instruments.observe("run_execution_latency", 11, 2, status="success")

    ((metric, labels, value),) = instruments.points()

    assert (metric.name, labels) == ("run_execution_latency", {"status": "success"})
    assert isinstance(value, Buckets)
    assert (value.counts[:3], value.sum, value.count) == ((1, 2, 0), 32.0, 3)


def test_label_values_are_escaped(metrics: tuple[Metric, ...]) -> None:
    instruments = Instruments(metrics)
    instruments.add("http_requests_total", method="GET", path='/a"b\\c\nd%s', status="200")

    page = instruments.text().decode()

    assert r'path="/a\"b\\c\nd%s"' in page
    assert parse(page)["lg_api_http_requests_total"].samples[0].labels["path"] == '/a"b\\c\nd%s'
