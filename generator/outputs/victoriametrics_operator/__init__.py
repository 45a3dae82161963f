"""Objects for VictoriaMetrics' operator, as kustomizations: rules, scrapes, notifications; boards as `kubernetes` has them.

Source of the kinds and their keys: the published types of github.com/VictoriaMetrics/operator, api/operator/v1beta1 (Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath as Path
from typing import Any

from generator.boards.layout import LeftOut
from generator.bundle import Bundle
from generator.outputs import documents
from generator.outputs.kubernetes import absent, boards, kustomized, rules, scraping
from generator.outputs.kubernetes.notifications import SECRET, SOURCE, key_of
from generator.outputs.kubernetes.objects import KEPT, File, Json, made

NAME = "victoriametrics-operator"
VERSION = "operator.victoriametrics.com/v1beta1"

#: Where the operator writes what its objects' rules of relabelling are called.
_RULES, _METRIC_RULES = "relabelConfigs", "metricRelabelConfigs"


def render(bundle: Bundle) -> Mapping[Path, str]:
    """Return every file's text by its path below the output folder."""
    return kustomized(bundle, NAME, list(files(bundle)))


def files(bundle: Bundle) -> Iterator[File]:
    """Yield every file with its objects; of boards both forms."""
    yield from rules.files(bundle, VERSION, "VMRule")
    for name, jobs in scraping.jobs_of(bundle).items():
        if jobs:
            yield File("scrape", name, [_scrape(bundle, name, job) for job in jobs], scraping.SOURCE, name)
    if bundle.modules["modules"]:
        yield scraping.exporter(bundle)
    yield _told(bundle)
    yield from boards.configmaps(bundle)
    yield from boards.grafana_dashboards(bundle)


def left_out(bundle: Bundle) -> Sequence[LeftOut]:
    """Return what no object of this operator can say."""
    config = bundle.site.config
    limited = [
        LeftOut(f"{NAME}/scrape/{name}.yaml", "label_limit", "the operator has no such key; sample_limit is there")
        for name, system in config.systems.items()
        if system.enabled and system.discovery.label_limit
    ]
    return [*absent(bundle, NAME), *limited]


def _scrape(bundle: Bundle, system: str, job: Json) -> Json:
    """Return the object of a job: of pods, of Services, or of addresses, JSON pages included."""
    (discovered,) = job.get("kubernetes_sd_configs", [{}])
    match discovered.get("role"):
        case "pod" if not scraping.questioned(job):
            kind, spec = (
                "VMPodScrape",
                {"podMetricsEndpoints": [_endpoint(bundle, system, job, scraping.named_port(job))]},
            )
        case "endpointslice":
            port, rest = scraping.without_port(job)
            kind, spec = "VMServiceScrape", {"endpoints": [_endpoint(bundle, system, rest, port)]}
        case _:
            kind, spec = "VMScrapeConfig", _addresses(bundle, system, job)
    sought = {"namespaceSelector": scraping.namespaces(discovered), "selector": {}}
    found = sought if kind != "VMScrapeConfig" else {}
    return made(bundle, VERSION, kind, job["job_name"], "scrape", {**found, **spec}, annotations=KEPT)


def _addresses(bundle: Bundle, system: str, job: Json) -> Json:
    """Return what finds addresses, and pods that an exporter is asked about; how often a name is looked up is a flag of vmagent."""
    found = {
        "kubernetesSDConfigs": job.get("kubernetes_sd_configs"),
        "staticConfigs": job.get("static_configs"),
        "dnsSDConfigs": [{key: one[key] for key in ("names", "type", "port")} for one in job.get("dns_sd_configs", ())],
        "params": job.get("params"),
    }
    labelled = tuple(label for group in job.get("static_configs", ()) for label in group.get("labels", ()))
    return {key: value for key, value in found.items() if value} | _endpoint(bundle, system, job, {}, labelled)


def _endpoint(bundle: Bundle, system: str, job: Json, port: Mapping[str, Any], labelled: Sequence[str] = ()) -> Json:
    """Return how a page is asked and what its targets are called."""
    limit = {"sampleLimit": job["sample_limit"]} if "sample_limit" in job else {}
    metric = {_METRIC_RULES: [scraping.camel(rule) for rule in job.get("metric_relabel_configs", ())]}
    return {
        **port,
        **scraping.asked(bundle, system, job),
        **limit,
        _RULES: scraping.relabelling(job, labelled),
        **(metric if metric[_METRIC_RULES] else {}),
    }


def _told(bundle: Bundle) -> File:
    """Return Alertmanager's configuration, which this operator takes in Alertmanager's own words but for secrets."""
    plain = documents.alertmanager_yml(bundle)
    receivers = [
        {
            **one,
            **(
                {"webhook_configs": [_webhook(hook) for hook in hooks]} if (hooks := one.get("webhook_configs")) else {}
            ),
        }
        for one in plain["receivers"]
    ]
    one = made(bundle, VERSION, "VMAlertmanagerConfig", "alerts", "alertmanager", {**plain, "receivers": receivers})
    return File("alertmanager", "alerts", [one], SOURCE)


def _webhook(hook: Json) -> Json:
    asked: Json = hook.get("http_config", {})
    out = {key: value for key, value in hook.items() if key != "http_config"}
    if "basic_auth" in asked:
        out["http_config"] = {"basic_auth": {key: key_of(SECRET, key) for key in ("username", "password")}}
    elif "authorization" in asked:
        out["http_config"] = {"authorization": {"type": "Bearer", "credentials": key_of(SECRET, "token")}}
    return out
