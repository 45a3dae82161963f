"""A catalogue file as a page suggests it. What a page cannot say is told beside it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from generator.catalogue import load
from generator.config.own import misnamed
from generator.infer.names import OPEN, help_of, unit
from generator.infer.page import Family, Sample
from generator.infer.signals import signals

Json = dict[str, Any]

#: Names at most that are listed in one line.
LISTED = 12

#: More values of a label are more than a graph can show.
MANY = 20

#: Characters of a value at most that is shown.
CUT = 20

#: What a bound says at most of the values that were seen.
_EXAMPLES = 3

#: Names of runtimes, which tell of the process and not of what it does.
RUNTIMES = ("go_", "python_", "jvm_", "nodejs_", "promhttp_", "scrape_")

#: What is no name without the word before it.
_SUFFIXES = ("total", "info", "count", "sum", "bucket")

#: Words of a prefix at most: what follows is what is measured.
WORDS = 2

#: Series of a page that not every library has.
UNSURE = frozenset({"python_gc_objects_uncollectable_total"})

#: Labels that Prometheus gives every target of ours: a page's own ones of these names get another.
TARGET_LABELS = ("job", "instance", "system", "deployment", "cluster", "namespace")

#: Those of them that not every target has; without it, the page's own label keeps its name.
UNSURE_OURS = ("cluster", "namespace")

#: A port that stands for one that nobody named.
UNKNOWN_PORT = 9100


@dataclass(frozen=True, slots=True)
class Draft:
    """A catalogue file to be, and what its page could not say.

    Attributes:
        catalogue: The document.
        unknown: What is not known, one sentence each.

    """

    catalogue: Json
    unknown: tuple[str, ...]


def draft(families: Sequence[Family], *, system: str = "", prefix: str | None = None, port: int = 0) -> Draft:
    """Return the catalogue file that a page suggests.

    Args:
        families: The page.
        system: What to call the system; by the prefix where it is empty.
        prefix: What its names begin with; what most of them begin with where it is None.
        port: The port of the page; 0 where nobody knows.

    """
    systems = load().systems
    shared = {page: {m.full_name for m in systems[page].metrics} for page in ("process", "python")}
    there = [family for family in families if family.samples]
    exposed = {_exposed(family) for family in there}
    # One that is not there as a whole would be missed on boards: its series are entries like others.
    pages = [page for page, names in shared.items() if names - UNSURE <= exposed]
    process = {name for page in pages for name in shared[page]}
    own = [f for f in there if _exposed(f) not in process and not f.name.endswith("_created")]
    prefix = _prefix([_exposed(f) for f in own if not f.name.startswith(RUNTIMES)]) if prefix is None else prefix
    unknown: list[str] = []
    metrics = [entry for family in own if (entry := _entry(family, prefix, unknown))]
    if any("exemplars" in entry for entry in metrics):
        named = sorted({label for family in own for sample in family.samples for label in sample.exemplar})
        unknown.append(
            f"Which label of an exemplar is the id of a trace: on this page they have {_some(named)}; Grafana's data source wants it."
        )
    name = system or _name(prefix)
    out: Json = {
        "system": name,
        "title": name.replace("_", " ").capitalize(),
        "prefix": prefix,
        "scrape": {"port": port or UNKNOWN_PORT},
    }
    if pages:
        out["pages"] = pages
    if _births(families):
        out["created"] = True
    if found := signals(metrics):
        out["signals"] = found
    if not port:
        unknown.append(f"The port of the page: {UNKNOWN_PORT} stands for it.")
    empty = [family.name for family in families if not family.samples]
    if empty:
        unknown.append(f"Series, labels and buckets of what has not happened yet: {_some(empty)}.")
    if any(entry["type"] == "gauge" for entry in metrics):
        unknown.append(
            "How gauges of several processes become one: each is shown by process; set `aggregate` (sum, max, min, global)."
        )
    unknown.append(
        "When series first exist, which roles emit them and since which version; whether a label may have other values."
    )
    for entry in metrics:
        for label in entry.get("labels", {}).values():
            label.pop("seen")  # what the golden signals were told by
    return Draft({**out, "metrics": metrics}, tuple(dict.fromkeys(unknown)))


def _births(families: Sequence[Family]) -> bool:
    """Say whether counters or histograms have the time of their birth beside them, and none is only called so."""
    names = {sample.name for family in families for sample in family.samples}
    stems = (name.removesuffix("_created") for name in names if name.endswith("_created"))
    return any(f"{stem}_total" in names or f"{stem}_count" in names for stem in stems)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:LISTED]) + (", ..." if len(names) > LISTED else "")


def _exposed(family: Family) -> str:
    """Return the name that a scrape gives a family: of a counter or info that of its samples."""
    if family.type in ("counter", "info", "") and family.samples:
        return next((s.name for s in family.samples if not s.name.endswith("_created")), family.samples[0].name)
    return family.name


def _prefix(names: Sequence[str]) -> str:
    """Return the words, with their last underscore, that most names begin with; nothing without such words."""
    first = [name.partition("_")[0] for name in names if "_" in name]
    word = max(sorted(set(first)), key=first.count, default="")
    those = [name.split("_")[:-1] for name in names if name.startswith(f"{word}_")]
    if not word or len(those) * 2 < len(names):
        return ""
    common = [words[0] for words in takewhile(lambda words: len({*words}) == 1, zip(*those, strict=False))]
    return "_".join(common[:WORDS] or [word]) + "_"


def _name(prefix: str) -> str:
    found = re.sub(r"[^a-z0-9]+", "_", prefix.lower()).strip("_")[:20].strip("_")
    found = found if found and found[0].isalpha() else "drafted"
    return found if misnamed(found, load()) is None else f"my_{found}"


def _entry(family: Family, prefix: str, unknown: list[str]) -> Json | None:
    """Return the entry of a family; None where nothing of it can be asked for."""
    name = _exposed(family)
    own = bool(prefix) and name.startswith(prefix) and name.removeprefix(prefix) not in {"", *_SUFFIXES}
    if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name):
        unknown.append(f"{name}: a name with a colon is that of a recorded series, and is left out.")
        return None
    kind = _kind(family, name, unknown)
    entry: Json = {"name": name.removeprefix(prefix) if own else name, "type": kind}
    if prefix and not own:
        entry["no_prefix"] = True
    values = [sample.value for sample in family.samples if math.isfinite(sample.value)]
    entry["unit"] = "none" if kind == "info" else unit(name, kind, family.unit, values)
    entry["help"] = help_of(family.help)
    if labels := dict(_labels([s for s in family.samples if not s.name.endswith("_created")], unknown)):
        entry["labels"] = labels
    if kind == "histogram":
        entry |= _buckets(family)
    elif kind == "summary":
        entry |= _summary(family, name)
    if kind in ("counter", "histogram") and any(sample.exemplar for sample in family.samples):
        entry["exemplars"] = True
    if allow := dict(_allowed(name, kind, entry)):
        entry["allow"] = allow
    if name.startswith(RUNTIMES):
        entry["no_board"] = "it tells of the runtime, not of what the process does"
    entry["source"] = {"evidence": "observed"}
    return entry


def _allowed(name: str, kind: str, entry: Json) -> Iterator[tuple[str, str]]:
    """Yield the rules of the catalogue that the page breaks, each with the reason."""
    if kind == "counter" and not name.endswith("_total"):
        yield "counter-suffix", "the server does not append it"
    if kind != "counter" and name.endswith("_total"):
        yield "counter-suffix", f"the page says that it is a {kind}"
    if _misnamed(name, entry["unit"]):
        yield "unit-suffix", "its values are of another unit than its name says"
    if "buckets_unknown" in entry:
        yield "buckets-fit", entry["buckets_unknown"]


def _misnamed(name: str, found: str) -> bool:
    stem = name.removesuffix("_total")
    ends = (("_seconds", "seconds"), ("_bytes", "bytes"), ("_ratio", "ratio"))
    return any(stem.endswith(end) and found not in (wanted, "unixtime") for end, wanted in ends)


def _kind(family: Family, name: str, unknown: list[str]) -> str:
    if family.type in ("counter", "histogram", "summary", "info"):
        return family.type
    if name.endswith("_info") and all(sample.value == 1 for sample in family.samples):
        return "info"
    if family.type not in ("gauge", ""):
        unknown.append(f"{name}: of the type {family.type}, which is read as a gauge.")
    if not family.type:
        kind = "counter" if name.endswith("_total") else "gauge"
        unknown.append(f"{name}: the page tells no type; it is taken for a {kind}.")
        return kind
    return "gauge"


def _labels(samples: Sequence[Sample], unknown: list[str]) -> Iterator[tuple[str, Json]]:
    """Yield the labels of a family, with their values where they are a closed set, else with how many were seen."""
    names = dict.fromkeys(label for sample in samples for label in sample.labels)
    for label in names:
        values = sorted({value for sample in samples if (value := sample.labels.get(label, ""))})
        if label in ("le", "quantile"):
            continue
        if not values:
            unknown.append(f"The label {label}: it is empty on the page, so no scraped series has it yet.")
            continue
        shown = ", ".join(v if len(v) <= CUT else f"{v[: CUT - 3]}..." for v in values[:_EXAMPLES] if v.isprintable())
        entry: Json = {"bound": f"{len(values)} seen" + (f": {shown}" if shown else ""), "seen": values}
        entry["count"] = len({sample.labels.get(label, "") for sample in samples})
        if partner := _partner(label, samples):
            entry["follows"] = partner
        if len(values) > MANY or any(word in label.lower().split("_") for word in OPEN):
            entry["many"] = True
        if label in UNSURE_OURS or any(not sample.labels.get(label) for sample in samples):
            entry["optional"] = True
        if label in TARGET_LABELS:
            unknown.append(f"The label {label}: targets have one, so Prometheus calls this one exported_{label}.")
        yield f"exported_{label}" if label in TARGET_LABELS else label, entry


def _partner(label: str, samples: Sequence[Sample]) -> str:
    """Return the first label that goes with this one on the page: both have as many pairs as the one with more values."""
    labels = list(dict.fromkeys(name for sample in samples for name in sample.labels if name not in ("le", "quantile")))
    for other in labels[: labels.index(label)]:
        pairs = {(sample.labels.get(other, ""), sample.labels.get(label, "")) for sample in samples}
        counts = [len({pair[n] for pair in pairs}) for n in (0, 1)]
        if min(counts) > 1 and len(pairs) == max(counts):
            return f"exported_{other}" if other in TARGET_LABELS else other
    return ""


def _buckets(family: Family) -> Json:
    edges = sorted({float(s.labels["le"]) for s in family.samples if "le" in s.labels and _edge(s.labels["le"])})
    if not edges:
        return {"buckets_unknown": "the page shows no edge but the last one"}
    exact = 10**15  # up to here a float has every digit
    return {"buckets": [int(edge) if edge == int(edge) and abs(edge) < exact else edge for edge in edges]}


def _edge(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _summary(family: Family, name: str) -> Json:
    parts = {sample.name.removeprefix(name) for sample in family.samples}
    found = [part for part in ("sum", "count") if f"_{part}" in parts]
    out: Json = {"series": found} if len(found) == 1 else {}
    if quantiles := {sample.labels["quantile"] for sample in family.samples if "quantile" in sample.labels}:
        out["quantiles"] = len(quantiles)
    return out | ({"quirks": ["its quantiles are of each process, and cannot be put together"]} if "" in parts else {})
