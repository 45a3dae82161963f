"""A `/metrics` page in the text format, taken apart without changing anything.

`prometheus_client.parser` is not used. It reads both eras' pages, but tells them in OpenMetrics
terms: it cuts `_total` off the names of counters and adds it to samples that lack it, so the old
era's `lg_api_pg_pool_requests_queued` would look like the new era's
`lg_api_pg_pool_requests_queued_total`, the very difference that the tests are about.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\\n]|\\["\\n])*)"'

SAMPLE = re.compile(rf"({NAME})\s*(?:\{{(.*)\}})?\s+(\S+)(?:\s+(-?\d+))?\s*")
LABELS = re.compile(rf"\s*(?:{LABEL}\s*(?:,\s*{LABEL}\s*)*,?)?\s*")
COMMENT = re.compile(rf"#\s+(HELP|TYPE)\s+({NAME})(?:\s(.*))?")

#: Type to what its samples may have after the family's name.
SUFFIXES = {
    "counter": ("",),
    "gauge": ("",),
    "untyped": ("",),
    "histogram": ("_bucket", "_sum", "_count"),
    "summary": ("", "_sum", "_count"),
}

#: What a backslash and the next character stand for.
ESCAPES = {r"\\": "\\", r"\"": '"', r"\n": "\n"}


class ExpositionError(ValueError):
    """A line that the text format does not allow; the text starts with the line's number."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One line with a value. `name` is the name on the line, with its `_bucket` or the like."""

    name: str
    labels: dict[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Family:
    """What one TYPE line announces. `name` is the one on that line, for counters with `_total`."""

    name: str
    type: str = "untyped"
    help: str = ""
    samples: list[Sample] = field(default_factory=list)

    def values(self, label: str) -> set[str]:
        """Values that `label` has in this family; samples without it count as the empty text."""
        return {sample.labels.get(label, "") for sample in self.samples}

    def edges(self) -> list[str]:
        """Upper edges of a histogram's buckets as they are written, in order; else nothing."""
        texts = [sample.labels["le"] for sample in self.samples if "le" in sample.labels]
        return sorted(set(texts), key=float)

    def total(self, suffix: str = "", **labels: str) -> float:
        """Sum of the samples that are called name + `suffix` and have `labels`; 0 without any."""
        return sum(
            sample.value
            for sample in self.samples
            if sample.name == self.name + suffix and labels.items() <= sample.labels.items()
        )


def parse(text: str) -> dict[str, Family]:
    """Return the families of a page by name, in the page's order.

    Time stamps are read and dropped. Lines of one family may be apart.

    Raises:
        ExpositionError: A line is malformed, a sample occurs twice, or a HELP or TYPE line comes
            twice or after its samples.
    """
    families: dict[str, Family] = {}
    described: set[tuple[str, str]] = set()
    seen: set[tuple[str, frozenset[tuple[str, str]]]] = set()
    for number, line in enumerate(text.split("\n"), start=1):
        if comment := COMMENT.fullmatch(line):
            kind, name, rest = comment.groups()
            if (kind, name) in described or (name in families and families[name].samples):
                raise ExpositionError(_refused(number, line, f"{kind} of {name} comes twice or too late"))
            described.add((kind, name))
            families[name] = _announced(families.get(name, Family(name)), kind, rest or "")
            if families[name].type not in SUFFIXES:
                raise ExpositionError(_refused(number, line, "unknown type"))
        elif line.strip() and not line.startswith("#"):
            sample = _sample(number, line)
            key = sample.name, frozenset(sample.labels.items())
            if key in seen:
                raise ExpositionError(_refused(number, line, "the same sample comes twice"))
            seen.add(key)
            owner = _owner(sample.name, families)
            families.setdefault(owner, Family(owner)).samples.append(sample)
    return families


def _announced(family: Family, kind: str, rest: str) -> Family:
    if kind == "TYPE":
        return Family(family.name, rest.strip(), family.help)
    # Quotes are not escaped in a HELP line.
    text = re.sub(r"\\[\\n]", lambda found: ESCAPES[found[0]], rest)
    return Family(family.name, family.type, text)


def _owner(name: str, families: dict[str, Family]) -> str:
    for suffix in ("_bucket", "_sum", "_count"):
        base = name.removesuffix(suffix)
        if base != name and base in families and suffix in SUFFIXES[families[base].type]:
            return base
    return name


def _sample(number: int, line: str) -> Sample:
    parts = SAMPLE.fullmatch(line)
    if not parts or not LABELS.fullmatch(parts[2] or ""):
        raise ExpositionError(_refused(number, line, "not a sample"))
    pairs = list(_pairs(parts[2] or ""))
    labels = dict(pairs)
    if len(labels) < len(pairs):
        raise ExpositionError(_refused(number, line, "a label comes twice"))
    try:
        # Python reads 1_000 as a number, Prometheus does not.
        return Sample(parts[1], labels, float(parts[3].replace("_", "?")))
    except ValueError:
        raise ExpositionError(_refused(number, line, f"{parts[3]} is not a number")) from None


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for found in re.finditer(LABEL, text):
        yield found[1], re.sub(r"\\.", lambda escape: ESCAPES[escape[0]], found[2])


def _refused(number: int, line: str, why: str) -> str:
    return f"{number}: {why}: {line}"
