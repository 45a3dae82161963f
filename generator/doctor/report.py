"""The two forms of a diagnosis: text and JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from generator.doctor.blank import Blank
from generator.doctor.diagnosis import Diagnosis, Examined
from generator.doctor.monitored import Monitored
from generator.doctor.profile import Profile
from generator.doctor.reasons import Reason
from generator.doctor.traits import Trait, some

Json = dict[str, Any]

#: Columns of the name of what is told.
_WIDTH = 10


def text(found: Diagnosis | Monitored) -> str:
    """Return the diagnosis for people: each page, what stays blank by reason, what may still come."""
    diagnosis = found if isinstance(found, Diagnosis) else found.diagnosis
    alike: dict[tuple[str, ...], list[str]] = {}
    for one in diagnosis.pages:
        head, *rest = _page(one)
        source = "the standard input" if one.page.source == "-" else one.page.source
        alike.setdefault((head, *rest), []).append(source)
    lines = [line for (head, *rest), sources in alike.items() for line in (f"{some(sources)}: {head}", *rest, "")]
    if isinstance(found, Monitored):
        lines += _monitored(found)
    for fit in diagnosis.fits:
        lines += [f"{fit.system.title}: {conflict}" for conflict in fit.conflicts]
    lines += [f"bundle.yaml: {mismatch}" for mismatch in diagnosis.mismatches]
    if diagnosis.fits:
        lines += _listed("Blank", diagnosis.blank)
        lines += _listed("Not yet, or not for certain", diagnosis.later)
    return "\n".join(lines).rstrip("\n") + "\n"


def _monitored(found: Monitored) -> Iterator[str]:
    if not found.diagnosis.pages:
        yield "none of its series is one of a system that the catalogue knows"
    for trouble in found.troubles:
        yield f"{trouble.text} -> {trouble.fix}"
    settings = {"labels": found.naming.labels, "selectors": found.naming.selectors}
    settings |= {f"systems.{name}.match": match for name, match in found.naming.match.items()}
    for key, values in settings.items():
        if values:
            yield f"bundle.yaml wants {key}: {{{', '.join(f'{k}: {v}' for k, v in values.items())}}}"
    yield ""


def _page(one: Examined) -> Iterator[str]:
    """Yield what is told of a page: what it is, and a line for each thing that is told."""
    profile = one.profile
    if profile is None:
        names = sorted(one.page.series)
        yield "none of the systems that the catalogue knows"
        yield f"  it has {len(names)} names of series, such as {', '.join(names[:3])}; for a board of its own: agentobs infer"
        return
    system = profile.variants.system
    yield f"{system.title}, {profile.count} of its {len(system.metrics)} metrics"
    yield from _line("version", version(profile), profile.evidence)
    if profile.prefix != system.prefix:
        yield from _line(
            "prefix", profile.prefix, [f"the names of its metrics begin with it instead of {system.prefix}"]
        )
    for trait in profile.traits:
        if trait.name != "era" or not version(profile):
            yield from _line(trait.name.removeprefix("switch "), _values(trait), trait.evidence)
    for misfit in profile.misfits:
        yield f"  {'odd':{_WIDTH}}{misfit}"
    for drift in one.drift:
        yield f"  {'drift':{_WIDTH}}{drift}"
    for label in one.added:
        yield f"  {'added':{_WIDTH}}label {label.name}, {label.counted}, on {len(label.metrics)} metrics: who it was, if a server's configuration adds it"


def _line(name: str, value: str, evidence: Sequence[str]) -> Iterator[str]:
    if value:
        yield f"  {name:{max(_WIDTH, len(name) + 1)}}{value}"
        yield from (f"  {'':{_WIDTH}}  {sentence}" for sentence in evidence)


def version(profile: Profile) -> str:
    """Return the version of a process in words; empty where the system's are not told apart."""
    if profile.version:
        return profile.version
    spans = [s for s in profile.spans if s.first or s.before]
    words = [
        " ".join(w for w in (s.first and f"{s.first} or later", s.before and f"before {s.before}") if w) for s in spans
    ]
    return " or ".join(w.replace("or later before", "or later, before") for w in words)


