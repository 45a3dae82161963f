"""How targets in a Prometheus are called, and what bundle.yaml has to say so that boards and rules find them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generator.catalogue import Catalogue
from generator.config.settings import Config, Labels
from generator.doctor.gathering import IDENTITY, PAIR, Gathered, Target
from generator.validate.target import CONVENTIONS

#: What target labels that are not everywhere may be left out.
_OPTIONAL = ("cluster", "namespace")

#: Labels that tell one process from another, and never one system from another.
_SINGLE = ("instance", "role", *CONVENTIONS["instance"], *CONVENTIONS["role"], *PAIR)

#: Targets of which one sentence names at most.
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something about how a Prometheus has the processes that keeps boards from showing them right.

    Attributes:
        kind: labels, role, system, pair, names, buckets, native, double, balanced, down or doubtful.
        text: What is the case.
        fix: What to do about it.

    """

    kind: str
    text: str
    fix: str


@dataclass(frozen=True, slots=True)
class Naming:
    """What bundle.yaml has to say about labels.

    Attributes:
        labels: `labels:`, as far as it is not the default.
        selectors: `selectors:`.
        match: `systems.X.match`, by system.
        troubles: What no configuration can say, as targets lack it.

    """

    labels: Mapping[str, str]
    selectors: Mapping[str, str]
    match: Mapping[str, Mapping[str, str]]
    troubles: tuple[Trouble, ...]


def naming(catalogue: Catalogue, gathered: Gathered, own: Config | None = None) -> Naming:
    """Return how the targets are called, where that is not as the operator's configuration, or the defaults, have it."""
    given = own.labels if own else Labels()
    troubles: list[Trouble] = []
    targets = gathered.targets
    labels: dict[str, str] = {}
    if not targets:
        return Naming({}, {}, {}, ())
    for key in ("cluster", "namespace", "deployment"):
        if name := _named(key, getattr(given, key), targets, {*labels.values()}, troubles):
            labels[key] = name
    if name := _role(catalogue, given.role, targets, {*labels.values()}, troubles):
        labels["role"] = name
    match: dict[str, Mapping[str, str]] = {}
    for system in dict.fromkeys(t.profile.system for t in targets):
        ours = [t for t in targets if t.profile.system == system]
        if not all(_found(system, given, own, t) for t in ours):
            if found := _match(ours, gathered):
                match[system] = found
            else:
                text = f"no label tells the targets of {catalogue.systems[system].title} from those of others"
                troubles.append(Trouble("system", text, f"give them the label system: {system} in their scrape job"))
    renamed = {key: name for key, name in labels.items() if name != getattr(given, key)}
    return Naming(renamed, dict(_pair(targets, troubles)), match, tuple(troubles))


def _found(system: str, given: Labels, own: Config | None, target: Target) -> bool:
    """Say whether a target is found where one of the system is asked for, with the labels that were looked at."""
    match = (own.systems[system].match if own else {}) or {given.system: system}
    return all(
        re.fullmatch(value[1:], target.labels.get(label, ""))
        if value.startswith("~")
        else target.labels.get(label) == value
        for label, value in match.items()
        if label in IDENTITY
    )


def _named(key: str, given: str, targets: Sequence[Target], used: set[str], troubles: list[Trouble]) -> str:
    """Return what a target label is called here; empty where targets have nothing of the kind."""
    candidates = [n for n in dict.fromkeys((given, key, *CONVENTIONS[key])) if n not in used]
    everywhere = [n for n in candidates if all(t.labels.get(n) for t in targets)]
    if key == "deployment":
        everywhere.sort(key=lambda n: -_together(n, targets))
    if everywhere:
        return everywhere[0]
    some = [n for n in candidates if any(t.labels.get(n) for t in targets)]
    if key in _OPTIONAL and not some:
        return ""
    lacking = [t for t in targets if not some or not t.labels.get(some[0])]
    text = f"no label that all targets have tells the {key}: {listed(lacking)} lack{'s' if len(lacking) == 1 else ''} {some[0] if some else key}"
    if key not in _OPTIONAL:
        troubles.append(
            Trouble("labels", text, f"give each target a label {some[0] if some else key} in its scrape job")
        )
    return some[0] if some else ""


def _together(label: str, targets: Sequence[Target]) -> int:
    """Return how many roles a value of a label has at most: a deployment has all of its processes."""
    roles: dict[tuple[str, str], set[tuple[str, ...]]] = defaultdict(set)
    for target in targets:
        trait = target.profile.trait("role")
        roles[target.profile.system, target.labels[label]].add(trait.values if trait else ())
    return max(map(len, roles.values()))


