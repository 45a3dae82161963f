"""What a Prometheus has of the systems of the catalogue, whatever its targets are called: found by the names of series alone.

A few queries for all of it. They are bounded: what is counted is grouped by target and name, and of a histogram one bucket stands
for all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from generator.catalogue import Kind
from generator.config.settings import REPLICAS, Labels
from generator.doctor.page import Page, names
from generator.doctor.profile import Profile, prefix_of, profile_of
from generator.doctor.variants import Variants
from generator.validate.forms import Forms
from generator.validate.metrics import COMMON
from generator.validate.prometheus import Prometheus
from generator.validate.target import CONVENTIONS

#: How far back a series counts as there, in seconds: what is scraped every few minutes is.
RECENT = 600

#: Labels that tell Prometheus servers of a pair apart, where both write to one place.
PAIR = tuple(name for name in REPLICAS if not name.startswith("__"))

#: Labels by which targets are told apart, and those by which people name them.
IDENTITY = tuple(
    dict.fromkeys(
        ("job", *Labels().every, *(n for found in CONVENTIONS.values() for n in found), "pod", "container", *PAIR)
    )
)

#: Labels at most of which it is asked where they are.
_MOST_ADDED = 10

Key = tuple[tuple[str, str], ...]
Pages = dict[Key, dict[str, dict[str, set[str]]]]


@dataclass(frozen=True, slots=True)
class Target:
    """One process as a Prometheus has it: the labels that tell it from others, and what its series tell."""

    labels: Mapping[str, str]
    profile: Profile = field(repr=False)

    @property
    def name(self) -> str:
        """What it is called in a report."""
        return called(self.labels)

    @property
    def matchers(self) -> str:
        """Matchers of its series, without braces."""
        given = [(label, self.labels.get(label, "")) for label in ("job", "instance", *PAIR)]
        return ", ".join(f'{label}="{_quoted(value)}"' for label, value in given)


@dataclass(frozen=True, slots=True)
class Gathered:
    """What was found.

    Attributes:
        targets: The processes of the systems of the catalogue.
        doubtful: Exporters that may be theirs or anybody's: nothing that they share with them says so.
        forms: The names of everything that is there, and what they tell of a metric that is there in another form.
        ups: Labels of every target that is scraped, ours or not, with whether it answered the last time.

    """

    targets: tuple[Target, ...]
    doubtful: tuple[Target, ...]
    forms: Forms
    ups: tuple[tuple[Mapping[str, str], bool], ...]


def gather(
    prometheus: Prometheus, known: Mapping[str, Variants], configured: Mapping[str, str], now: float
) -> Gathered:
    """Ask what is there.

    Args:
        prometheus: Whom to ask.
        known: The variants of each target system.
        configured: What the names of each are configured to begin with.
        now: Unix seconds.

    Returns:
        The targets, those of which it is in doubt whose they are, which forms of the names they have, and their `up`.

    Raises:
        ProbeError: It does not answer.

    """
    every = frozenset(prometheus.label_values("__name__", [], now - RECENT))
    index = Page("", {name: {} for name in every}, scraped=True)
    prefixes = {name: prefix_of(index, variants, configured.get(name, "")) for name, variants in known.items()}
    here = {
        n: w
        for n, w in known.items()
        if any(x.startswith(prefixes[n] or f"{n}_") for x in _names(w, prefixes[n]) & every)
    }
    pages: Pages = defaultdict(dict)
    wanted = frozenset(x for name, variants in here.items() for x in _names(variants, prefixes[name])) & every
    infos = {
        x: [lb.name for lb in m.labels.values() if lb.version]
        for name, variants in here.items()
        for m in variants.metrics.values()
        if m.kind is Kind.INFO
        for x in names(m, prefixes[name])
        if x in every
    }
    _series(prometheus, wanted - infos.keys(), pages)
    for label in dict.fromkeys((*_dated(here.values()), *_added(prometheus, here.values(), prefixes, now))):
        _labelled(prometheus, wanted - infos.keys(), label, pages)
    for info, labels in infos.items():
        _informed(prometheus, info, labels, pages)
    found = [
        Target(dict(key), one)
        for key, page in pages.items()
        if (one := profile_of(Page(called(dict(key)), page, scraped=True), here, configured))
    ]
    targets, doubtful = _sorted(found, prefixes)
    ours = frozenset(
        n for variants in known.values() for m in variants.metrics.values() for n in names(m, variants.system.prefix)
    )
    ups = tuple((s.labels, s.values[0] == 1) for s in prometheus.query(_recent("up")))
    return Gathered(targets, doubtful, Forms(dict.fromkeys(known, every), ours), ups)


def _names(variants: Variants, prefix: str) -> frozenset[str]:
    """Return the names of a system's series, and of its histograms those of their native form."""
    found = {n for m in variants.metrics.values() for n in names(m, prefix)}
    return frozenset(found | {n.removesuffix("_count") for n in found if n.endswith("_count")})


