"""An OpenTelemetry Collector that scrapes every system in the place of Prometheus, and the Prometheus that it hands the series to.

The receiver is Prometheus' own scraping code with the jobs of the scrape files, so targets, labels, `up`, staleness and resets
are those that Prometheus would have. The labels of a target stay labels of its series; `job` and `instance` travel as the
attributes `service.name` and `service.instance.id` of the resource and come back. No processor adds attributes of
Kubernetes: relabelling has asked it already. External labels are the receiver's, which puts them on every series. The exporter
leaves names as they are, and says nothing of its scope, which would be two labels more that change with the Collector's version.
The receiver does not leave those of info metrics, so a processor gives them back.

Source: README.md, config.go and factory.go of the components at 0.165; names and keys are those since 0.158.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath as Path
from typing import Any

from generator.boards.layout import LeftOut
from generator.bundle import Bundle
from generator.catalogue import Kind
from generator.config.formats import REMOTE_WRITE
from generator.config.site import Site
from generator.discovery import scrape
from generator.discovery.collector import escaped
from generator.outputs import documents, text, timescale

Json = dict[str, Any]

CONFIGURATION, RECEIVING = Path("collector/collector.yaml"), Path("collector/prometheus.yml")

#: Where the series go unless the configuration says it.
ENDPOINTS: Mapping[str, str] = {
    REMOTE_WRITE: "${env:PROMETHEUS_REMOTE_WRITE_URL}",
    "otlp_http": "${env:OTLP_METRICS_ENDPOINT}",
}

#: How names are written: as they are, but for what no old Prometheus can read, of which no page here has any. Prometheus
#: itself knows this since 3.6, and plainly as they are since 3.5.
AS_THEY_ARE, PLAINLY = "UnderscoreEscapingWithoutSuffixes", "NoTranslation"

#: What the receiver takes off an info metric of a page in OpenMetrics, whose family has no such suffix. Source: its
#: metadata.go, at `normalizeMetricName`, and util.go, at `metricSuffixInfo`.
_SUFFIX = "_info"

#: The info metric of which the receiver makes attributes of the resource, which are no labels and no series, and the name
#: under which it passes. Source: its transaction.go, at `AddTargetInfo`.
_OF_THE_TARGET, _CARRIED = "target_info", "agentobs_target_info"

#: How long samples wait for company: rules look at the present, in which what waits here is missing.
_WAIT = "1s"

#: How far back samples may come, after the far end was away: the exporter tries again for five minutes.
_LATE = "10m"


def render(bundle: Bundle) -> Mapping[Path, str]:
    """Return the Collector's configuration, where it finds anything, and that of the Prometheus behind it."""
    jobs, comments = _jobs(bundle.site), _found(bundle.site)
    source = "generator/outputs/collector.py"
    out = {CONFIGURATION: text.generated(_collector(bundle, jobs), source, comments)} if jobs else {}
    out[RECEIVING] = text.generated(documents.on_its_clock(bundle, _receiving(bundle)), source, _begun(bundle.site))
    if bundle.time_scale != 1:
        out = {path: timescale.banner(bundle.time_scale) + written for path, written in out.items()}
    return out


def left_out(bundle: Bundle) -> Sequence[LeftOut]:
    """Return the enabled systems that no discovery finds."""
    where, site = str(CONFIGURATION), bundle.site
    why = "nothing says where it runs: name static, dns, files or kubernetes under scrape"
    return [
        LeftOut(where, name, why)
        for name in _enabled(site)
        if not any(scrape.jobs(site, name, kind) for kind in _kinds(site, name))
    ]


def _infos(site: Site, system: str) -> set[str]:
    return {m.full_name for m in site.system(system) if m.kind is Kind.INFO and not m.missing}


def _named_again(site: Site) -> list[Json]:
    """Return what gives info metrics their names back; one that comes under its own is passed by."""
    found = sorted({info for name in _enabled(site) for info in _infos(site, name) if info.endswith(_SUFFIX)})
    bare = {info: _CARRIED if info == _OF_THE_TARGET else info.removesuffix(_SUFFIX) for info in found}
    return [{"include": bare[info], "action": "update", "new_name": info} for info in found]


def _enabled(site: Site) -> list[str]:
    return [name for name, system in site.config.systems.items() if system.enabled]


