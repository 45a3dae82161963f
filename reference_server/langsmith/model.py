"""LangSmith as one of the systems whose metrics follow from rates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from generator.catalogue import Kind, Metric
from reference_server.core.rates.model import Model, ServiceProcess
from reference_server.langsmith import sandboxes, smithdb
from reference_server.langsmith.databases import clickhouse, nginx, postgres, redis
from reference_server.langsmith.page import CONTENT_TYPE, write
from reference_server.langsmith.queues import ingest, queues
from reference_server.langsmith.routes import routes
from reference_server.langsmith.services import service
from reference_server.langsmith.workload import LangSmithWorkload

#: As the services and the exporters' own defaults have them. Source: seed 004, the catalogue.
PORTS = {
    "backend": 1984,
    "platform-backend": 1986,
    "playground": 1988,
    "host-backend": 1985,
    "ingest-queue": 1989,
    "frontend-nginx": 9113,
    "postgres": 9187,
    "redis": 9121,
    "clickhouse": 9363,
    "queue-depth": 7979,
    "smithdb-query": 8060,
    "smithdb-ingestion": 8050,
    "smithdb-compaction": 8070,
    "smithdb-compaction-worker": 9000,
    "smithdb-cluster-manager": 8090,
    "smithdb-migration": 9040,
    "sandbox-host": 19190,
}

#: What moves the pages of a role: process, workload, seconds, the process's share.
ROLES = {
    **dict.fromkeys(("backend", "platform-backend", "playground", "host-backend"), service),
    "ingest-queue": ingest,
    "frontend-nginx": nginx,
    "postgres": postgres,
    "redis": redis,
    "clickhouse": clickhouse,
    "queue-depth": queues,
    **dict.fromkeys(smithdb.ROLES, smithdb.tick),
    "sandbox-host": sandboxes.tick,
}

#: The edges of prometheus_client, seconds: nobody has seen those of the services.
GUESSED = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)


def begin(process: ServiceProcess, workload: LangSmithWorkload) -> None:
    """Put on a page what is there from the start: a slice in which nothing happens."""
    tick(process, workload, 0.0, 1.0)


def tick(process: ServiceProcess, workload: LangSmithWorkload, seconds: float, share: float) -> None:
    """Let a slice of time pass."""
    ROLES[process.role](process, workload, seconds, share)


def metrics(role: str, known: tuple[Metric, ...]) -> tuple[Metric, ...]:
    """Return what a role has; histograms whose edges nobody has seen have guessed ones."""
    own = [m for m in known if any(role in roles for e in m.emission.values() for roles in e.roles.values())]
    return tuple(replace(m, buckets=GUESSED) if m.kind is Kind.HISTOGRAM and not m.buckets else m for m in own)


def labels(process: ServiceProcess) -> Mapping[str, str]:
    """Return the target labels that discovery in Kubernetes adds."""
    return {"k8s_service": f"langsmith-{process.role}", "k8s_pod": process.name}


MODEL = Model(
    system="langsmith",
    roles={
        "backend": 2, "platform-backend": 2, "playground": 1, "host-backend": 1, "ingest-queue": 2, "frontend-nginx": 1,
        "postgres": 1, "redis": 1, "clickhouse": 1, "queue-depth": 3,
        **dict.fromkeys(smithdb.ROLES, 0), "sandbox-host": 0,
    },
    workload=LangSmithWorkload,
    begin=begin,
    tick=tick,
    job=lambda role: f"langsmith-{role}",
    port=lambda role: PORTS[role],
    page=write,
    labels=labels,
    metrics=metrics,
    content_type=CONTENT_TYPE,
    routes=routes,
)  # fmt: skip
