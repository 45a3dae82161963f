"""Hold a page of a real server against the catalogue, and print what differs as lines to add to it.

`make truth PAGE=metrics.prom SYSTEM=agentgateway VERSION=1.4.1`; PAGE is a file (`.gz` too) or an address. It ends with 1 when
something differs. What the page lacks is only told: a role, a switch or an event may be missing.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from generator.catalogue import Catalogue, Kind, Label, Metric, System, Versions, load
from generator.config.versions import in_the_field
from testbed.exposition import LABEL, SAMPLE

#: Type on a page to the suffixes of its series.
PARTS = {"histogram": ("_bucket", "_sum", "_count"), "gaugehistogram": ("_bucket",), "summary": ("_sum", "_count")}

#: What a page calls the types of the catalogue.
TYPES = {Kind.INFO: ("gauge", "info")}

#: Series that say when another was created: nothing reads them.
CREATED = "_created"


@dataclass(slots=True)
class Seen:
    """One family of a page, by the name of its series: with `_total`, without `_bucket` and the like."""

    type: str
    help: str
    labels: dict[str, set[str]] = field(default_factory=dict)
    edges: set[float] = field(default_factory=set)


def families(text: str) -> dict[str, Seen]:
    """Return the families of a page in the text format or in OpenMetrics, in its order."""
    comments = {kind: dict(re.findall(rf"^# {kind} (\S+) (.*)$", text, re.MULTILINE)) for kind in ("TYPE", "HELP")}
    types = comments["TYPE"]
    out: dict[str, Seen] = {}
    for line in text.splitlines():
        found = None if line.startswith("#") else SAMPLE.match(line)
        if found is None or found[1].endswith(CREATED):
            continue
        series = found[1]
        base = next(
            (
                b
                for kind, parts in PARTS.items()
                for part in parts
                if (b := series.removesuffix(part)) != series and types.get(b) == kind
            ),
            series,
        )
        announced = next(
            (n for n in (base, series.removesuffix("_total"), series.removesuffix("_info")) if n in types), ""
        )
        one = out.setdefault(base, Seen(types.get(announced, "untyped"), comments["HELP"].get(announced, "")))
        for label in re.finditer(LABEL, found[2] or ""):
            if label[1] == "le":
                one.edges.add(float(label[2]))
            elif label[2]:
                one.labels.setdefault(label[1], set()).add(label[2])
    return out


def differences(catalogue: Catalogue, system: System, version: str, page: Mapping[str, Seen]) -> Iterator[str]:
    """Yield what of a page of this version is not in the catalogue or is otherwise there, with what to write."""
    known = {
        metric.full_name: metric for name in (system.name, *system.pages) for metric in catalogue.systems[name].metrics
    }
    field_ = in_the_field(system, version)
    assert field_ is not None  # noqa: S101 - `main` has read it
    for name, seen in page.items():
        metric = known.get(name)
        if metric is None:
            yield f"{name} is in no entry; add to {system.name}.yaml:\n{_entry(system, version, name, seen)}"
            continue
        if seen.type not in TYPES.get(metric.kind, (str(metric.kind),)):
            yield f"{metric.place}: {name} is of the type {seen.type}; type: {seen.type}"
        if metric.system == system.name and not field_[1].has(metric.since, metric.until):
            yield f'{metric.place}: {name} is on a page of {version}; since: "{version}" or earlier, or no until'
        # A page's own label of the name of a target's is stored under another name.
        renamed = {name.removeprefix("exported_"): label for name, label in metric.labels.items()}
        allowed = {**renamed, **metric.labels, **metric.constant_labels}
        for label, values in seen.labels.items():
            if label not in allowed and label != "quantile":
                yield f"{metric.place}: {name} has the label {label}; {_label(label, values, version)}"
            elif label in allowed:
                yield from _label_differs(metric, allowed[label], values, version, field_[1])
        edges = sorted(edge for edge in seen.edges if edge != float("inf"))
        if metric.kind is Kind.HISTOGRAM and edges and tuple(edges) != metric.buckets:
            yield f"{metric.place}: {name} has other edges; buckets: {_list(f'{edge:g}' for edge in edges)}"


def _label_differs(metric: Metric, label: Label, values: set[str], version: str, field_: Versions) -> Iterator[str]:
    what = f"{metric.place}: {label.name} of {metric.full_name}"
    if not field_.has(label.since, label.until):
        yield f'{what} is on a page of {version}; since: "{version}" or earlier, or no until'
    early = sorted(value for value in values if not field_.has(label.values_since.get(value, "")))
    unknown = sorted(values - {*label.values}) if label.values else []
    if found := [*early, *unknown]:
        since = ", ".join(f"{value}: {json.dumps(version)}" for value in found)
        yield f"{what} is {', '.join(found)} on a page of {version}; values_since: {{{since}}}"


def lacking(system: System, version: str, page: Mapping[str, Seen]) -> Iterator[str]:
    """Yield what a server of this version has from its start, as the catalogue says, and the page lacks."""
    eras, versions = in_the_field(system, version) or ((), None)
    for metric in system.metrics:
        emitted = [metric.emission[era] for era in eras if era in metric.emission]
        expected = versions is not None and versions.has(metric.since, metric.until) and not metric.never_scraped
        if expected and metric.full_name not in page and any(e.born == "start" for e in emitted):
            who = sorted({role for e in emitted for roles in e.roles.values() for role in roles})
            needs = f"; needs the switch {metric.switch}" if metric.switch else ""
            yield f"{metric.place}: {metric.full_name} is not on the page; from the role {' or '.join(who)}{needs}"


def _entry(system: System, version: str, name: str, seen: Seen) -> str:
    lines = [
        f"- name: {name.removeprefix(system.prefix)}",
        f"  type: {seen.type}",
        "  unit: none",
        f"  help: {json.dumps(seen.help)}",
    ]
    if seen.labels:
        lines += ["  labels:", *(f"    {_label(label, values, '')}" for label, values in seen.labels.items())]
    edges = sorted(edge for edge in seen.edges if edge != float("inf"))
    if edges:
        lines.append(f"  buckets: {_list(f'{edge:g}' for edge in edges)}")
    lines += [
        "  emitted: {any: [any]}",
        "  born: unknown",
        "  refresh: scrape",
        "  aggregate: sum",
        f'  since: "{version}"',
        f'  source: {{evidence: observed, version: "{version}"}}',
    ]
    return "\n".join(f"  {line}" for line in lines)


def _label(label: str, values: set[str], since: str) -> str:
    """Return a label as an entry has it; what it was seen with is a hint, not a closed set."""
    seen = f"seen: {', '.join(sorted(values)[:5])}"
    return f"{label}: {{bound: {json.dumps(seen)}{f', since: {json.dumps(since)}' if since else ''}}}"


def _list(parts: Iterator[str]) -> str:
    return f"[{', '.join(parts)}]"


def fetched(place: str) -> str:
    """Return the text of a page: of a file, packed or not, or of an address.

    Raises:
        OSError: It cannot be read.

    """
    if place.startswith(("http://", "https://")):
        import requests

        response = requests.get(place, timeout=30)
        response.raise_for_status()
        return response.text
    raw = Path(place).read_bytes()
    return (gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw).decode()


def main(arguments: list[str] | None = None) -> int:
    """Print what differs; 1 when something does, 2 when nothing could be asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    catalogue = load()
    parser.add_argument("page", help="a file or an address")
    parser.add_argument("system", choices=sorted(n for n, s in catalogue.systems.items() if s.eras or s.newest))
    parser.add_argument("version")
    options = parser.parse_args(arguments)
    system = catalogue.systems[options.system]
    if in_the_field(system, options.version) is None:
        parser.error(f"{options.version!r} is no version")
    try:
        page = families(fetched(options.page))
    except (OSError, ValueError) as error:
        parser.error(f"{options.page} cannot be read: {error}")
    if not page:
        parser.error(f"{options.page} has no sample")
    found = list(differences(catalogue, system, options.version, page))
    for line in [*found, *lacking(system, options.version, page)]:
        print(line)
    print(f"{len(page)} families of {system.title} {options.version}, {len(found)} differences")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
