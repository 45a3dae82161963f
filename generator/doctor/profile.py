"""What one page tells of the process behind it: the system, and each way in which it can be installed that explains the page.

Nothing is guessed: what several ways of installing explain equally well is told as all of them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from generator.catalogue import Kind, Metric
from generator.doctor.page import Page, full_name, names
from generator.doctor.traits import Against, Trait, is_or_are, some, traits
from generator.doctor.variants import Predicted, Span, Variant, Variants, numbered

#: Metrics of a system at least under a prefix that is not its own, so that it is taken for one.
_ENOUGH = 3

#: A version at the beginning of what a server says of itself: `v1.4.1`, `1.5.0-dev`.
_VERSION = re.compile(r"v?(\d+(?:\.\d+)+)")


@dataclass(frozen=True, slots=True)
class Profile:
    """What one page tells.

    Attributes:
        page: The page.
        system: The system's id.
        prefix: What its names begin with.
        count: How many metrics of the system are there.
        version: What the server says that it is; empty where it does not.
        spans: The versions that explain the page, oldest first, joined where they touch.
        traits: What else is told.
        fits: The variants that explain it.
        misfits: What none of them explains, a sentence each.
        evidence: Of the version, a sentence each.

    """

    page: Page
    variants: Variants = field(repr=False)
    system: str
    prefix: str
    count: int
    version: str
    spans: tuple[Span, ...]
    traits: tuple[Trait, ...]
    fits: tuple[Variant, ...] = field(repr=False)
    misfits: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()

    def trait(self, name: str) -> Trait | None:
        """Return what is told of one thing; None where the page does not depend on it."""
        return next((t for t in self.traits if t.name == name), None)

    @property
    def seen(self) -> frozenset[str]:
        """Full names, under the system's own prefix, of the metrics that are there."""
        return frozenset(n for n, m in self.variants.metrics.items() if self.page.shows(m, self.prefix))


def profile_of(page: Page, known: Mapping[str, Variants], prefixes: Mapping[str, str]) -> Profile | None:
    """Return what a page tells; None where it is not one of a system.

    Args:
        page: The page.
        known: The variants of each target system.
        prefixes: What the names of each are configured to begin with.

    """
    found = [one for name, variants in known.items() if (one := _of(page, variants, prefixes.get(name, "")))]
    return max(found, key=lambda one: (one.count - len(one.misfits), one.system), default=None)


def _of(page: Page, variants: Variants, configured: str) -> Profile | None:
    """Return what a page tells where it is one of this system; None where too little speaks for it."""
    system, prefix = variants.system, prefix_of(page, variants, configured)
    seen = frozenset(n for n, m in variants.metrics.items() if page.shows(m, prefix))
    own = {n for n in seen - variants.shared if variants.metrics[n].prefix or not system.prefix}
    if not own:
        return None
    version = _version(page, variants, prefix)
    against = {
        variant: _against(page, variants, predicted, seen, prefix)
        for variant, predicted in variants.predicted.items()
        if prefix == system.prefix or not _fixed(variants, variant)
    }
    speaking = {
        w: a for w, a in against.items() if version and w.span.has(version) and numbered(system, w.era)
    } or against
    least = min(a.cost for a in speaking.values())
    fits = tuple(w for w, a in speaking.items() if a.cost == least)
    best = speaking[fits[0]]
    if not _sure(page, variants, prefix, configured) and (
        len(own) < sum(best.cost) or (prefix and len(own) < max(_ENOUGH, len(unknown(page, variants, prefix))))
    ):
        return None
    spans = tuple(_joined({w.span for w in fits}))
    return Profile(
        page, variants, system.name, prefix, len(own), version, spans, tuple(traits(variants, fits, against, prefix)), fits,
        tuple(_misfits(best)), tuple(_dated(variants, fits, against, version)),
    )  # fmt: skip


def prefix_of(page: Page, variants: Variants, configured: str) -> str:
    """Return what the names of a system begin with on a page: that under which most of its metrics are there.

    Names that go on after those of a program which says its version, such as `prometheus_http_` beside `prometheus_build_info`,
    are that program's.
    """
    system = variants.system
    if not system.prefix:
        return ""
    own = [m for m in system.metrics if m.prefix]
    found: dict[str, set[str]] = {system.prefix: set(), configured or system.prefix: set()}
    by_end: dict[str, list[tuple[Metric, str]]] = {}
    for metric in own:
        for part in metric.parts:
            by_end.setdefault(metric.base + part, []).append((metric, part))
    for name in page.series:
        # Every end of the name that begins with a word is looked up.
        for place in (0, *(m.end() for m in re.finditer("[_:]", name))):
            for metric, _ in by_end.get(name[place:], ()):
                found.setdefault(name[:place], set()).add(metric.name)
    order = {configured or system.prefix: 2, system.prefix: 1}
    programs = tuple(name.removesuffix("build_info") for name in page.series if name.endswith("_build_info"))
    for prefix in found.keys() - order.keys():
        if any(prefix.startswith(program) and prefix != program for program in programs):
            del found[prefix]
    return max(found, key=lambda p: (len(found[p]), order.get(p, 0), p))


