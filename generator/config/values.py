"""A checked bundle.yaml as values, with the defaults where it says nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import date
from typing import Any

from generator.catalogue import Catalogue, System, Versions
from generator.config.defaults import KINDS, discovery
from generator.config.formats import formats
from generator.config.settings import (
    Access,
    Attribution,
    Budget,
    Config,
    Discovery,
    Labels,
    Objective,
    Price,
    Store,
    Suppression,
    SystemConfig,
)
from generator.config.timing import LONGEST_INTERVAL, Timing
from generator.config.versions import in_the_field
from generator.source import Document
from generator.systems import SHIPPED
from generator.units import seconds


def config(data: Mapping[str, Any], catalogue: Catalogue, document: Document | None) -> Config:
    """Return the configuration that `data` says; it was checked before."""
    scrape = data.get("scrape", {})
    boards, alerts, alertmanager = data.get("dashboards", {}), data.get("alerts", {}), data.get("alertmanager", {})
    flat = {
        "external_labels": scrape.get("external_labels"), "cluster": scrape.get("cluster"), "selectors": data.get("selectors"),
        "prometheus_targets": scrape.get("prometheus"),
        "thresholds": data.get("thresholds"), "tags": boards.get("tags"), "folder": boards.get("folder"),
        "refresh": boards.get("refresh"), "time_from": boards.get("time_from"), "uid_prefix": boards.get("uid_prefix"),
        "traces": _store(boards.get("traces"), "tempo"), "logs": _store(boards.get("logs")),
        **_pages(data), "grafana_url": _base(alerts.get("grafana_url")),
        "alert_labels": alerts.get("labels"), "disabled": alerts.get("disable"), "enabled": alerts.get("enable"),
        "alertmanagers": alertmanager.get("targets"), "webhook_url": alertmanager.get("webhook_url"),
        "replica_labels": alertmanager.get("replica_labels"), "alertmanager_match": alertmanager.get("match"),
        "alertmanager_access": _access(alertmanager, ""), "webhook_access": _access(alertmanager, "webhook_"),
        "rule_files": data.get("rule_files"),
    }  # fmt: skip
    given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in flat.items() if v is not None}
    slo = {
        name: Objective(**{**known, **data.get("slo", {}).get(name, {})})
        for target in catalogue.targets
        for name, known in catalogue.systems[target].objectives.items()
    }
    return Config(
        own={name: catalogue.systems[name] for name in catalogue.targets if name not in SHIPPED},
        systems={name: _system(name, catalogue, data.get("systems", {}).get(name, {})) for name in catalogue.targets},
        timing=timing(data),
        labels=Labels(**data.get("labels", {})),
        slo=slo,
        formats=formats(data.get("formats", {})),
        suppressions=tuple(
            Suppression(**{**s, "until": day(s.get("until"))}) for s in data.get("lint", {}).get("suppress", ())
        ),
        document=document,
        **given,
    )


def _store(raw: Mapping[str, Any] | None, kind: str = "") -> Store | None:
    """Return where traces or logs are; none where nothing says so."""
    return Store(raw["datasource"], raw.get("type", kind), raw["labels"]) if raw else None


def _pages(data: Mapping[str, Any]) -> dict[str, str | None]:
    """Return where pages are served; runbooks are among those of the format docs unless they have an address of their own."""
    docs, own = _base(data.get("docs_url")), _base(data.get("alerts", {}).get("runbook_base_url"))
    if docs and own is None:
        return {"docs_url": docs, "runbook_base_url": f"{docs}/runbooks", "runbook_suffix": ".html"}
    return {"docs_url": docs, "runbook_base_url": own}


def day(value: object) -> date | None:
    """Return a day that is written 2027-03-31; None for all else."""
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        with suppress(ValueError):
            return date.fromisoformat(value)
    return None


def _base(url: str | None) -> str | None:
    """Return an address to which `/NAME` can be added; none where none is given."""
    return url.rstrip("/") if url else url


def _access(raw: Mapping[str, Any], prefix: str) -> Access:
    """Return how a server is asked; keys about it begin with `prefix`."""
    keys = ("https", "path_prefix", "bearer_token_file")
    given = {key: raw[prefix + key] for key in keys if prefix + key in raw}
    return Access(**given, **raw.get(f"{prefix}basic_auth", {}))


def timing(data: Mapping[str, Any]) -> Timing:
    """Return what `data` says about time. What it leaves out follows the interval of scrapes where that is unusual."""
    scrape, evaluation = data.get("scrape", {}), data.get("evaluation", {})
    given = {
        "scrape": scrape.get("interval"),
        "timeout": scrape.get("timeout"),
        "evaluation": evaluation.get("interval"),
        "window": evaluation.get("window"),
        "retention": evaluation.get("retention"),
        "period": data.get("slo_period"),
    }
    made = Timing(**{key: value for key, value in given.items() if value is not None})
    usable = seconds(made.scrape) <= seconds(LONGEST_INTERVAL)
    timeout = scrape.get("timeout", min(made.timeout, made.scrape, key=seconds))
    return replace(made, timeout=timeout, window=evaluation.get("window", made.over() if usable else made.window))


def _system(name: str, catalogue: Catalogue, raw: Mapping[str, Any]) -> SystemConfig:
    system = catalogue.systems[name]
    eras, versions = in_the_field(system, raw.get("versions", "")) or ((), Versions())
    return SystemConfig(
        enabled=raw.get("enabled", True),
        prefix=raw.get("prefix", system.prefix),
        eras=eras,
        versions=versions,
        exposure=raw.get("exposure", "internal"),
        tier=raw.get("tier", 4),
        runtimes=tuple(raw.get("runtimes", system.runtimes)),
        roles=roles(system, raw),
        switches=tuple(raw.get("switches", system.switches)),
        discovery=_discovery(discovery(system), raw.get("scrape", {})),
        match=raw.get("match", {}),
        scale_to_zero=tuple(raw.get("scale_to_zero", ())),
        attribution=attribution(raw),
        budgets=tuple(Budget(**one) for one in raw.get("budgets", ())),
        prices=tuple(Price(**one) for one in raw.get("prices", ())),
        cardinality=raw.get("cardinality", {}),
    )


def attribution(raw: Mapping[str, Any]) -> tuple[Attribution, ...]:
    """Return the labels by which tokens and cost are told: each is a name, or a mapping with it."""
    return tuple(Attribution(**({"label": one} if isinstance(one, str) else one)) for one in raw.get("attribution", ()))


def roles(system: System, raw: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the roles that are scraped: those that are listed, or all that no part brings; and those of parts that are on."""
    on = {role for part in raw.get("parts", ()) for role in system.parts.get(part, ())}
    brought = {role for listed in system.parts.values() for role in listed}
    listed = raw.get("roles", [role for role in system.roles if role not in brought])
    return (*listed, *(role for role in system.roles if role in on and role not in listed))


def _discovery(default: Discovery, raw: Mapping[str, Any]) -> Discovery:
    given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in raw.items()}
    given["kinds"] = given.pop("discovery", tuple(kind for kind, key in KINDS.items() if raw.get(key) is not None))
    if "kubernetes" in given:
        own: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in raw["kubernetes"].items()}
        given["kubernetes"] = replace(default.kubernetes, **own)
    values: dict[str, Any] = {name: getattr(default, name) for name in Discovery.__slots__}
    return Discovery(**(values | given))
