"""What a query means, in words: a measure of a subject, so that two queries of one metric never read alike."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from generator.catalogue import Matcher, Metric
from generator.units import number

#: Alternatives of a regular expression that a sentence can list.
_FEW = 60
#: Abbreviations of units in a sentence; others are written out.
_SHORT = {"milliseconds": "ms", "seconds": "s"}
#: A help text about a value that is 1 or 0, and what is said of it instead of a sum or an extreme.
_FLAG = re.compile(r"1 when (?P<when>.*?),(?: else)? 0")
_FLAGGED = {
    "Sum of {}": "Number of processes for which {}", "Minimum of {}": "Whether {}", "Maximum of {}": "Whether {}",
    "Number of series of {}": "Number of processes that say whether {}", "{}": "Whether {}",
}  # fmt: skip
_QUANTILE = re.compile(r"\w+ percentile of \{\}|Median of \{\}")


@dataclass(frozen=True, slots=True)
class Reading:
    """A measure of a subject.

    Attributes:
        measure: What is computed, with `{}` where the subject stands.
        subject: What it is computed of: the metric's help as a noun phrase.
        part: Which part of the metric's series is read, in words; empty when all are.
        by: Labels that are kept.
        tail: Further sentences.

    """

    measure: str
    subject: str
    part: str = ""
    by: tuple[str, ...] = ()
    tail: str = ""

    @property
    def what(self) -> str:
        """The subject with the part of it that is read."""
        return f"{self.subject} ({self.part})" if self.part else self.subject

    @property
    def text(self) -> str:
        """The measure of the subject, without a full stop."""
        return self.measure.format(self.what)

    def __str__(self) -> str:
        """Return the sentence, and the further ones."""
        return sentences([self])

    def of(self, measure: str) -> Reading:
        """Return another measure of the same subject; `{}` stands for the text of this one."""
        inner = self.measure[:1].lower() + self.measure[1:] if not self.measure.startswith("{") else self.measure
        return replace(self, measure=measure.format(inner))

    def within(self, window: str) -> Reading:
        """Return the reading over a range window of its own; `$...` is what the board shows."""
        name = "the range of the board" if window.startswith("$") else window
        return replace(self, measure=self.measure.replace("the window", name))

    def grouped(self, by: Sequence[str]) -> Reading:
        """Return the reading by other labels."""
        return replace(self, by=tuple(label for label in by if label != "le"))

    def share(self, whole: Reading) -> Reading:
        """Return the share that this has of `whole`: "share with status 5xx" where both are of one metric."""
        if self.subject == whole.subject and self.part:
            own = "; ".join(p for p in self.part.split("; ") if p not in whole.part.split("; "))
            own = own.replace("{", "{{").replace("}", "}}")
            return replace(whole, measure=f"Share with {own} of {{}}", by=self.by)
        if self.subject in whole.what:
            return replace(self, measure="Share of {}", tail=f"The total: {_lowered(whole.what)}.")
        return self.pair("{} as a share of {}", whole)

    def pair(self, form: str, other: Reading) -> Reading:
        """Return what `form` makes of two subjects."""
        return Reading("{}", form.format(self.what, _lowered(other.what)), by=self.by, tail=self.tail)


def sentence(text: str) -> Reading:
    """Return a reading that is a sentence of its own."""
    return Reading("{}", text.removesuffix("."))


def of_metric(metric: Metric, by: Sequence[str], measure: str) -> Reading:
    """Return a measure of a metric: of its help without the labels, and of the part that its matchers choose."""
    chosen: dict[str, list[str]] = {}
    for matcher in metric.matchers:
        chosen.setdefault(matcher.label, []).append(_part(matcher))
    part = "; ".join(f"{label} {', '.join(parts)}" for label, parts in chosen.items())
    found = subject(metric.help)
    if flag := _FLAG.match(found):
        measure, found = _FLAGGED.get(measure, measure), flag["when"]
    return Reading(measure, found, part, tuple(label for label in by if label != "le"))


def subject(text: str) -> str:
    """Return a help text as a noun phrase: its first clause, without the labels that it lists, with a small letter."""
    first = re.split(r"[.;](?:\s|$)", text, maxsplit=1)[0]
    first = (
        re.sub(r", by [\w', -]+$", "", first).replace("this process's", "a process's").replace(" of this process", "")
    )
    return _lowered(first)


def _lowered(text: str) -> str:
    """Return a phrase as it stands within a sentence: with a small letter, unless it begins with a name or an abbreviation."""
    return text if text[1:2].isupper() or text.split(" ", maxsplit=1)[0] in _NAMES else text[:1].lower() + text[1:]


#: Names at the beginning of a help text that keep their capital.
_NAMES = (
    "Postgres",
    "Redis",
    "Prometheus",
    "Alertmanager",
    "ClickHouse",
    "LangSmith",
    "LangSight",
    "SmithDB",
    "Kubernetes",
)


def limited(edge: float, unit: str) -> str:
    """Return a bucket edge with its unit."""
    return f"{number(edge)} {_SHORT.get(unit, unit)}".strip()


def percentile(q: float) -> str:
    """Return the measure of a quantile."""
    rank = f"{q * 100:g}"
    ending = {"1": "st", "2": "nd", "3": "rd"}.get(rank[-1], "th") if "." not in rank and rank not in _TEENS else "th"
    return "Median of {}" if q == 0.5 else f"{rank}{ending} percentile of {{}}"  # noqa: PLR2004 - the median


_TEENS = ("11", "12", "13")


def sentences(readings: Iterable[Reading]) -> str:
    """Return several readings as sentences; quantiles of one subject are one."""
    merged: list[Reading] = []
    for reading in dict.fromkeys(readings):
        last = merged[-1] if merged else None
        if last and replace(last, measure=reading.measure) == reading and _quantiles(last.measure, reading.measure):
            merged[-1] = replace(last, measure=_joined(last.measure, reading.measure))
        else:
            merged.append(reading)
    return " ".join(dict.fromkeys(_sentence(r) for r in merged))


def _sentence(reading: Reading) -> str:
    text = reading.text
    by = f", by {' and '.join(', '.join(reading.by).rsplit(', ', 1))}" if reading.by else ""
    return " ".join(p for p in (f"{text[:1].upper()}{text[1:]}{by}.", reading.tail) if p)


def _quantiles(*measures: str) -> bool:
    return all(_QUANTILE.fullmatch(m.rsplit(", ", 1)[-1].rsplit(" and ", 1)[-1]) for m in measures)


def _joined(first: str, second: str) -> str:
    head = first.removesuffix(" percentile of {}").removesuffix(" of {}").replace(" and ", ", ")
    return f"{head} and {second}"


def _part(matcher: Matcher) -> str:
    value = matcher.value
    if matcher.op in ("=", "!="):
        shown = value or "empty"
    else:
        options = [o.replace("..", "xx") if o[:1].isdigit() else o.replace("\\.", ".") for o in value.split("|") if o]
        shown = " or ".join(options) if len(value) <= _FEW else "one of a list"
    return shown if matcher.op[0] == "=" else f"not {shown}"