def _sure(page: Page, variants: Variants, prefix: str, configured: str) -> bool:
    """Say whether a page is one of a system however little of it is there: by a prefix of its own, or by what it says that it is."""
    if prefix and prefix in (variants.system.prefix, configured):
        return True
    infos = [m for m in variants.system.metrics if m.kind is Kind.INFO and not m.prefix]
    shown = [(lb.values, page.labels(m, prefix).get(n, ())) for m in infos for n, lb in m.labels.items() if lb.values]
    return any(value in values for values, found in shown for value in found)


def _fixed(variants: Variants, variant: Variant) -> bool:
    """Say whether the names of an era are written into its code: those before METRIC_PREFIX reached the page."""
    era = variants.system.eras[variant.era]
    return bool(era.until)


def _version(page: Page, variants: Variants, prefix: str) -> str:
    for metric in variants.system.metrics:
        for label in metric.labels.values():
            if label.version:
                values = page.labels(metric, prefix).get(label.name, ())
                if found := [m[1] for value in sorted(values) if (m := _VERSION.match(value))]:
                    return found[0]
    return ""


def _against(page: Page, variants: Variants, predicted: Predicted, seen: frozenset[str], prefix: str) -> Against:
    unexpected = sorted(seen - predicted.possible)
    certain = predicted.start | (predicted.tick if predicted.tick & seen else frozenset())
    lacking = sorted(certain - seen)
    by_label = sorted(predicted.without), sorted(predicted.labels)
    labels = {n: page.labels(variants.metrics[n], prefix) for n in {n for pairs in by_label for n, _ in pairs} & seen}
    unexpected += [f"label {label}" for label in dict.fromkeys(lb for n, lb in by_label[0] if lb in labels.get(n, ()))]
    if not page.scraped:  # what is empty there is dropped
        missing = dict.fromkeys(lb for n, lb in by_label[1] if n in labels and lb not in labels[n])
        lacking += [f"label {label}" for label in missing]
    return Against(tuple(unexpected), tuple(lacking))


def _dated(
    variants: Variants, fits: Collection[Variant], against: Mapping[Variant, Against], version: str
) -> Iterator[str]:
    """Say why the version is none before, and none after, those that explain the page."""
    if version:
        label = next(
            f"{m.full_name} says {lb.name}" for m in variants.system.metrics for lb in m.labels.values() if lb.version
        )
        yield f'{label}="{version}"'
        return
    eras = {w.era for w in fits}
    spans = sorted({w.span for w in against if w.era in eras}, key=_order)
    ours = [n for n, span in enumerate(spans) if any(w.span == span for w in fits)]
    for n, what in ((ours[0] - 1, "before"), (ours[-1] + 1, "from")):
        if 0 <= n < len(spans):
            border = spans[ours[0]].first if what == "before" else spans[n].first
            best = min((a for w, a in against.items() if w.span == spans[n]), key=lambda a: a.cost)
            if best.strange:
                yield f"{some(best.strange)} {is_or_are(best.strange)} there, which none {what} {border} has"
            elif best.lacking:
                yield f"{some(best.lacking)} {is_or_are(best.lacking)} not there, which every one {what} {border} has"


def _misfits(best: Against) -> Iterator[str]:
    if best.strange:
        yield f"{some(best.strange)} {is_or_are(best.strange)} there, although nothing else about the page goes with it"
    if best.lacking:
        yield f"{some(best.lacking)} {is_or_are(best.lacking)} not there, although every process of this kind has it"


def _joined(spans: Collection[Span]) -> Iterator[Span]:
    """Yield spans, those that touch as one."""
    last: Span | None = None
    for span in sorted(spans, key=_order):
        if last is not None and last.before == span.first and last.before:
            last = Span(last.first, span.before)
            continue
        if last is not None:
            yield last
        last = span
    if last is not None:
        yield last


def _order(span: Span) -> tuple[int, ...]:
    return tuple(int(p) for p in span.first.split(".") if p)


def unknown(page: Page, variants: Variants, prefix: str) -> list[str]:
    """Return the names of series under a system's prefix that the catalogue does not know."""
    known = {name for m in variants.metrics.values() for name in names(m, prefix)}
    known |= {full_name(m, prefix) for m in variants.system.metrics}
    stems = {name.removesuffix("_total") for name in known}
    return sorted(
        n for n in page.series
        if prefix and n.startswith(prefix) and n not in known and n.removesuffix("_created") not in stems
    )  # fmt: skip
