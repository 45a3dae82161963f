"""One Agent Server deployment: is it well, and where does a run spend its time?

For whoever owns the deployment, or came from the fleet. Top to bottom: the golden signals, then the anatomy of a run
(waiting, executing, publishing), then its processes.
"""

from __future__ import annotations

from generator.boards import processes as targets
from generator.boards.layout import WIDE, Board, Row, board, row
from generator.boards.panels import lines, stat
from generator.config.site import Site
from generator.promql import quantile, rate
from generator.systems.agent_server.records import RUN_HOLDING, flow, levels


def dashboard(site: Site) -> Board:
    """Build the board."""
    return board(
        site,
        "agent_server_deployment",
        "Agent Server / Deployment",
        system="agent_server",
        about=__doc__ or "",
        variables=WIDE,
        rows=[_now(site), _golden(site), _anatomy(site), _publishing(site), targets.processes(site, "agent_server")],
    )


def _now(site: Site) -> Row:
    now = levels(site)
    errors, requests = (flow(site, "http_availability", what) for what in ("bad", "total"))
    failed, ended = (flow(site, "run_success", what) for what in ("bad", "total"))
    return row(
        "Is it well?",
        stat("Processes up", now["targets_up"]),
        stat("Requests", requests),
        stat("Failed requests", errors / requests, limit=site.limit("http_error_ratio")),
        stat("Runs waiting", now["pending"]),
        stat("Free job slots", now["slots_free"]),
        stat("Failed runs", failed / ended),
    )


def _golden(site: Site) -> Row:
    now, latency = levels(site), site.system("agent_server")["http_requests_latency"].not_matching(path=RUN_HOLDING)
    errors, requests = (flow(site, "http_availability", what) for what in ("bad", "total"))
    return row(
        "Golden signals",
        lines("Traffic", requests.named("requests")),
        lines("Errors", (errors / requests).named("failed share"), limit=site.limit("http_error_ratio")),
        lines("Latency of the API", *(quantile(q, latency) for q in (0.5, 0.95, 0.99))),
        lines(
            "Saturation",
            (now["slots_busy"] / now["slots"]).named("job slots"),
            now["pg_used"].named("Postgres pool, fullest process"),
            now["redis_used"].named("Redis pool, fullest process"),
        ),
    )


def _anatomy(site: Site) -> Row:
    lg, now = site.system("agent_server"), levels(site)
    wait, execution = lg["run_queue_wait_time_1st_attempt"], lg["run_execution_latency"].where(status="success")
    attempts = rate(lg["run_attempt_started_counter"])
    succeeded, failed, canceled, retriable = (
        rate(lg[f"run_{what}_counter"]).filled(attempts)
        for what in ("success", "failed_after_retry", "canceled_by_request", "failed_retriable")
    )
    return row(
        "Anatomy of a run: waiting and executing",
        lines("Runs waiting and running", now["pending"].named("waiting"), now["running"].named("running")),
        lines("Wait for a job slot", *(quantile(q, wait) for q in (0.5, 0.95, 0.99))),
        lines("Job slots", now["slots_busy"].named("busy"), now["slots_free"].named("free"), stack=True),
        lines("Execution of successful attempts", *(quantile(q, execution) for q in (0.5, 0.95, 0.99))),
        lines("Runs that ended", succeeded.named("succeeded"), failed.named("failed"), canceled.named("cancelled")),
        lines("Attempts", attempts.named("started"), retriable.named("failed, tried again")),
    )


def _publishing(site: Site) -> Row:
    lg = site.system("agent_server")
    publish = lg["stream_publish_latency"]
    loss = rate(lg["streaming_data_loss_counter"].where_not(reason="protocol_v2_buffer_overflow"))
    return row(
        "Anatomy of a run: publishing",
        lines(
            "Time to publish a stream event",
            *(quantile(q, publish) for q in (0.5, 0.95, 0.99)),
            limit=site.limit("stream_publish_p99"),
        ),
        lines("Lost stream events", loss.filled(rate(lg["run_attempt_started_counter"])).named("lost")).noting(
            "Lost for good; evictions from the replay buffer are left out."
        ),
    )
