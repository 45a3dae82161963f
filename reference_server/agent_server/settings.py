"""Flags and environment to one frozen value: flag first, then environment, then default.

The Agent Server's own variables have the meaning, default and clamping that they have there. What the real
server does not know (role, scenario, clock) has a flag, and a variable that starts with AGENT_REFERENCE_.
Reads nothing by itself: both come as arguments.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from reference_server.agent_server import versions
from reference_server.core.settings import (
    BOOLEAN,
    COUNT,
    HOST,
    HOSTS,
    PORT,
    SCENARIO,
    SEED,
    TIME_SCALE,
    Field,
    SettingsError,
    boolean,
    integer,
    one_of,
    positive,
    sources,
)

ROLES = ("combined", "api", "queue")
RUNTIMES = ("postgres", "inmem")
ERAS = ("new", "old")

#: Deployment types for which the real server lowers its default ceiling to tier 1.
DEVELOPMENT = ("dev", "dev_free")

#: Where the metrics push goes when nothing else is said, as in the real server.
DATADOG_HOST = "otlp.us5.datadoghq.com"

TIERS = (1, 4)

#: Largest fleet: ten times the one that the benchmark holds against its bounds.
LARGEST_FLEET = 10_000


#: Most runs that one process executes at once.
MOST_SLOTS = 10_000


@dataclass(frozen=True, slots=True)
class Settings:
    """One process of the reference server.

    Attributes:
        role: combined, api, or queue.
        runtime: postgres, or inmem, which has the role combined only.
        era: new (Agent Server 0.11.0 and later) or old.
        version: Which version it is; empty for the usual one of the era.
        host, port: Where it listens; port 0 takes a free one.
        scenario: Name of a shipped scenario or path of a file; `idle` has no users; empty means `calm`.
        time_scale: Virtual seconds per second.
        seed: Of every random number.
        join: URL of the process whose deployment this one belongs to; empty for the first one.
        fleet: How many servers to simulate; 0 is one server.
        whole: Every process of the scenario has a page of its own here, and a list tells Prometheus where they are.
        coordinate: Processes on other machines may join, if they know the secret.
        secret_file: File with the secret of the deployment; the first process makes it where there is none.
        hosts: Names under which requests that change something may call the server, beside loopback's.
        metric_prefix: What metric names start with.
        expose_internal: Internal metrics are on the page.
        max_tier: Highest emitting tier, 1 to 4; UI metrics ignore it.
        deployment_type, project_id, revision_id, project_name, pod_name: Identity; empty when unset.
        slots: Runs that one process executes at once; 0 on an api process.
        stats_interval_seconds: How often gauges refresh, in virtual seconds.
        buffer_events: Events that a run keeps for readers who come back (protocol version 2).
        max_retries, timeout_seconds, grace_seconds: Limits of a run, and of the drain at the end.
        async_publish_queue: Streams go through a queue whose free share is a metric.
        mount_prefix: Path below which the API answers; empty for the root.
        max_body_bytes: Largest request body; the real server's default is 300 MiB, which no run here needs.
        datadog_key, datadog_host, datadog_scheme: The push; no key, no push. Any scheme but https is for tests.
        datadog_interval_seconds: Between two pushes.
        given: Names of the fields that were not left to their defaults.

    """

    role: str = "combined"
    runtime: str = "postgres"
    era: str = "new"
    version: str = ""
    host: str = "127.0.0.1"
    port: int = 8000
    scenario: str = ""
    time_scale: float = 1.0
    seed: int = 1
    join: str = ""
    fleet: int = 0
    whole: bool = False
    coordinate: bool = False
    secret_file: str = ""
    hosts: tuple[str, ...] = ()
    metric_prefix: str = "lg_api_"
    expose_internal: bool = False
    max_tier: int = 2
    deployment_type: str = ""
    project_id: str = ""
    revision_id: str = ""
    project_name: str = ""
    pod_name: str = ""
    slots: int = 10
    stats_interval_seconds: int = 60
    buffer_events: int = 10_000
    max_retries: int = 3
    timeout_seconds: float = 86_400.0
    grace_seconds: int = 180
    async_publish_queue: bool = False
    mount_prefix: str = ""
    max_body_bytes: int = 10 * 1024 * 1024
    datadog_key: str = ""
    datadog_host: str = DATADOG_HOST
    datadog_scheme: str = "https"
    datadog_interval_seconds: float = 10.0
    given: tuple[str, ...] = ()

    @property
    def internal(self) -> bool:
        """Whether internal metrics are on the page; no version of the old era ever shows them."""
        return self.expose_internal and self.era == "new"


def _tier(text: str) -> int:
    return min(max(int(text), TIERS[0]), TIERS[1])


def _project(text: str) -> str:
    if text:
        uuid.UUID(text)
    return text


def _prefix(text: str) -> str:
    # The real server takes any text, and Prometheus then refuses its whole page.
    if text and not re.fullmatch(r"[a-zA-Z_:][a-zA-Z0-9_:]*", text):
        raise ValueError(text)
    return text


def _mount(text: str) -> str:
    if text and (not text.startswith("/") or text == "/noauth" or text.startswith("/noauth/")):
        raise ValueError(text)
    return text.removesuffix("/")


def _url(text: str) -> str:
    if text and not re.fullmatch(r"http://[^/\s:]+(:\d+)?/?", text):
        raise ValueError(text)
    return text.removesuffix("/")


#: Every field, in the order in which problems are told.
FIELDS = (
    Field("role", "--role", ("AGENT_REFERENCE_ROLE",), one_of(ROLES), "combined, api or queue"),
    Field("runtime", "--runtime", ("AGENT_REFERENCE_RUNTIME",), one_of(RUNTIMES), "postgres or inmem"),
    Field("era", "--era", ("AGENT_REFERENCE_ERA",), one_of(ERAS), "new (0.11.0 and later) or old"),
    Field(
        "version",
        "",
        ("AGENT_REFERENCE_VERSION",),
        versions.read,
        f"a version from {versions.OLDEST} on",
    ),
    HOST,
    PORT,
    SCENARIO,
    TIME_SCALE,
    SEED,
    Field("join", "--join", ("AGENT_REFERENCE_JOIN",), _url, "http://host:port of the first process"),
    Field("fleet", "--fleet", ("AGENT_REFERENCE_FLEET",), integer(0, LARGEST_FLEET), f"0 to {LARGEST_FLEET} servers"),
    Field("whole", "--whole", ("AGENT_REFERENCE_WHOLE",), boolean, BOOLEAN),
    Field("coordinate", "--coordinate", ("AGENT_REFERENCE_COORDINATE",), boolean, BOOLEAN),
    Field("secret_file", "--secret-file", ("AGENT_REFERENCE_SECRET_FILE",), str, "a file"),
    HOSTS,
    Field("metric_prefix", "", ("METRIC_PREFIX",), _prefix, "what a metric name may start with, such as lg_api_"),
    Field("expose_internal", "", ("EXPOSE_INTERNAL_METRICS_PROMETHEUS",), boolean, BOOLEAN),
    Field("max_tier", "", ("METRIC_MAX_EMITTING_TIER",), _tier, "a whole number; it is clamped to 1..4"),
    Field("deployment_type", "", ("LSD_DEPLOYMENT_TYPE",), str, "a text"),
    Field("project_id", "", ("LANGSMITH_HOST_PROJECT_ID",), _project, "a UUID, or nothing"),
    Field("revision_id", "", ("LANGSMITH_HOST_REVISION_ID",), str, "a text"),
    Field("project_name", "", ("LANGSMITH_HOST_PROJECT_NAME",), str, "a text"),
    Field("pod_name", "", ("HOSTNAME",), str, "a text"),
    Field("slots", "", ("N_JOBS_PER_WORKER",), integer(0, MOST_SLOTS), "a whole number, 0 on an api process"),
    Field("stats_interval_seconds", "", ("STATS_INTERVAL_SECS",), integer(1), f"{COUNT} (seconds)"),
    Field("buffer_events", "", ("LSD_PROTOCOL_V2_BUFFER_SIZE",), integer(1), f"{COUNT} (events)"),
    Field("max_retries", "", ("BG_JOB_MAX_RETRIES",), integer(0), "a whole number, at least 0"),
    Field("timeout_seconds", "", ("BG_JOB_TIMEOUT_SECS",), positive, "a number above 0 (seconds)"),
    Field("grace_seconds", "", ("BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS",), integer(0), "a whole number (seconds)"),
    Field("async_publish_queue", "", ("FF_ASYNC_PUBLISH_QUEUE",), boolean, BOOLEAN),
    Field("mount_prefix", "", ("MOUNT_PREFIX",), _mount, "a path that starts with / and is not below /noauth"),
    Field("max_body_bytes", "", ("HTTP_MAX_REQUEST_BODY_BYTES",), integer(1), f"{COUNT} (bytes)"),
    Field("datadog_key", "", ("CUSTOM_LSD_DD_API_KEY", "LSD_DD_API_KEY"), str, "a key"),
    Field("datadog_host", "", ("CUSTOM_LSD_DD_ENDPOINT", "LSD_DD_ENDPOINT"), str, "a host name"),
    Field(
        "datadog_scheme",
        "",
        ("AGENT_REFERENCE_DD_SCHEME",),
        one_of(("https", "http")),
        "https, or http in a test",
    ),
    Field("datadog_interval_seconds", "", ("AGENT_REFERENCE_DD_INTERVAL",), positive, "a number above 0 (seconds)"),
)

#: What a process that joins a deployment says for itself: its role with its slots, and who it is.
OWN = frozenset({"role", "slots", "pod_name", "project_name", "project_id", "revision_id", "deployment_type"})


def read(flags: Mapping[str, str], environment: Mapping[str, str]) -> Settings:
    """Return the settings of flags (by field name) and environment; a flag wins over a variable.

    Raises:
        SettingsError: Some value cannot be used, or two contradict each other; carries every problem.

    """
    values: dict[str, object] = {}
    problems: list[str] = []
    for field in FIELDS:
        for source, text in sources(field, flags, environment):
            try:
                values[field.name] = field.read(text)
            except (ValueError, KeyError):
                problems.append(f"{source} is {text!r}; wanted: {field.wanted}")
            break
    if version := str(values.get("version", "")):
        meant = versions.era(version)
        if values.setdefault("era", meant) != meant:
            problems.append(f"AGENT_REFERENCE_VERSION is {version!r}; wanted: one of the era {values['era']}")
    if values.get("deployment_type") in DEVELOPMENT:
        values.setdefault("max_tier", TIERS[0])
    _settle_role(values, problems)
    if problems:
        raise SettingsError(problems)
    return Settings(**values, given=tuple(values))  # type: ignore[arg-type]  # each came out of its field's reader


def texts(flags: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """Every field that is given, as text by its name: flags that say the same as both arguments together."""
    found = {field.name: sources(field, flags, environment) for field in FIELDS}
    return {name: sources[0][1] for name, sources in found.items() if sources}


def _settle_role(values: dict[str, object], problems: list[str]) -> None:
    """Fill in what follows from the role, as the real server does: an api process is one without job slots."""
    slots = values.get("slots")
    if "role" not in values and slots == 0:
        values["role"] = "api"
    role = values.get("role", "combined")
    if role == "api":
        if slots:
            problems.append(f"N_JOBS_PER_WORKER is '{slots}'; wanted: 0 with the role api, which executes no runs")
        values["slots"] = 0
    elif slots == 0:
        problems.append(f"N_JOBS_PER_WORKER is '0'; wanted: at least 1 with the role {role}, which executes runs")
    if values.get("runtime") == "inmem" and role != "combined":
        problems.append(f"--role is '{role}'; wanted: combined, the only role of the runtime inmem")
    if values.get("coordinate") and not values.get("secret_file"):
        problems.append(
            "--coordinate is 'true'; wanted: a file with a secret, in --secret-file, that the others know too"
        )
    kinds = [f"--{name}" for name in ("fleet", "whole", "join") if values.get(name)]
    if len(kinds) > 1:
        problems.append(f"{' and '.join(kinds)} contradict each other; wanted: one of them")
    if role == "queue":
        # The code's default for the queue's own small server; the chart sets 8000.
        values.setdefault("port", 8080)