def _kinds(site: Site, name: str) -> Sequence[str]:
    """Return how a system is found: as bundle.yaml says it, else by Kubernetes, where most Collectors run."""
    return site.config.systems[name].discovery.kinds or ("kubernetes",)


def _jobs(site: Site) -> list[Json]:
    return [
        _carrying(job) if _OF_THE_TARGET in _infos(site, name) else job
        for name in _enabled(site)
        for kind in _kinds(site, name)
        for job in scrape.jobs(site, name, kind)
    ]


def _carrying(job: Json) -> Json:
    """Return a job whose series of this one name come under another, behind all other relabelling."""
    renamed = {
        "source_labels": ["__name__"],
        "regex": _OF_THE_TARGET,
        "target_label": "__name__",
        "replacement": _CARRIED,
    }
    return {**job, "metric_relabel_configs": [*job.get("metric_relabel_configs", []), renamed]}


def _found(site: Site) -> list[str]:
    """Return what a reader has to know: the versions, the variables, and what was assumed."""
    options = site.config.formats.collector
    out = ["For OpenTelemetry Collector 0.158 or later; run one replica, since each would scrape every target."]
    if not options.endpoint:
        named = ENDPOINTS[options.exporter].removeprefix("${env:").removesuffix("}")
        out.append(f"Set {named}, or formats: {{collector: {{endpoint: URL}}}} in bundle.yaml.")
    assumed = [name for name in _enabled(site) if not site.config.systems[name].discovery.kinds]
    if assumed:
        out.append(f"Found by Kubernetes, because bundle.yaml says nothing else: {', '.join(assumed)}.")
    return out


def _begun(site: Site) -> list[str]:
    flag = "remote-write" if site.config.formats.collector.exporter == REMOTE_WRITE else "otlp"
    return [f"Start it with --web.enable-{flag}-receiver. It scrapes what monitors, and the Collector everything else."]


def _collector(bundle: Bundle, jobs: list[Json]) -> Json:
    site = bundle.site
    scraping: Json = {"scrape_interval": site.timing.scrape, "scrape_timeout": site.timing.timeout}
    if site.config.external_labels:
        scraping["external_labels"] = dict(site.config.external_labels)
    scraped: Json = documents.on_its_clock(bundle, {"global": scraping, "scrape_configs": jobs})
    wait = _WAIT if bundle.time_scale == 1 else timescale.duration(_WAIT, bundle.time_scale)
    options = site.config.formats.collector
    again = _named_again(site)
    processors: Json = {
        # Refuses before anything is held; its limits are shares of the container's memory.
        "memory_limiter": {"check_interval": "1s", "limit_percentage": 80, "spike_limit_percentage": 20},
        **({"metrics_transform": {"transforms": again}} if again else {}),
        "batch": {"timeout": wait, "send_batch_size": 8192},
    }
    endpoint = escaped(options.endpoint) or ENDPOINTS[options.exporter]
    exporter: Json = {"endpoint": endpoint}
    if options.exporter == REMOTE_WRITE:
        exporter = {
            "http": {"endpoint": endpoint},
            "translation_strategy": AS_THEY_ARE,
            "disable_scope_info": True,
            "target_info": {"enabled": False},
            "send_metadata": True,
            # One request after the other: few servers take a sample that is older than one they have.
            "max_batch_request_parallelism": 1,
        }
    pipeline = {"receivers": ["prometheus"], "processors": list(processors), "exporters": [options.exporter]}
    return {
        "receivers": {"prometheus": {"config": escaped(scraped)}},
        "processors": processors,
        "exporters": {options.exporter: exporter},
        "service": {"pipelines": {"metrics": pipeline}},
    }


def _receiving(bundle: Bundle) -> Json:
    """Return the configuration of the Prometheus that has the rules: it scrapes itself and Alertmanager, no system."""
    site = bundle.site
    systems = {
        job["job_name"] for name in _enabled(site) for kind in scrape.KINDS for job in scrape.jobs(site, name, kind)
    }
    out = dict(bundle.prometheus)
    out["scrape_configs"] = [job for job in out["scrape_configs"] if job["job_name"] not in systems]
    out["storage"] = {"tsdb": {"out_of_order_time_window": _LATE}}
    if site.config.formats.collector.exporter != REMOTE_WRITE:
        out["otlp"] = {"translation_strategy": PLAINLY}
    return out