def _series(prometheus: Prometheus, wanted: Iterable[str], pages: Pages) -> None:
    """Note which target has which series."""
    wanted = sorted(wanted)
    plain, buckets = [n for n in wanted if not n.endswith("_bucket")], [n for n in wanted if n.endswith("_bucket")]
    for listed, more in ((plain, ""), (buckets, 'le="+Inf"')):
        for series in prometheus.query(_counted(("__name__", *IDENTITY), listed, more)) if listed else ():
            pages[_key(series.labels)].setdefault(series.labels["__name__"], {})


def _labelled(prometheus: Prometheus, wanted: Iterable[str], label: str, pages: Pages) -> None:
    """Note on which series of a target a label is that not all versions have."""
    listed = sorted(n for n in wanted if not n.endswith("_bucket"))
    for series in prometheus.query(_counted(("__name__", *IDENTITY, label), listed, f'{label}!=""')) if listed else ():
        own = {k: v for k, v in series.labels.items() if k != label or label in IDENTITY}
        page = pages.get(_key(own), {})
        if series.labels["__name__"] in page:
            page[series.labels["__name__"]].setdefault(label, set()).add(series.labels[label])


def _informed(prometheus: Prometheus, info: str, versions: Sequence[str], pages: Pages) -> None:
    """Note what a target says that it is; its other labels may be called as those of targets are, so job and instance tell it."""
    for series in prometheus.query(f"count by ({', '.join(('job', 'instance', *PAIR, *versions))}) ({_recent(info)})"):
        for key, page in pages.items():
            own_labels = dict(key)
            if all(own_labels.get(n, "") == series.labels.get(n, "") for n in ("job", "instance", *PAIR)):
                labels = page.setdefault(info, {})
                for label in versions:
                    labels.setdefault(label, set()).add(series.labels.get(label, ""))


def _sorted(found: Sequence[Target], prefixes: Mapping[str, str]) -> tuple[tuple[Target, ...], tuple[Target, ...]]:
    """Return the targets that are a system's, and exporters that anybody may have, as they stand in no namespace of it."""
    sure = [
        t
        for t in found
        if any(n.startswith(prefixes[t.profile.system] or f"{t.profile.system}_") for n in t.profile.page.series)
    ]
    places = {(t.profile.system, _place(t)) for t in sure} - {(t.profile.system, "") for t in sure}
    also = [t for t in found if t not in sure and (t.profile.system, _place(t)) in places]
    targets = sorted((*sure, *also), key=lambda t: (t.profile.system, t.name, sorted(t.labels.items())))
    return tuple(targets), tuple(t for t in found if t not in sure and t not in also)


def _place(target: Target) -> str:
    """Return the namespace of a target, whatever the label is called; empty where it has none."""
    labels = ("namespace", *CONVENTIONS["namespace"])
    return next((target.labels[name] for name in labels if target.labels.get(name)), "")


def _dated(here: Iterable[Variants]) -> list[str]:
    """Return the labels that not all versions have."""
    metrics = [m for variants in here for m in variants.system.metrics if m.kind is not Kind.INFO]
    labels = [lb for m in metrics for lb in (*m.labels.values(), *m.constant_labels.values())]
    return list(dict.fromkeys(lb.name for lb in labels if lb.since or lb.until))


def _added(prometheus: Prometheus, here: Iterable[Variants], prefixes: Mapping[str, str], now: float) -> list[str]:
    """Return labels that a server's own configuration adds, of systems whose servers take some."""
    found: list[str] = []
    for variants in here:
        system, prefix = variants.system, prefixes[variants.system.name]
        metrics = [m for m in system.metrics if system.attributed and system.attributed in m.labels]
        known = {*IDENTITY, *COMMON, *(n for m in metrics for n in (*m.labels, *m.constant_labels))}
        series = [f'{{__name__=~"{"|".join(n for m in metrics for n in names(m, prefix))}"}}'] if metrics else []
        found += sorted(prometheus.label_names(series, now - RECENT) - known)[:_MOST_ADDED] if series else []
    return found


def _counted(by: Sequence[str], listed: Sequence[str], more: str) -> str:
    matchers = ", ".join(filter(None, (f'__name__=~"{"|".join(listed)}"', more)))
    return f"count by ({', '.join(dict.fromkeys(by))}) ({_recent(f'{{{matchers}}}')})"


def _recent(selector: str) -> str:
    return f"last_over_time({selector}[{RECENT}s])"


def _key(labels: Mapping[str, str]) -> Key:
    return tuple(sorted((k, v) for k, v in labels.items() if k != "__name__" and v))


def called(labels: Mapping[str, str]) -> str:
    """Return what a target is called in a report: its job and instance."""
    return f"{labels.get('instance', 'no instance')} (job {labels.get('job', 'none')})"


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
