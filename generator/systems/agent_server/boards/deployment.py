"""One Agent Server deployment: is it well, and where does a run spend its time?

For the owner of the deployment, and for the on-call who came from the fleet. Top to bottom: the golden signals, then the anatomy of a run
(waiting, executing, publishing), then its processes.
"""

from __future__ import annotations

from generator.boards import processes as targets
from generator.boards.layout import Board, Row, board, row
from generator.boards.panels import lines, stat
from generator.boards.variables import WIDE
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
        rows=[
            _now(site),
            _golden(site),
            _anatomy(site),
            _publishing(site),
            targets.process_table(site, "agent_server"),
        ],
    )


def _now(site: Site) -> Row:
    now = levels(site)
    errors, requests = (flow(site, "http_availability", what) for what in ("bad", "total"))
    failed, ended = (flow(site, "run_success", what) for what in ("bad", "total"))
    return row(
        "Status",
        stat("Processes up", now["targets_up"]).normal("As many as are deployed.", alert="AgentServerTargetDown"),
        stat("Requests", requests).normal("Your clients' usual traffic."),
        stat("5xx ratio", errors / requests, limit=site.limit("http_error_ratio")).normal(
            "Below 1 %.", "Open the board Agent Server / HTTP API.", alert="AgentServerAvailabilityBurn1h"
        ),
        stat("Queue depth", now["pending"]).normal(
            "Close to 0 while slots are free.",
            "Open the board Agent Server / Queue and workers.",
            alert="AgentServerBacklogNotDraining",
        ),
        stat("Free job slots", now["slots_free"]).normal(
            "Above 0.", "Add workers.", alert="AgentServerWorkersSaturated"
        ),
        stat("Failed run ratio", failed / ended).normal(
            "What your agents' code makes it; steady.",
            "Open the board Agent Server / Runs.",
            alert="AgentServerRunSuccessBurn1h",
        ),
    )


def _golden(site: Site) -> Row:
    now, latency = levels(site), site.system("agent_server")["http_requests_latency"].not_matching(path=RUN_HOLDING)
    errors, requests = (flow(site, "http_availability", what) for what in ("bad", "total"))
    return row(
        "Golden signals",
        lines("Request rate", requests.named("requests")).normal(
            "The shape of your days.", "A sudden fall is a client or a load balancer."
        ),
        lines("Error ratio", (errors / requests).named("failed share"), limit=site.limit("http_error_ratio")).normal(
            "Below 1 %.", "Open the board Agent Server / HTTP API.", alert="AgentServerAvailabilityBurn1h"
        ),
        lines("Latency", *(quantile(q, latency) for q in (0.5, 0.95, 0.99))).normal(
            "p99 within some times the median.",
            "Open the board Agent Server / HTTP API.",
            alert="AgentServerApiLatencyHigh",
        ),
        lines(
            "Saturation",
            (now["slots_busy"] / now["slots"]).named("job slots"),
            now["pg_used"].named("Postgres pool, fullest process"),
            now["redis_used"].named("Redis pool, fullest process"),
        ).normal(
            "Below 80 % each.",
            "Job slots: add workers. Pools: open the board Postgres and Redis pools.",
            alert=("AgentServerWorkersSaturated", "AgentServerPgPoolNearlyFull"),
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
        "Runs: queue and execution",
        lines("Waiting and running runs", now["pending"].named("waiting"), now["running"].named("running")).normal(
            "Waiting runs drain within minutes.", alert="AgentServerQueueStalled"
        ),
        lines("Queue wait", *(quantile(q, wait) for q in (0.5, 0.95, 0.99))).normal(
            "Below a second while slots are free.", "Add job slots.", alert="AgentServerQueueWaitExtreme"
        ),
        lines("Job slots", now["slots_busy"].named("busy"), now["slots_free"].named("free"), stack=True).normal(
            "Some free.", "Add workers, or raise N_JOBS_PER_WORKER.", alert="AgentServerWorkersSaturated"
        ),
        lines("Execution time", *(quantile(q, execution) for q in (0.5, 0.95, 0.99))).normal(
            "As long as your agents take; steady.",
            "Compare the latency of models and tools in the traces.",
            alert="AgentServerRunExecutionSlow",
        ),
        lines(
            "Runs by outcome", succeeded.named("succeeded"), failed.named("failed"), canceled.named("cancelled")
        ).normal("Nearly all succeed.", "Open the board Agent Server / Runs."),
        lines("Attempts and retries", attempts.named("started"), retriable.named("failed, tried again")).normal(
            "Few retries.", "Look for workers that restart.", alert="AgentServerRetriableFailuresHigh"
        ),
    )


def _publishing(site: Site) -> Row:
    lg = site.system("agent_server")
    publish = lg["stream_publish_latency"]
    loss = rate(lg["streaming_data_loss_counter"].where_not(reason="protocol_v2_buffer_overflow"))
    return row(
        "Runs: streaming",
        lines(
            "Publish latency",
            *(quantile(q, publish) for q in (0.5, 0.95, 0.99)),
            limit=site.limit("stream_publish_p99"),
        ).normal("p99 below 100 ms.", "Check Redis: latency and memory.", alert="AgentServerStreamPublishSlow"),
        lines("Lost stream events", loss.filled(rate(lg["run_attempt_started_counter"])).named("lost"))
        .with_note("Lost for good; evictions from the replay buffer are left out.")
        .normal("0.", "Open the board Agent Server / Streaming.", alert="AgentServerStreamDataLoss"),
    )
