"""YAML files to the catalogue. Collects every problem of every file before it gives up."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from generator.catalogue.declared import undeclared
from generator.catalogue.limits import Limit
from generator.catalogue.lint import lint
from generator.catalogue.metric import SUFFIXES, Emission, Kind, Label, Metric, Source
from generator.catalogue.reasons import by_metric, reasons
from generator.catalogue.reasons import mistakes as unreasonable
from generator.catalogue.signals import Signals, mistakes, signals
from generator.catalogue.signals import limits as signal_limits
from generator.catalogue.system import (
    Assumption,
    Catalogue,
    Endpoint,
    Era,
    JsonPage,
    Pods,
    Readiness,
    System,
    Unlisted,
)
from generator.catalogue.versions import version_key
from generator.errors import CatalogueError, Problem
from generator.source import Document, against, parse, shown
from generator.systems import FOLDER, SHIPPED

#: What several systems expose alike: the process, Prometheus itself, general exporters.
SHARED = Path(__file__).parent / "shared"

#: Labels of pods that usually name their deployment, narrowest last.
DEPLOYMENT = {"app.kubernetes.io/name": "(.+)", "app": "(.+)", "app.kubernetes.io/instance": "(.+)"}

#: What an entry says of where and when a metric exists, unless it says otherwise.
UNSAID: Mapping[str, Any] = {"emitted": {"any": ["any"]}, "born": "unknown", "refresh": "event"}

#: How values of several processes become one where the entry does not say: what adds up for sure is added.
AGGREGATES = {Kind.GAUGE: "instance", Kind.INFO: "none"}

SCHEMA = Path(__file__).parent / "catalogue.schema.json"


def load(folder: Path | None = None, shipped: Sequence[str] = SHIPPED) -> Catalogue:
    """Return the catalogue that the package ships, or that of every `*.yaml` in `folder`.

    Args:
        folder: A folder with a file per system; the shipped catalogue when left out.
        shipped: Target systems of the shipped catalogue that are read.

    Raises:
        CatalogueError: Something is wrong in some file; carries every problem of every file.

    """
    if folder is None:
        return _shipped(tuple(shipped), Path.cwd())
    return _loaded({path.stem: path for path in folder.glob("*.yaml")}, folder, shipped)


@cache
def _shipped(names: Sequence[str], _: Path) -> Catalogue:
    """Return the catalogue that the package ships, whose problems call files as they are called from a working directory."""
    paths = {path.stem: path for path in SHARED.glob("*.yaml")}
    return _loaded(paths | {name: FOLDER / name / "catalogue.yaml" for name in names}, FOLDER, names)


def _loaded(paths: Mapping[str, Path], folder: Path, shipped: Sequence[str]) -> Catalogue:
    problems: list[Problem] = []
    systems = read(paths, problems)
    if not systems and not problems:
        place = shown(folder)
        problems.append(Problem(place, 1, "no catalogue file", "name a folder with one YAML file per system"))
    problems += _pages(systems, systems)
    if problems:
        raise CatalogueError(problems)
    return Catalogue(systems, tuple(name for name in shipped if name in systems))


def read(paths: Mapping[str, Path], problems: list[Problem]) -> dict[str, System]:
    """Return the systems of some files by their ids, in the order of the ids; what is wrong with them goes to `problems`."""
    systems: dict[str, System] = {}
    for name, path in sorted(paths.items()):
        document = _read(path, problems)
        if document.data is None and any(p.path == document.path for p in problems):
            continue
        found = list(against(document, SCHEMA))
        problems += [problem for _, problem in found]
        places = {place[:2] for place, _ in found}
        if not isinstance(document.data, dict) or any(p[:1] != ("metrics",) or len(p) < 2 for p in places):  # noqa: PLR2004
            continue
        broken = {p[1] for p in places}
        system = _system(document, broken)
        if system.name != name:
            what = (
                f"system {system.name!r} is in {path.name}"
                if path.stem == name
                else f"the system is {system.name!r} here, not {name!r}"
            )
            problems.append(document.problem(("system",), what, f"call it {name!r}"))
        problems += lint(system, document)
        problems += undeclared(document, broken)
        problems += unreasonable(document)
        unread = [e.get("name") for n, e in enumerate(document.data["metrics"]) if n in broken and isinstance(e, dict)]
        problems += (
            document.problem(("signals", *place), what, fix)
            for place, what, fix in mistakes(system.signals, system.metrics, unread)
        )
        systems[system.name] = system
    return systems


def _read(path: Path, problems: list[Problem]) -> Document:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problems.append(Problem(shown(path), 1, f"cannot be read: {error}", "make it a readable UTF-8 file"))
        text = ""
    return parse(shown(path), text, problems)


def _pages(systems: Mapping[str, System], known: Collection[str]) -> list[Problem]:
    return [
        Problem(s.path, 1, f"system {s.name!r} names the page of {page!r}, which is no system", "correct `pages`")
        for s in systems.values()
        for page in s.pages
        if page not in known
    ]


def _system(document: Document, broken: set[Any]) -> System:
    raw: Mapping[str, Any] = document.data
    eras = {name: Era(name, **e) for name, e in raw.get("eras", {"only": {"title": raw["title"]}}).items()}
    constant = _labels(raw.get("constant_labels", {}))
    why = reasons(document)
    unshown, unwatched = by_metric(why, "no_board"), by_metric(why, "no_alert")
    metrics = tuple(
        replace(
            _metric(raw, entry, eras, constant, document.path, document.line("metrics", number)),
            no_board=unshown.get(entry["name"], ""),
            no_alert=unwatched.get(entry["name"], ""),
        )
        for number, entry in enumerate(raw["metrics"])
        if number not in broken
    )
    found = signals(raw.get("signals", {}))
    return System(
        name=raw["system"],
        title=raw["title"],
        alerts=raw.get(
            "alerts", "".join(word.capitalize() for word in raw["system"].split("_")) if "scrape" in raw else ""
        ),
        prefix=raw["prefix"],
        eras=eras,
        newest=raw.get("newest", ""),
        runtimes=raw.get("runtimes", {}),
        roles=raw.get("roles", {}),
        parts={name: tuple(roles) for name, roles in raw.get("parts", {}).items()},
        attributed=raw.get("attributed", ""),
        switches=raw.get("switches", {}),
        exposure=raw.get("exposure", {}),
        tiers={int(k): v for k, v in raw.get("tiers", {}).items()},
        endpoint=_endpoint(raw["system"], raw.get("roles", {}), raw.get("scrape", {})),
        pages=tuple(raw.get("pages", ())),
        pages_since=raw.get("pages_since", {}),
        constant_labels=constant,
        limits=_limits(raw["system"], raw.get("limits", {}), found, metrics),
        signals=found,
        objectives=raw.get("objectives", {}),
        reasons=why,
        metrics=metrics,
        path=document.path,
        cardinality={name: Assumption(name, **one) for name, one in raw.get("cardinality", {}).items()},
        created=raw.get("created", False),
        unlisted={role: Unlisted(**one) for role, one in raw.get("unlisted", {}).items()},
    )


def _limits(system: str, raw: Mapping[str, Any], found: Signals, metrics: Sequence[Metric]) -> tuple[Limit, ...]:
    """Return the limits of a system: its own, and those of its signals that it does not name itself."""
    own = tuple(
        Limit(
            name,
            **{**entry, "histogram": f"{system}/{entry['histogram']}" if "histogram" in entry else ""},
            system=system,
        )
        for name, entry in raw.items()
    )
    known = {metric.name for metric in metrics}
    sound = not any(True for _ in mistakes(found, metrics)) and known
    return own + tuple(
        limit for limit in (signal_limits(system, found, metrics) if sound else ()) if limit.name not in raw
    )


def _endpoint(system: str, roles: Collection[str], raw: Mapping[str, Any]) -> Endpoint:
    """Return how a page is reached. Pods of a system that no chart describes are those that are called as it is."""
    pages = tuple(JsonPage(**page) for page in raw.get("json", ()))
    ready = Readiness(raw["ready"]["path"], tuple(raw["ready"].get("roles", ()))) if "ready" in raw else None
    pods = {role: Pods(**one) for role, one in raw.get("pods", {}).items()}
    if raw and not pods and "services" not in raw:
        called = system.replace("_", "-")
        port = raw.get("port", 0)
        names = {role: f"(?:{called}-)?{role}(?:-.+)?" for role in roles} or {"": f"{called}(?:-.+)?"}
        pods = {
            role: Pods(port=raw.get("ports", {}).get(role, port), called=name, service=True)
            for role, name in names.items()
        }
        raw = {"deployment": DEPLOYMENT, **raw}
    return Endpoint(
        **{**raw, "exporters": tuple(raw.get("exporters", ())), "json": pages, "pods": pods, "ready": ready}
    )


def _metric(
    system: Mapping[str, Any],
    raw: Mapping[str, Any],
    eras: Mapping[str, Era],
    constant: Mapping[str, Label],
    path: str,
    line: int,
) -> Metric:
    kind = Kind(raw["type"])
    renamed = raw.get("renamed_from", {})
    parts = tuple(f"_{p}" for p in raw["series"]) if "series" in raw else SUFFIXES[kind]
    named = raw.get("eras") or [
        e.name for e in eras.values() if _overlaps(e, raw.get("since", ""), raw.get("until", ""))
    ]
    return Metric(
        system=system["system"],
        name=raw["name"],
        base=raw.get("exposed", raw["name"]),
        prefix="" if raw.get("no_prefix") else system["prefix"],
        kind=kind,
        unit=raw["unit"],
        help=raw["help"],
        tier=raw.get("tier", 0),
        exposure=raw.get("exposure", ""),
        labels=_labels(raw.get("labels", {})),
        constant_labels={} if raw.get("no_prefix") else constant,
        buckets=tuple(float(b) for b in raw.get("buckets", ())),
        parts=parts,
        emission={era: _emission(raw, era) for era in named},
        aggregate=raw.get("aggregate", AGGREGATES.get(kind, "sum")),
        since=raw.get("since", ""),
        until=raw.get("until", ""),
        renamed_from=renamed.get("name", ""),
        factor=float(renamed.get("factor", 1)),
        replaced_by=raw.get("replaced_by", ""),
        switch=raw.get("switch", ""),
        documented=not raw.get("undocumented", False),
        unscrapeable=raw.get("unscrapeable", ""),
        hidden_roles=tuple(raw.get("unscrapeable_roles", ())),
        no_board="",
        no_alert="",
        quirks=tuple(raw.get("quirks", ())),
        source=Source(**raw.get("source", {"evidence": "operator"})),
        path=path,
        line=line,
        quantiles=raw.get("quantiles", 0),
        exemplars=raw.get("exemplars", False),
    )


def _emission(raw: Mapping[str, Any], era: str) -> Emission:
    own = {**UNSAID, **raw, **raw.get("before", {}).get(era, {})}
    return Emission({runtime: tuple(roles) for runtime, roles in own["emitted"].items()}, own["born"], own["refresh"])


def _labels(raw: Mapping[str, Any]) -> dict[str, Label]:
    return {
        name: Label(
            name,
            tuple(entry.get("values", ())),
            entry.get("bound", ""),
            entry.get("optional", False),
            entry.get("blank", ""),
            entry.get("many", False),
            entry.get("since", ""),
            entry.get("values_since", {}),
            until=entry.get("until", ""),
            version=entry.get("version", False),
            count=entry.get("count", 0),
            follows=entry.get("follows", ""),
            rare=entry.get("rare", False),
        )
        for name, entry in raw.items()
    }


def _overlaps(era: Era, since: str, until: str) -> bool:
    starts_in_time = not era.until or version_key(since) < version_key(era.until)
    ends_late_enough = not until or not era.since or version_key(until) > version_key(era.since)
    return starts_in_time and ends_late_enough and not (until and not era.until)
