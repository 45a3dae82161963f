"""Configurations for the property test: what operators write in bundle.yaml, and what is nearly that.

Keys and their kinds come from the schema, so that a new key is tried without a word here; values come from pools, by the
name of the key where its kind does not say what is usual.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from hypothesis import strategies as st

from generator.catalogue import Limit, load
from generator.config import schema

#: Not fixtures: hypothesis would print all of them.
ROOT: Mapping[str, Any] = schema(load())
CATALOGUE = load()
SYSTEMS = tuple(ROOT["properties"]["systems"]["properties"])

Json = Any
Path = tuple[str, ...]

# Texts by kind: usual ones, and odd ones that are refused, or must work all the same. Hosts are nobody's, ports nobody listens at.

ODD_DURATIONS = (
    "15s",
    "2m",
    "10m",
    "1d",
    "90d",
    "0s",
    "1y",
    "5",
    "5m\n",
    " 5m",
    "-5m",
    "1h30m",
    "99999999999d",
    "5M",
    "",
    "1ms",
    "1w",
    "0m",
    "5\u00a0m",
)
LABELS = ("tenant", "k8s_cluster", "kube_namespace", "app", "pod", "site", "env", "team", "Region", "_x")
ODD_LABELS = (
    "le", "quantile", "__name__", "__x", "alertname", "severity", "alertstate", "status", "path", "job", "instance", "role",
    "cluster", "system", "era", "slo", "grün", "a-b", "a b", "", "1a", "a\n", "queue", "server", "gateway", "state", "about",
)  # fmt: skip
WORDS = ("prod", "eu-1", "agents", "team_a", "a.b-c", "Prod", "7", "main", "x" * 40, "größe", "two words")
ODD_WORDS = (
    "", " ", "a\nb", "a\tb", "{{ $labels.pod }}", "{{ .Broken", "${HOME}", "$1", "$$", 'say "x"', "it's", "back\\slash", "\\d",
    "~", "~(", "~[a", "~a|b", "~.*", "~(?P<x>a)", "~(?=a)", "~a{2000}", "~\\pN", "[a-", "*", "a{b}", "%s", "#x", "- a", "a: b",
    "true", "null", "1e3", "0x1f", "x" * 3000, "\x00", "\x1b[31m", "\u2028", "\ufeff", "a,b", "'", "`", "|", "<script>",
)  # fmt: skip
PATTERNS = ("prod", "~prod|test", "~eu-.*", "eu-1")
ADDRESSES = ("127.0.0.1:9", "localhost:1", "agents.invalid:8000", "[::1]:9", "a-b.invalid:1", "c.invalid:65535")
ODD_ADDRESSES = (
    "http://agents.invalid:8000", "agents.invalid", "agents.invalid:99999", "agents.invalid:8000/metrics", "a b.invalid:1", ":80",
    "agents.invalid:", "u:p@agents.invalid:80", "::1", "[::1]", "agents.invalid:http", "", "agents.invalid:8000\n", "$HOST:80",
)  # fmt: skip
NAMES = ("agents.invalid", "a.b.invalid", "agents-headless.ns.svc.cluster.invalid")
ODD_NAMES = (
    "",
    "a b.invalid",
    "http://agents.invalid",
    "agents.invalid:80",
    ".invalid",
    "agents.invalid.",
    "*.invalid",
    "ä.invalid",
)
PAGES = ("http://langsmith-platform-backend.invalid:1986/metrics/queue/default", "http://h.invalid/x")
URLS = ("https://grafana.invalid", "http://127.0.0.1:9", "https://docs.invalid/runbooks", "https://h.invalid:8443/a/b")
ODD_URLS = (
    "grafana.invalid", "ftp://h.invalid", "https://", "https://u:secret@h.invalid/", "https://h.invalid/a b", "https://h.invalid//",
    "https://h.invalid/?a=b", "https://h.invalid/#a", "", "http://[::1", "https://h.invalid:99999/", "https://h.invalid/{{x}}", "//h",
)  # fmt: skip
GLOBS = ("/etc/prometheus/targets/a*.yaml", "targets/*.json", "targets/one.yml", "/a/b/*.yaml")
ODD_GLOBS = (
    "targets/*",
    "[a.yaml",
    "a*/b*.yaml",
    "targets/x.txt",
    "",
    " ",
    "a.yaml\n",
    "*.yaml",
    "\\",
    "targets/[a-z].json",
)
RULE_GLOBS = ("rules/*.yaml", "/etc/prometheus/rules/*.rules.yaml", "one.yml")
RANGES = ("now-1h", "now-6h", "now-2d")
ODD_RANGES = ("now", "yesterday", "", "now-", "now-6x", "now-0h", "now+1h")
PREFIXES, ODD_PREFIXES = ("lg_", "acme_", "", "x_y_"), ("lg", "1_", "a-b_", "lg_\n", "__", "ä_", "lg_api", "agentobs_")
TOKENS, ODD_TOKENS = ("/etc/prometheus/secrets/token", ""), ("~/token", "a\nb", "${TOKEN}")
ALERTS = {
    "disable": ("AgentServerNoWorkers", "LangSightSSEDrops", "ObservabilityWatchdog"),
    "enable": ("AgentServerHttp5xxRatio", "LangSmithHttpErrors"),
}
#: What is usual and what is odd, by the name of the key; words for any other.
POOLS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "interval": (("15s", "30s", "45s", "1m", "90s", "2m", "1500ms"), ODD_DURATIONS),
    "timeout": (("5s", "10s", "15s", "1s"), ODD_DURATIONS),
    "window": (("5m", "7m", "10m", "900s", "12m"), ODD_DURATIONS),
    "retention": (("15d", "30d", "60d", "90d", "52w", "3d"), ODD_DURATIONS),
    "slo_period": (("1d", "7d", "28d", "30d", "168h", "2w"), ODD_DURATIONS),
    "refresh": (("30s", "1m", "5m", "1d"), ODD_DURATIONS),
    **dict.fromkeys(("targets", "prometheus", "json_exporter", "blackbox_exporter"), (ADDRESSES, ODD_ADDRESSES)),
    **dict.fromkeys(("docs_url", "runbook_base_url", "grafana_url", "webhook_url"), (URLS, ODD_URLS)),
    **dict.fromkeys(("selectors", "match", "scale_to_zero"), (PATTERNS, ODD_WORDS)),
    "names": (NAMES, ODD_NAMES),
    "files": (GLOBS, ODD_GLOBS),
    "rule_files": (RULE_GLOBS, ODD_GLOBS),
    "prefix": (PREFIXES, ODD_PREFIXES),
    "uid_prefix": (("", "acme-", "a"), ("A-", "x" * 13, "a_", "a\n")),
    "datasource": (("tempo", "loki-1", "P8E80F9AEF21F6940"), ("", "a b", "x" * 41, "${ds}", "a\n")),
    "time_from": (RANGES, ODD_RANGES),
    "bearer_token_file": (TOKENS, ODD_TOKENS),
}
#: What is of another kind altogether.
STRANGE: tuple[Json, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    10**400,
    float("nan"),
    float("inf"),
    "",
    [],
    {},
    ["x"],
    {"x": 1},
    "x",
)


@dataclass(frozen=True, slots=True)
class Key:
    """One key of bundle.yaml.

    Attributes:
        path: Where it stands.
        sound: What an operator may well write there; it may still not fit what else is written.
        near: What is nearly right: an odd value of the kind, or another kind.

    """

    path: Path
    sound: st.SearchStrategy[Json]
    near: st.SearchStrategy[Json]


def keys(schema: Mapping[str, Any], path: Path = ()) -> list[Key]:
    """Return every key that holds a value, a list or a mapping of names that an operator chooses."""
    if "properties" in schema:
        return [key for name, part in schema["properties"].items() for key in keys(part, (*path, name))]
    near = _value(path, schema, odd=True) | st.sampled_from(STRANGE)
    return [Key(path, _value(path, schema, odd=False), near)]


def _value(path: Path, schema: Mapping[str, Any], *, odd: bool) -> st.SearchStrategy[Json]:
    if (named := _named(path, odd=odd)) is not None:
        return named
    kind = schema.get("type")
    if kind == "array":
        inner = _value((*path, "[]"), schema["items"], odd=odd)
        return st.lists(inner, min_size=schema.get("minItems", 0), max_size=3, unique_by=None if odd else repr)
    if kind == "object" and "properties" in schema:
        return _mapping(path, schema, odd=odd)
    if kind == "object":
        inner = _value((*path, "*"), schema.get("additionalProperties", {"type": "string"}), odd=odd)
        names = st.sampled_from((*LABELS, *ODD_LABELS) if odd else LABELS)
        return st.dictionaries(names, inner, min_size=schema.get("minProperties", 0), max_size=3)
    return _single(path, schema, odd=odd)


def _single(path: Path, schema: Mapping[str, Any], *, odd: bool) -> st.SearchStrategy[Json]:
    """A value that is no list and no mapping."""
    if "enum" in schema:
        return st.sampled_from([*schema["enum"], *(("nwe", "NEW") if odd else ())])
    low, high = schema.get("minimum", 1), schema.get("maximum", 100_000)
    match schema.get("type"):
        case "boolean":
            return st.sampled_from(["yes", "false", 1]) if odd else st.booleans()
        case "integer":
            return st.sampled_from([low - 1, high + 1, 1.5, str(low)]) if odd else st.integers(low, high)
        case "number":
            return st.sampled_from([low - 1, high * 1.01, 0.999, str(low)]) if odd else st.floats(low, high)
        case _:
            usual, unusual = (
                (PAGES, ODD_URLS) if schema.get("pattern", "").startswith("^https?://[^/]+/") else _pool(path)
            )
            return st.sampled_from((*unusual, *ODD_WORDS)) | st.text(max_size=8) if odd else st.sampled_from(usual)


def _mapping(path: Path, schema: Mapping[str, Any], *, odd: bool) -> st.SearchStrategy[Json]:
    """A mapping with its required keys and some others; of an odd one some value is odd, or a key is missing."""
    made = {name: _value((*path, name), part, odd=odd) for name, part in schema["properties"].items()}
    required = set() if odd else set(schema.get("required", ()))
    return st.fixed_dictionaries(
        {name: value for name, value in made.items() if name in required},
        optional={name: value for name, value in made.items() if name not in required},
    )


def _pool(path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    name = next(step for step in reversed(path) if step not in {"[]", "*"})
    if path[0] == "labels" or name == "replica_labels":
        return LABELS, ODD_LABELS
    return POOLS.get(name, (WORDS, ODD_WORDS))


def _named(path: Path, *, odd: bool) -> st.SearchStrategy[Json] | None:
    """Values whose names the package knows: limits, alerts, roles, edges."""
    found: st.SearchStrategy[Json] | None = None
    match path:
        case ("thresholds",):
            pairs = [st.tuples(st.just(limit.name), _number(limit, odd=odd)) for limit in CATALOGUE.limits.values()]
            found = st.lists(st.one_of(pairs), max_size=3).map(dict)
        case ("slo", "queue_wait", "within"):
            found = st.sampled_from([0, 1234, 1e9, float("nan"), "5000"] if odd else [500, 1000, 5000, 30000])
        case ("slo", _, "objective"):
            found = st.sampled_from(
                [0.999, 100, 49.9, 99.99999, "99"] if odd else [50, 90, 95, 99, 99.9, 99.99, 99.9999]
            )
        case ("alerts", "disable" | "enable"):
            every = [name for names in ALERTS.values() for name in names]
            usual, strange = ALERTS[path[1]], (*every, "NoSuchAlert", "", "agentservernoworkers")
            found = st.lists(st.sampled_from(strange if odd else usual), max_size=3)
        case ("systems", system, "roles") if not odd:
            roles = tuple(CATALOGUE.systems[system].roles)
            found = st.lists(st.sampled_from(roles), unique=True, min_size=1) if roles else st.just([])
        case ("systems", system, "scrape", "static" | "dns", "[]", "role") if not odd:
            found = st.sampled_from(tuple(CATALOGUE.systems[system].roles) or ("",))
    return found


def _number(limit: Limit, *, odd: bool) -> st.SearchStrategy[Json]:
    if odd:
        return st.sampled_from(
            [-1, float("nan"), float("inf"), 1e308, 1e-12, "1", True, None, limit.value * 1.0001, 10**30]
        )
    if limit.histogram:
        system, _, name = limit.histogram.partition("/")
        edges = next(m for m in CATALOGUE.systems[system].metrics if m.name == name).buckets[:-1]
        return st.sampled_from(edges)
    high = 1 if limit.unit == "ratio" and limit.value <= 1 else max(1, limit.value * 10)
    return st.floats(0, high) | st.sampled_from([0, 1, 1e-9, 0.1 + 0.2, limit.value])


#: Keys by the subject that they are about, so that each subject comes up as often as any other.
SUBJECTS: Mapping[str, list[Key]] = {
    name: keys(part, (name,)) for name, part in ROOT["properties"].items() if name != "lint"  # what is suppressed must be there
}  # fmt: skip
#: Systems that are on: mostly one, for then little is made.
ON = (*((name,) for name in (*SYSTEMS, *SYSTEMS, *SYSTEMS)), SYSTEMS, ())


@st.composite
def documents(draw: st.DrawFn) -> str:
    """A text of bundle.yaml: a few keys, sometimes something odd among them."""
    on, odd = draw(st.sampled_from(ON)), draw(st.sampled_from([0, 0, 0, 1, 1, 2]))
    data: dict[str, Json] = {"systems": {name: {"enabled": name in on} for name in SYSTEMS}}
    if draw(st.integers(0, 9)) == 9:
        data = {}
    usual = draw(st.integers(1, 7))
    for number in range(usual + odd):
        key = draw(st.sampled_from(SUBJECTS[draw(st.sampled_from(list(SUBJECTS)))]))
        _put(data, key.path, draw(key.sound if number < usual else key.near))
    text = yaml.safe_dump(data, allow_unicode=True, sort_keys=False)
    return draw(_slipped(text)) if draw(st.integers(0, 19)) == 19 else text


def _put(data: dict[str, Json], path: Path, value: Json) -> None:
    for step in path[:-1]:
        data = data.setdefault(step, {})
        if not isinstance(data, dict):
            return
    data[path[-1]] = value


@st.composite
def _slipped(draw: st.DrawFn, text: str) -> str:
    """A text in which someone's hand slipped: a line twice, a line less, other indentation, a character too many."""
    lines = text.splitlines(keepends=True)
    at = draw(st.integers(0, len(lines) - 1))
    change = draw(st.sampled_from(["twice", "less", "in", "tab", "character"]))
    line = lines[at]
    lines[at] = {
        "twice": line + line,
        "less": "",
        "in": f" {line}",
        "tab": f"\t{line}",
        "character": draw(st.sampled_from("&*!%@`'\"[]{}:,#|>-?\\")) + line,
    }[change]
    return "".join(lines)
