"""Scrape jobs as objects: PodMonitors and ServiceMonitors for what discovery finds, Probes for addresses that an exporter asks, ScrapeConfigs else.

Each is made from the job of the plain files, so both find the same and call it the same. What an operator adds of its own is
taken away first: labels such as `pod` and `endpoint` would push aside those of a series that has them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from generator.bundle import Bundle
from generator.discovery import scrape
from generator.discovery.kubernetes import served, through_services
from generator.outputs import documents
from generator.outputs.kubernetes.notifications import key_of
from generator.outputs.kubernetes.objects import KEPT, File, Json, made

SOURCE = "generator/discovery/scrape.py"

#: Labels that an operator gives targets by itself.
FOREIGN = ("container", "endpoint", "namespace", "node", "pod", "service")

_PORT = "__meta_kubernetes_endpointslice_port_name"
_VERSION, _ALPHA = "monitoring.coreos.com/v1", "monitoring.coreos.com/v1alpha1"
_CAMEL = {"source_labels": "sourceLabels", "target_label": "targetLabel"}


def files(bundle: Bundle) -> Iterator[File]:
    """Yield one file per system that is scraped, and the json_exporter's configuration where it has pages to read."""
    for name, jobs in jobs_of(bundle).items():
        objects = [one for job in jobs for one in _objects(bundle, name, job)]
        if objects:
            yield File("scrape", name, objects, SOURCE, name)
    if bundle.modules["modules"]:
        yield exporter(bundle)


def jobs_of(bundle: Bundle) -> Mapping[str, Sequence[Json]]:
    """Return the jobs of each enabled system, on the bundle's clock: of the kinds that its configuration names, or pods and Services."""
    out: dict[str, list[Json]] = {}
    for name, system in bundle.site.config.systems.items():
        kinds = system.discovery.kinds or ("kubernetes",)
        for kind in kinds if system.enabled else ():
            if kind != "file":
                jobs = [_found(bundle, name, job) for job in scrape.jobs(bundle.site, name, kind)]
                out.setdefault(name, []).extend(documents.on_its_clock(bundle, {"jobs": jobs})["jobs"])
    return out


def _found(bundle: Bundle, system: str, job: Json) -> Json:
    """Return a job as the options want it: of pods, or of the same pods through their Services."""
    site, (discovered,) = bundle.site, job.get("kubernetes_sd_configs", [{}])
    roles = [r["replacement"] for r in job["relabel_configs"] if r.get("target_label") == site.labels.role]
    if (
        system not in site.config.formats.kubernetes.service_monitors
        or discovered.get("role") != "pod"
        or questioned(job)
        or "".join(roles) not in served(site.catalogue.systems[system])
    ):
        return job
    return through_services(job)


def exporter(bundle: Bundle) -> File:
    """Return the ConfigMap with the modules of the json_exporter."""
    from generator.outputs import text

    data = {"json_exporter.yaml": text.plain(bundle.modules)}
    one = made(bundle, "v1", "ConfigMap", "json-exporter", "scrape", data, annotations=KEPT)
    return File("scrape", "json_exporter", [one], "generator/discovery/probes.py")


def _objects(bundle: Bundle, system: str, job: Json) -> Iterator[Json]:
    (discovered,) = job.get("kubernetes_sd_configs", [{}])
    match discovered.get("role"):
        case "pod" if not questioned(job):
            yield _pod_monitor(bundle, system, job, discovered)
        case "endpointslice":
            yield _service_monitor(bundle, system, job, discovered)
        case _ if questioned(job) and "static_configs" in job:
            yield from _probes(bundle, system, job)
        case _:
            yield _scrape_config(bundle, system, job)


def questioned(job: Json) -> bool:
    """Say whether a job asks an exporter about what it finds; a Probe finds addresses alone, no pods and no names."""
    return any(rule.get("target_label") == "__param_target" for rule in job["relabel_configs"])


def _pod_monitor(bundle: Bundle, system: str, job: Json, discovered: Json) -> Json:
    """Return a PodMonitor. Its selector is empty: its pods are known by their containers, in relabelling."""
    number = port_of(job)
    port = named_port(job) or ({"portNumber": int(number)} if number else {})
    endpoint = {**port, **asked(bundle, system, job), "relabelings": relabelling(job)}
    spec = {"namespaceSelector": namespaces(discovered), "selector": {}, **_limits(job)}
    return _made(bundle, "PodMonitor", job, {**spec, "podMetricsEndpoints": [endpoint | _metric(job)]})


