"""Two versions of a system side by side, by the catalogue: names, units, labels, roles; and what a bundle for the first loses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from generator.bundle import Bundle, build
from generator.catalogue import Metric, System
from generator.config.site import Site, View
from generator.config.versions import in_the_field
from generator.errors import GeneratorError, Problem
from generator.lint.expression import Selector
from generator.promql.scope import site_scope
from generator.rules.rule import Alert, Record
from generator.units import number
from generator.upgrade.answers import Recorded, answers, demanded


@dataclass(frozen=True, slots=True)
class Moved:
    """A series whose name is another after the upgrade.

    Attributes:
        old, new: Its full name before and after; `new` is empty where nothing takes its place.
        factor: What values are multiplied by; 1 where the unit stays.
        unit: The unit after, where it changes.
        why: Why it is gone, or since when it is called otherwise.

    """

    old: str
    new: str
    factor: float
    unit: str
    why: str

    @property
    def change(self) -> str:
        """What differs beside the name, a phrase; empty when nothing does."""
        if self.factor == 1:
            return ""
        what = "edges (le)" if self.old.endswith("_bucket") else "values"
        return f"in {self.unit}: {what} are {times(self.factor)}"


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What an upgrade changes.

    Attributes:
        system: The system.
        first, last: The versions, as they were asked for.
        moved: Series that are renamed or gone, by their name before, suffixes of histograms included.
        come: Full names that are new.
        labels: Sentences on labels and their values, by full name of the metric.
        roles: Sentences on where a metric is emitted, by full name.
        blank: Board and panel, or rule file and alert, of a bundle for the first version that lose their data.
        bridge: The value of `versions:` while servers of both run.

    """

    system: System
    first: str
    last: str
    moved: Mapping[str, Moved]
    come: tuple[str, ...]
    labels: Mapping[str, tuple[str, ...]]
    roles: Mapping[str, tuple[str, ...]]
    blank: tuple[tuple[str, str], ...]
    bridge: str


def between(site: Site, system: str, first: str, last: str) -> Upgrade:
    """Return what changes for an installation from one version to another.

    Raises:
        GeneratorError: There is no such system, or one of the texts names no version of it.

    """
    old, new = _at(site, system, first, "--from"), _at(site, system, last, "--to")
    known = site.catalogue.systems[system]
    before = {m.name: m for m in old.system(system) if not m.missing}
    after = {m.name: m for m in new.system(system) if not m.missing}
    successors = {m.renamed_from: m for m in after.values() if m.renamed_from}
    return Upgrade(
        known,
        first,
        last,
        {one.old: one for one in _moved(before, after, successors, new.system(system))},
        tuple(sorted(m.full_name for n, m in after.items() if n not in before and m.renamed_from not in before)),
        dict(_labels(before, after)),
        dict(_roles(old, new, system, before, after)),
        tuple(_blank(old, new, system)),
        _bridge(known, first, last),
    )


def _at(site: Site, system: str, version: str, flag: str) -> Site:
    """Return the installation with servers of one version."""
    own = site.config.systems.get(system)
    if own is None:
        what = f"no system {system!r}"
        raise GeneratorError([Problem("--system", 1, what, f"use one of {', '.join(site.config.systems)}")])
    found = in_the_field(site.catalogue.systems[system], version)
    if found is None:
        newest = site.catalogue.systems[system].newest or "1.4.1"
        raise GeneratorError([Problem(flag, 1, f"{version!r} is no version", f"write one such as {newest}")])
    systems = {**site.config.systems, system: replace(own, enabled=True, eras=found[0], versions=found[1])}
    return Site(site.catalogue, replace(site.config, systems=systems))


def _moved(
    before: Mapping[str, Metric], after: Mapping[str, Metric], successors: Mapping[str, Metric], gone: View
) -> Iterator[Moved]:
    for name, metric in before.items():
        if name in after and after[name].full_name == metric.full_name:
            continue
        back = after.get(metric.renamed_from)
        follower = after.get(name) or successors.get(name) or back
        for suffix in metric.parts or ("",):
            old = f"{metric.full_name}{suffix}"
            if follower:
                factor = 1 / metric.factor if follower is back else follower.factor
                factor = 1.0 if suffix == "_count" else factor
                unit = follower.unit if factor != 1 else ""
                yield Moved(old, f"{follower.full_name}{suffix}", factor, unit, "renamed")
            else:
                why = gone[name].missing
                yield Moved(old, "", 1.0, "", why)