def _values(trait: Trait) -> str:
    if len(trait.values) == 1:
        return trait.values[0]
    return f"cannot tell: {', '.join(trait.values[:-1])} and {trait.values[-1]} explain the page alike"


def _listed(title: str, found: Sequence[Blank]) -> Iterator[str]:
    if not found:
        yield f"{title}: nothing"
        return
    yield f"{title}: {_counted(found)}"
    for reason, those in _by_reason(found).items():
        yield f"  {reason.text}" + (f" -> {reason.remedy}" if reason.remedy else "")
        for where, names in _by_place(those).items():
            yield f"    {where}" + (f": {', '.join(names)}" if names else "")


def _counted(found: Iterable[Blank]) -> str:
    kinds = [b.kind for b in found]
    return ", ".join(
        f"{n} {kind}{'s' if n > 1 else ''}" for kind in ("board", "panel", "alert") if (n := kinds.count(kind))
    )


def _by_reason(found: Iterable[Blank]) -> Mapping[Reason, list[Blank]]:
    out: dict[Reason, list[Blank]] = {}
    for one in found:
        out.setdefault(one.reason, []).append(one)
    return dict(sorted(out.items(), key=lambda pair: (not pair[0].mendable, -len(pair[1]), pair[0].text)))


def _by_place(found: Iterable[Blank]) -> Mapping[str, list[str]]:
    out: dict[str, list[str]] = {}
    for one in found:
        place = (
            "alerts" if one.kind == "alert" else f"the whole board {one.where}" if one.kind == "board" else one.where
        )
        out.setdefault(place, []).extend([one.what] if one.what else [])
    return out


def as_json(found: Diagnosis | Monitored) -> str:
    """Return the diagnosis as a JSON object."""
    diagnosis = found if isinstance(found, Diagnosis) else found.diagnosis
    out: Json = {
        "pages": [_page_json(one) for one in diagnosis.pages],
        "conflicts": {f.system.name: list(f.conflicts) for f in diagnosis.fits if f.conflicts},
        "mismatches": list(diagnosis.mismatches),
        "blank": [_blank_json(b) for b in diagnosis.blank],
        "later": [_blank_json(b) for b in diagnosis.later],
        "bundle": diagnosis.document if diagnosis.fits else None,
        "ok": not found.failed,
    }
    if isinstance(found, Monitored):
        out["troubles"] = [{"kind": t.kind, "text": t.text, "fix": t.fix} for t in found.troubles]
    return json.dumps(out, indent=2) + "\n"


def _page_json(one: Examined) -> Json:
    profile = one.profile
    if profile is None:
        return {"source": one.page.source, "system": None}
    return {
        "source": one.page.source, "system": profile.system, "prefix": profile.prefix, "metrics": profile.count,
        "version": {
            "exact": profile.version or None, "ranges": [{"from": s.first or None, "before": s.before or None} for s in profile.spans],
            "evidence": list(profile.evidence),
        },
        "traits": {t.name: {"values": list(t.values), "told": len(t.values) == 1, "evidence": list(t.evidence)} for t in profile.traits},
        "odd": list(profile.misfits), "drift": list(one.drift),
        "added_labels": [{"label": a.name, "values": a.values, "metrics": list(a.metrics)} for a in one.added],
    }  # fmt: skip


def _blank_json(blank: Blank) -> Json:
    def of(reason: Reason) -> Json:
        return {"kind": reason.kind, "text": reason.text, "remedy": reason.remedy, "mendable": reason.mendable}

    return {
        "kind": blank.kind, "file": blank.file, "where": blank.where, "what": blank.what, "system": blank.system,
        "reason": of(blank.reason), "series": list(blank.series), "reasons": [of(r) for r in blank.reasons],
    }  # fmt: skip


#: What `--format` takes.
FORMATS: Mapping[str, Callable[[Diagnosis | Monitored], str]] = {"text": text, "json": as_json}