def _service_monitor(bundle: Bundle, system: str, job: Json, discovered: Json) -> Json:
    """Return a ServiceMonitor. A Service's port is its own key, since Endpoints and EndpointSlices call it differently in relabelling."""
    port, rest = without_port(job)
    endpoint = {**port, **asked(bundle, system, job), "relabelings": relabelling(rest)}
    spec = {"namespaceSelector": namespaces(discovered), "selector": {}, **_limits(job)}
    return _made(bundle, "ServiceMonitor", job, {**spec, "endpoints": [endpoint | _metric(job)]})


def _probes(bundle: Bundle, system: str, job: Json) -> Iterator[Json]:
    """Yield a Probe per module, which its pages are asked by; the operator writes the question, so ours is left out."""
    for number, (module, group) in enumerate(modules(bundle, system, job)):
        static = {"static": group["targets"], "labels": group["labels"], "relabelingConfigs": probed(job, group)}
        scheme = {"scheme": job["scheme"]} if "scheme" in job else {}
        spec = {
            **_times(bundle),
            **_limits(job),
            "module": module,
            "prober": {"url": prober(job), "path": job["metrics_path"], **scheme},
            "targets": {"staticConfig": static},
            **_authorization(system, job),
            **_metric(job),
        }
        yield _made(bundle, "Probe", job, spec, f"-{number}" if number else "")


def modules(bundle: Bundle, system: str, job: Json) -> Iterator[tuple[str, Json]]:
    """Yield each module of a job that asks an exporter, with the group of targets that it is for."""
    endpoint, (named,) = bundle.site.catalogue.systems[system].endpoint, job.get("params", {}).get("module", [""])
    for group in job["static_configs"]:
        found: dict[str, list[str]] = {}
        for target in group["targets"]:
            page = endpoint.page_at(target)
            if module := named or (page.module if page else ""):
                found.setdefault(module, []).append(target)
        yield from ((module, {**group, "targets": targets}) for module, targets in found.items())


def prober(job: Json) -> str:
    """Return the address of the exporter that a job asks."""
    return next(
        str(rule["replacement"]) for rule in job["relabel_configs"] if rule.get("target_label") == "__address__"
    )


def probed(job: Json, group: Json) -> list[Json]:
    """Return the relabelling of a Probe: without what the operator writes, in whose `__param_target` the address stands by then."""
    rules = [
        rule
        for rule in job["relabel_configs"]
        if rule.get("target_label") not in ("__param_module", "__address__")
        and (rule.get("target_label") != "__param_target" or "replacement" in rule)
    ]
    turned = [
        {**rule, "source_labels": ["__param_target" if one == "__address__" else one for one in rule["source_labels"]]}
        if "source_labels" in rule
        else rule
        for rule in rules
    ]
    called = any(rule.get("target_label") == "instance" for rule in turned)
    return relabelling({**job, "relabel_configs": turned}, tuple(group["labels"]), () if called else ("instance",))


def _scrape_config(bundle: Bundle, system: str, job: Json) -> Json:
    """Return a ScrapeConfig for what is outside of Kubernetes, or known by a name of DNS, and for pods that an exporter is asked about."""
    found = {
        "kubernetesSDConfigs": [{**one, "role": "Pod"} for one in job.get("kubernetes_sd_configs", ())],
        "staticConfigs": job.get("static_configs"),
        "dnsSDConfigs": [
            {**{key: one[key] for key in ("names", "type", "port")}, "refreshInterval": one["refresh_interval"]}
            for one in job.get("dns_sd_configs", ())
        ],
        "metricsPath": job.get("metrics_path"),
        "params": job.get("params"),
    }
    labelled = tuple(label for group in job.get("static_configs", ()) for label in group.get("labels", ()))
    how = asked(bundle, system, job)
    how.pop("path", None)
    times = {"scrapeInterval": how.pop("interval"), "scrapeTimeout": how.pop("scrapeTimeout")}
    if "scheme" in how:
        how["scheme"] = how["scheme"].upper()
    spec = {**{key: value for key, value in found.items() if value}, **times, **how, **_limits(job)}
    return _made(bundle, "ScrapeConfig", job, {**spec, "relabelings": relabelling(job, labelled), **_metric(job)})