def _role(catalogue: Catalogue, given: str, targets: Sequence[Target], used: set[str], troubles: list[Trouble]) -> str:
    """Return which label tells the role; empty where no system has roles, or no label tells them."""
    with_roles = [t for t in targets if catalogue.systems[t.profile.system].roles]
    if not with_roles:
        return ""
    for name in dict.fromkeys((given, "role", *CONVENTIONS["role"])):
        if name not in used and all(
            t.labels.get(name) in catalogue.systems[t.profile.system].roles for t in with_roles
        ):
            troubles += _misnamed(name, with_roles)
            return name
    for system in dict.fromkeys(t.profile.system for t in with_roles):
        known = catalogue.systems[system]
        wrong = [t for t in with_roles if t.profile.system == system and t.labels.get("role") not in known.roles]
        by_role: dict[str, list[Target]] = defaultdict(list)
        for target in wrong:
            by_role[_told_role(target)].append(target)
        for role, those in by_role.items():
            text = f"no label tells the role of {listed(those)}"
            troubles.append(Trouble("role", text, f"give it the label role: {role} in its scrape job"))
    return ""


def _told_role(target: Target) -> str:
    trait = target.profile.trait("role")
    return " or ".join(trait.values) if trait else ""


def _misnamed(label: str, targets: Sequence[Target]) -> Iterator[Trouble]:
    for target in targets:
        trait = target.profile.trait("role")
        if trait and target.labels[label] not in trait.values:
            text = f"{target.name} is called {label}={target.labels[label]!r}, and its series are those of {_told_role(target)}"
            yield Trouble("role", text, f"correct the label {label} in its scrape job")


def _match(ours: Sequence[Target], gathered: Gathered) -> Mapping[str, str]:
    """Return what tells the targets of a system from everybody else's: one label, with a value or several; nothing where none does."""
    mine = {(t.labels.get("job", ""), t.labels.get("instance", "")) for t in ours}
    ups = [labels for labels, _ in gathered.ups if (labels.get("job", ""), labels.get("instance", "")) not in mine]
    # A label of a target that does not answer is one of the system's too where its job has nothing else.
    others = [*ups, *(t.labels for t in (*gathered.targets, *gathered.doubtful) if t not in ours)]
    jobs = {t.labels.get("job", "") for t in ours}
    down = [labels for labels, up in gathered.ups if not up and labels.get("job", "") in jobs]
    others = [labels for labels in others if labels not in down]
    for label in (n for n in IDENTITY if n not in _SINGLE and n not in ("cluster", "namespace")):
        values = {t.labels.get(label, "") for t in ours}
        if "" not in values and values.isdisjoint({one.get(label, "") for one in others}):
            (*several,) = sorted(values)
            return {label: several[0] if len(several) == 1 else "~" + "|".join(_literal(v) for v in several)}
    return {}


def _literal(value: str) -> str:
    """Return a value as a regular expression of RE2 that matches it alone."""
    return re.sub(r"([.^$*+?()\[\]{}|\\])", r"\\\1", value)


def _pair(targets: Sequence[Target], troubles: list[Trouble]) -> Iterator[tuple[str, str]]:
    """Yield what tells the series of one Prometheus of a pair from the same of the other."""
    for label in PAIR:
        copies: dict[tuple[tuple[str, str], ...], set[str]] = defaultdict(set)
        for target in targets:
            copies[tuple((k, v) for k, v in target.labels.items() if k != label)].add(target.labels.get(label, ""))
        twice = [values for values in copies.values() if len(values) > 1]
        if twice:
            values = sorted(set().union(*twice) - {""})
            count = f"{len(twice)} targets are" if len(twice) > 1 else "a target is"
            text = (
                f"{count} there once for each {label} ({', '.join(values)}): a pair of Prometheus servers writes here"
            )
            troubles.append(
                Trouble(
                    "pair",
                    text,
                    f"ask for one of them, as selectors: {{{label}: {values[0]}}} does, or have the pair put together",
                )
            )
            yield label, values[0]


def listed(targets: Sequence[Target]) -> str:
    """Return a few targets by name, and how many more there are."""
    shown = ", ".join(t.name for t in targets[:_NAMED])
    more = len(targets) - _NAMED
    return f"{shown} and {more} more" if more > 0 else shown


def applied(document: Mapping[str, Any], found: Naming) -> dict[str, Any]:
    """Return bundle.yaml with what it has to say about labels."""
    systems = {
        n: {**own, **({"match": dict(found.match[n])} if n in found.match else {})}
        for n, own in document["systems"].items()
    }
    out = {**document, "systems": systems}
    for key, more in (("labels", found.labels), ("selectors", found.selectors)):
        if more:
            out[key] = {**document.get(key, {}), **more}
    return out
