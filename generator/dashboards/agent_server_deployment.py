"""One Agent Server deployment: is it well, and where does a run spend its time?

For whoever owns the deployment, or came from the fleet. Top to bottom: the golden signals, then the anatomy of a run
(waiting, executing, publishing), then its processes.
"""

from __future__ import annotations

from generator.layout import WIDE, Board, Row, board, row
from generator.panels import Column, lines, stat, table
from generator.promql import peak, quantile, quantile_of, rate, total
from generator.records.agent_server import records
from generator.rules import recorded
from generator.site import Site


def dashboard(site: Site) -> Board:
    """Build the board."""
    return board(
        site,
        "agent_server_deployment",
        "Agent Server / Deployment",
        system="agent_server",
        about=__doc__ or "",
        variables=WIDE,
        rows=[_now(site), _golden(site), _anatomy(site), _publishing(site), _processes(site)],
    )


def _now(site: Site) -> Row:
    r = records(site)
    return row(
        "Is it well?",
        stat("Processes up", recorded(r["targets_up"])),
        stat("Requests", recorded(r["requests"])),
        stat("Failed requests", recorded(r["errors"]) / recorded(r["requests"]), limit=site.limit("http_error_ratio")),
        stat("Runs waiting", recorded(r["pending"])),
        stat("Free job slots", recorded(r["slots_free"])),
        stat("Failed runs", recorded(r["failed"]) / (recorded(r["failed"]) + recorded(r["succeeded"]))),
    )


def _golden(site: Site) -> Row:
    r = records(site)
    latency = recorded(r["latency"], by=("le",))
    return row(
        "Golden signals",
        lines("Traffic", recorded(r["requests"]).named("requests")),
        lines(
            "Errors",
            (recorded(r["errors"]) / recorded(r["requests"])).named("failed share"),
            limit=site.limit("http_error_ratio"),
        ),
        lines("Latency of the API", *(quantile_of(q, latency) for q in (0.5, 0.95, 0.99))),
        lines(
            "Saturation",
            (recorded(r["slots_busy"]) / recorded(r["slots"])).named("job slots"),
            recorded(r["pg_used"]).named("Postgres pool, fullest process"),
            recorded(r["redis_used"]).named("Redis pool, fullest process"),
        ),
    )


def _anatomy(site: Site) -> Row:
    r = records(site)
    wait, execution = recorded(r["queue_wait"], by=("le",)), recorded(r["execution"], by=("le",))
    return row(
        "Anatomy of a run: waiting and executing",
        lines(
            "Runs waiting and running", recorded(r["pending"]).named("waiting"), recorded(r["running"]).named("running")
        ),
        lines("Wait for a job slot", *(quantile_of(q, wait) for q in (0.5, 0.95, 0.99))),
        lines(
            "Job slots", recorded(r["slots_busy"]).named("busy"), recorded(r["slots_free"]).named("free"), stack=True
        ),
        lines("Execution of successful attempts", *(quantile_of(q, execution) for q in (0.5, 0.95, 0.99))),
        lines(
            "Runs that ended",
            recorded(r["succeeded"]).named("succeeded"),
            recorded(r["failed"]).named("failed"),
            recorded(r["canceled"]).named("cancelled"),
        ),
        lines(
            "Attempts", recorded(r["attempts"]).named("started"), recorded(r["retriable"]).named("failed, tried again")
        ),
    )


def _publishing(site: Site) -> Row:
    lg, r = site.system("agent_server"), records(site)
    publish = lg["stream_publish_latency"]
    return row(
        "Anatomy of a run: publishing",
        lines(
            "Time to publish a stream event",
            *(quantile(q, publish) for q in (0.5, 0.95, 0.99)),
            limit=site.limit("stream_publish_p99"),
        ),
        lines("Lost stream events", recorded(r["data_loss"]).named("lost")),
    )


def _processes(site: Site) -> Row:
    up, proc = site.system("prometheus", on="agent_server"), site.system("process", on="agent_server")
    by = (site.labels.role, site.labels.instance)
    return row(
        "Its processes",
        table(
            "Processes",
            [
                Column("Up", total(up["up"], by=by)),
                Column("Started", peak(proc["process_start_time_seconds"], by=by) * 1000),
                Column("Processor", rate(proc["process_cpu_seconds_total"], by=by)),
                Column("Memory", peak(proc["process_resident_memory_bytes"], by=by)),
                Column("Open files", peak(proc["process_open_fds"], by=by)),
                Column("Scrape took", peak(up["scrape_duration_seconds"], by=by), limit=site.limit("scrape_duration")),
            ],
            sort="Memory",
        ),
    )
