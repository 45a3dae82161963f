"""Settings that change nothing where they stand: what they are for is not there. What says the default is no mistake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from generator.catalogue import Catalogue, System
from generator.config.defaults import KINDS
from generator.config.formats import GrafanaAlerting
from generator.config.settings import Discovery
from generator.config.values import roles as scraped
from generator.errors import Problem
from generator.source import Document, Place, short

#: The module that asks where none is named.
_MODULE = Discovery().blackbox_module


def unused(document: Document, catalogue: Catalogue) -> Iterator[Problem]:
    """Yield what is said of an exporter, an Alertmanager, a webhook or a system that this installation does not have."""
    for name, system in document.data.get("systems", {}).items():
        if system.get("enabled", True):
            yield from _readiness(document, catalogue.systems[name], system)
    yield from _alertmanager(document)
    yield from _contact_point(document)
    yield from _monitors(document)


def _readiness(document: Document, known: System, system: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield a module of no exporter, and an exporter that would ask nobody: its alert would be on, and have nothing to read."""
    scrape, where = system.get("scrape", {}), ("systems", known.name, "scrape")
    exporter, module = scrape.get("blackbox_exporter"), scrape.get("blackbox_module", _MODULE)
    if not exporter and module != _MODULE and not document.dropped(*where, "blackbox_exporter"):
        what = "nothing uses blackbox_module: there is no blackbox_exporter"
        yield document.problem((*where, "blackbox_module"), what, "add blackbox_exporter: host:port, or leave it out")
    if not exporter or not known.endpoint.ready or not known.endpoint.ready.roles:
        return
    answers, place = known.endpoint.ready.roles, (*where, "blackbox_exporter")
    serving = " or ".join(answers)
    if not {*answers} & {*scraped(known, system)}:
        what = f"blackbox_exporter would ask nobody: processes of role {serving} say whether they are ready, and none is scraped"
        fix = f"add one to systems.{known.name}.roles, or leave blackbox_exporter out"
        yield document.problem(place, what, fix)
    elif not _found(scrape, answers) and not any(document.dropped(*where, kind) for kind in KINDS.values()):
        what = f"blackbox_exporter would ask nobody: no process of role {serving} is named, and only these say whether they are ready"
        yield document.problem(place, what, "name one under static or dns, or leave blackbox_exporter out")


def _found(scrape: Mapping[str, Any], roles: tuple[str, ...]) -> bool:
    """Whether prometheus.yml finds a process of one of the roles, or nothing at all: then files of discovery are included elsewhere."""
    kinds = scrape.get("discovery", [kind for kind, key in KINDS.items() if key in scrape])
    groups = [group for kind in ("static", "dns") if kind in kinds for group in scrape.get(kind, ())]
    return (
        not kinds or not {*kinds} <= {"static", "dns"} or any(group.get("role", "") in ("", *roles) for group in groups)
    )


def _alertmanager(document: Document) -> Iterator[Problem]:
    """Yield how to reach an Alertmanager where there is none."""
    alertmanager = document.data.get("alertmanager", {})
    if alertmanager.get("targets", True) or document.dropped("alertmanager", "targets"):
        return
    for key in ("https", "path_prefix", "basic_auth", "bearer_token_file"):
        if alertmanager.get(key):
            what = f"nothing uses {key}: alertmanager.targets is empty"
            yield document.problem(("alertmanager", key), what, "name the Alertmanager under targets, or leave it out")


def _contact_point(document: Document) -> Iterator[Problem]:
    """Yield the contact point of alerts that are not ours where nothing says where ours go: no policy is written then."""
    where: Place = ("formats", "grafana-alerting", "default_contact_point")
    given = document.data.get("formats", {}).get("grafana-alerting", {}).get("default_contact_point")
    address = document.data.get("alertmanager", {}).get("webhook_url")
    usual = GrafanaAlerting().default_contact_point
    if given not in (None, usual) and not address and not document.dropped("alertmanager", "webhook_url"):
        what = "nothing uses default_contact_point: without alertmanager.webhook_url no policies are written"
        yield document.problem(where, what, "add alertmanager.webhook_url, or leave it out")


def _monitors(document: Document) -> Iterator[Problem]:
    """Yield systems that are to be found through their Services, and are off."""
    systems = document.data.get("systems", {})
    for number, name in enumerate(document.data.get("formats", {}).get("kubernetes", {}).get("service_monitors", ())):
        if not systems.get(name, {}).get("enabled", True):
            place = ("formats", "kubernetes", "service_monitors", number)
            what = f"{short(name)} is off, and has no ServiceMonitor"
            yield document.problem(place, what, f"take it out, or set systems.{name}.enabled: true")