def _labels(before: Mapping[str, Metric], after: Mapping[str, Metric]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for name in before.keys() & after.keys():
        one, other = before[name], after[name]
        found = []
        for label in sorted({*one.labels, *one.constant_labels} & {*other.labels, *other.constant_labels}):
            a = one.labels.get(label) or one.constant_labels[label]
            b = other.labels.get(label) or other.constant_labels[label]
            if a.missing and not b.missing:
                found.append(f"gets the label {label}")
            elif b.missing and not a.missing:
                found.append(f"loses the label {label}")
            else:
                found += [
                    f"{label} can be {v!r} now" for v in sorted(a.missing_values.keys() - b.missing_values.keys())
                ]
                found += [
                    f"{label} is never {v!r} any more"
                    for v in sorted(b.missing_values.keys() - a.missing_values.keys())
                ]
        if found:
            yield other.full_name, tuple(found)


def _roles(
    old: Site, new: Site, system: str, before: Mapping[str, Metric], after: Mapping[str, Metric]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    eras = old.config.systems[system].eras[0], new.config.systems[system].eras[0]
    for name in before.keys() & after.keys():
        one, other = (m.emission.get(era) for m, era in zip((before[name], after[name]), eras, strict=True))
        a, b = ({role for roles in (e.roles if e else {}).values() for role in roles} for e in (one, other))
        found = [f"is on pages of {role} now" for role in sorted(b - a - {"any"})]
        found += [f"is on no page of {role} any more" for role in sorted(a - b - {"any"})]
        if found and "any" not in a | b:
            yield after[name].full_name, tuple(found)


def _blank(old: Site, new: Site, system: str) -> Iterator[tuple[str, str]]:
    """Yield what a bundle for the old servers shows and fires of them, and of the new ones no more."""
    bundle = build(old, kinds=("boards", "rules"))
    now, then = (_Series(site, system) for site in (new, old))
    recorded: dict[str, list[tuple[Mapping[str, str], str]]] = {}
    for record in (r for groups in bundle.rules.values() for group in groups for r in group.records):
        recorded.setdefault(record.name, []).append((record.labels, _text(old, record)))
    for board in bundle.boards.values():
        for panel in board.panels:
            texts = [query.build(site_scope(old, "5m")) for query in panel.possible]
            if _lost(texts, then, now, recorded):
                yield board.title, panel.title
    for stem, alert in _alerts(bundle):
        if _lost([alert.query.build(site_scope(old, old.timing.over(alert.over)))], then, now, recorded):
            yield f"{stem}.rules.yaml", alert.name


def _lost(texts: list[str], then: _Series, now: _Series, recorded: Recorded) -> bool:
    """Say whether some of the queries had data, and none has."""
    had = [text for text in texts if answers(text, then, recorded)]
    return bool(had) and not any(answers(text, now, recorded) for text in had)


def _alerts(bundle: Bundle) -> Iterator[tuple[str, Alert]]:
    for stem, groups in bundle.rules.items():
        yield from ((stem, alert) for group in groups for alert in group.alerts)


def _text(site: Site, record: Record) -> str:
    return record.query.build(site_scope(site, record.window))


class _Series:
    """Which series servers of an installation have: those of one system by its versions, all others as ever."""

    def __init__(self, site: Site, system: str) -> None:
        self._names = {
            f"{m.full_name}{suffix}": m for m in site.system(system) if not m.missing for suffix in m.parts or ("",)
        }
        gone = {f"{m.full_name}{suffix}" for m in site.system(system) for suffix in m.parts or ("",)}
        gone |= {f"{m.prefix}{m.base}{s}" for m in site.catalogue.systems[system].metrics for s in m.parts or ("",)}
        self._own = gone | set(self._names)
        self._label = site.labels.system, system
        self._pages = {
            f"{m.full_name}{suffix}": m.missing
            for page in site.catalogue.systems[system].pages
            for m in site.system(page, on=system)
            for suffix in m.parts or ("",)
        }

    def __call__(self, selector: Selector) -> bool:
        """Say whether some series fits: its name is there, and so are labels and values that are demanded."""
        metric = self._names.get(selector.name)
        if metric is None:
            label, value = self._label
            shared = demanded(selector.matchers).get(label, value) == value and self._pages.get(selector.name, "")
            return selector.name not in self._own and not shared
        for label, value in demanded(selector.matchers).items():
            found = metric.labels.get(label) or metric.constant_labels.get(label)
            if found is not None and (found.missing or value in found.missing_values):
                return False
        return True


def _bridge(system: System, first: str, last: str) -> str:
    followed = any(era.since or era.until for era in system.eras.values())
    one, other = (in_the_field(system, text) for text in (first, last))
    if followed and one and other and one[0] != other[0]:
        return "mixed"
    return first if first == last else f"{first} - {last}"


def times(factor: float) -> str:
    """Say what a factor does to a number in an expression."""
    return f"{number(factor)} times as large" if factor > 1 else f"{number(1 / factor)} times smaller"