def relabelling(job: Json, identity: Sequence[str] = (), more: Sequence[str] = ()) -> list[Json]:
    """Return a job's relabelling as an operator takes it, behind what takes the operator's own labels away.

    Args:
        job: The job.
        identity: Labels that targets have from their groups.
        more: Further labels that the operator gives by itself.

    """
    gone = [label for label in (*FOREIGN, *more) if label not in identity]
    head: list[Json] = [
        {"action": "labeldrop", "regex": "|".join(gone)},
        {"targetLabel": "job", "replacement": job["job_name"], "action": "replace"},
    ]
    return head + [camel(rule) for rule in job["relabel_configs"]]


def camel(rule: Mapping[str, Any]) -> Json:
    """Return a relabelling rule under the names that objects have for its keys, with the action that it has without one."""
    return {"action": "replace"} | {_CAMEL.get(key, key): value for key, value in rule.items()}


def without_port(job: Json) -> tuple[Json, Json]:
    """Return the key that names a Service's port, where a job asks for one, and the job without the rule that keeps it."""
    ports = [rule["regex"] for rule in job["relabel_configs"] if rule.get("source_labels") == [_PORT]]
    rules = [rule for rule in job["relabel_configs"] if rule.get("source_labels") != [_PORT]]
    return {"port": ports[0]} if ports else {}, {**job, "relabel_configs": rules}


def named_port(job: Json) -> Json:
    """Return the key that names the port of pods, where all of a job have one of that name; relabelling knows the rest."""
    port = port_of(job)
    return {"port": port} if port and not port.isdigit() else {}


def port_of(job: Json) -> str:
    """Return the name of the port that all pods of a job have, or else its number; nothing where they are known otherwise."""
    for label in ("__meta_kubernetes_pod_container_port_name", "__meta_kubernetes_pod_container_port_number"):
        for rule in job["relabel_configs"]:
            if rule.get("action") == "keep" and label in rule["source_labels"]:
                port: str = rule["regex"].split(";")[rule["source_labels"].index(label)]
                return port.replace("\\", "")
    return ""


def _made(bundle: Bundle, kind: str, job: Json, spec: Json, more: str = "") -> Json:
    version = _ALPHA if kind == "ScrapeConfig" else _VERSION
    return made(bundle, version, kind, job["job_name"] + more, "scrape", spec, annotations=KEPT)


def namespaces(discovered: Json) -> Json:
    """Return the selector of the namespaces in which something is looked for."""
    names = discovered.get("namespaces", {}).get("names")
    return {"matchNames": names} if names else {"any": True}


def asked(bundle: Bundle, system: str, job: Json) -> Json:
    """Return how a page is asked."""
    path = {"path": job["metrics_path"]} if "metrics_path" in job else {}
    scheme = {"scheme": job["scheme"]} if "scheme" in job else {}
    return {**_times(bundle), **path, **scheme, **_authorization(system, job)}


def _times(bundle: Bundle) -> Json:
    """Return interval and time-out of scrapes, which an operator's server has others for."""
    timing = bundle.site.timing
    known = documents.on_its_clock(bundle, {"scrape_interval": timing.scrape, "scrape_timeout": timing.timeout})
    return {"interval": known["scrape_interval"], "scrapeTimeout": known["scrape_timeout"]}


def _authorization(system: str, job: Json) -> Json:
    if "authorization" not in job:
        return {}
    return {"authorization": {"type": "Bearer", "credentials": key_of(secret_of(system), "token")}}


def secret_of(system: str) -> str:
    """Return the name of the Secret with the token of a system's page."""
    return f"{system.replace('_', '-')}-token"


def _limits(job: Json) -> Json:
    known = {"sampleLimit": "sample_limit", "labelLimit": "label_limit"}
    return {key: job[name] for key, name in known.items() if name in job}


def _metric(job: Json) -> Json:
    rules = job.get("metric_relabel_configs")
    return {"metricRelabelings": [camel(rule) for rule in rules]} if rules else {}
