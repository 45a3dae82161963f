"""Alertmanager: is it the one that Prometheus tells, and does it route, inhibit and deliver as generated?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from generator.errors import Problem
from generator.source import parse
from generator.units import seconds
from generator.validate.answer import Answer
from generator.validate.context import Context
from generator.validate.probe import AbsentError, Probe, ProbeError
from generator.validate.rules import display
from generator.validate.verdict import Finding, Verdict, empty, ok, warning, wrong

#: Where the generated configuration stands.
FILE = "alerts/alertmanager.yml"

RELOAD = f"load {FILE}, and reload"

#: Fields of a route that are inherited from the one above it.
DURATIONS = ("group_wait", "group_interval", "repeat_interval")

#: Receiver that tells nobody, on purpose.
SILENT_RECEIVER = "nobody"


def alertmanager(context: Context) -> Iterator[Verdict]:
    """Prometheus tells the Alertmanager, and its routes, inhibitions and receivers are the generated ones."""
    if context.alertmanager is None:
        return
    yield from _connected(context)
    try:
        loaded = configuration(context.alertmanager)
    except ProbeError as error:
        yield wrong(error.what, error.fix).of("alertmanager", "configuration")
        return
    wanted = context.files[FILE]
    yield from _routes(wanted["route"], loaded.get("route"))
    yield from _inhibitions(wanted["inhibit_rules"], loaded.get("inhibit_rules").items())
    yield from _receivers(wanted["receivers"], loaded.get("receivers").items())


def configuration(probe: Probe) -> Answer:
    """Return the configuration that an Alertmanager has loaded; secrets are left out by the server.

    Raises:
        ProbeError: It does not say, or not as YAML.

    """
    config = probe.get("/api/v2/status").get("config", "original")
    broken: list[Problem] = []
    data = parse("the loaded configuration", config.text(), broken).data
    if broken or not isinstance(data, dict):
        raise config.wrong("no configuration")
    return Answer(data, "the loaded configuration: ", config.odd)


def _connected(context: Context) -> Iterator[Verdict]:
    """Say whether the rules' server sends its alerts to this Alertmanager."""
    assert context.alertmanager is not None  # noqa: S101 - the caller has looked
    item = f"{context.ruler.probe.name} sends to it"
    try:
        active = [_host(url) for url in context.ruler.alertmanagers()]
    except AbsentError:
        yield empty(f"{context.ruler.probe.name} does not list its Alertmanagers").of("alertmanager", item)
        return
    here = _host(context.alertmanager.url)
    if not active:
        yield wrong(
            "it sends its alerts to nobody", "set alertmanager.targets in bundle.yaml, or `alerting` in prometheus.yml"
        ).of("alertmanager", item)
    elif here not in active:
        yield warning(f"it sends to {', '.join(active)}, which may be the same under another name").of(
            "alertmanager", item
        )
    else:
        yield ok().of("alertmanager", item)


def _host(url: str) -> str:
    """Return host and port of an address; what is none, as it is."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return url


def _routes(wanted: Mapping[str, Any], loaded: Answer) -> Iterator[Verdict]:
    yield _route(wanted, loaded, {}, {}).of("alertmanager", "the root route")
    left = loaded.get("routes").items()
    order = []
    for route in wanted["routes"]:
        item = f"the route of {' and '.join(route['matchers'])}"
        match = next(
            (n for n, r in enumerate(left) if _matchers(r.get("matchers").texts()) == _matchers(route["matchers"])),
            None,
        )
        if match is None:
            yield wrong("it is not loaded", RELOAD).of("alertmanager", item)
            continue
        order.append(match)
        yield _route(route, left[match], wanted, loaded.fields()).of("alertmanager", item)
    if order != sorted(order):
        yield wrong("they stand in another order, and the first that matches wins", RELOAD).of(
            "alertmanager", "the order of the routes"
        )


def _route(wanted: Mapping[str, Any], loaded: Answer, above: Mapping[str, Any], over: Mapping[str, Answer]) -> Finding:
    """Compare what holds on a route: its own fields, and those that it inherits."""
    for name in ("receiver", "group_by", *DURATIONS):
        here = wanted.get(name, above.get(name))
        field = loaded.get(name) or over.get(name) or loaded.get(name)
        there: Any = None
        if field:
            there = field.texts() if name == "group_by" else field.word()
        if name in DURATIONS and here and there:
            here, there = seconds(str(here)), _seconds(there)
        if here != there:
            return wrong(f"its {name} is {display(there)}, and {display(here)} is generated", RELOAD)
    return ok()


def _inhibitions(wanted: Sequence[Mapping[str, Any]], loaded: Sequence[Answer]) -> Iterator[Verdict]:
    sides = ("source_matchers", "target_matchers")
    for rule in wanted:
        item = f"{' and '.join(rule['source_matchers'])} silences {' and '.join(rule['target_matchers'])}"
        match = [r for r in loaded if all(_matchers(r.get(s).texts()) == _matchers(rule[s]) for s in sides)]
        equal = match[0].get("equal").texts() if match else []
        if not match:
            yield wrong("the inhibition is not loaded", RELOAD).of("alertmanager", item)
        elif set(equal) != set(rule["equal"]):
            yield wrong(
                f"it holds for equal {', '.join(equal) or 'nothing'}, and {', '.join(rule['equal'])} is generated",
                RELOAD,
            ).of("alertmanager", item)
        else:
            yield ok().of("alertmanager", item)


def _receivers(wanted: Sequence[Mapping[str, Any]], loaded: Sequence[Answer]) -> Iterator[Verdict]:
    """Receivers may tell whom they like, but each must tell someone."""
    for receiver in wanted:
        name = receiver["name"]
        match = next((r for r in loaded if r.get("name").word() == name), None)
        if match is None:
            finding = wrong("it is not loaded", RELOAD)
        elif name != SILENT_RECEIVER and not any(
            k.endswith("_configs") and v.items() for k, v in match.fields().items()
        ):
            finding = wrong("it tells nobody", "give it a webhook, a channel or an address")
        else:
            finding = ok()
        yield finding.of("alertmanager", f"the receiver {name}")


def _matchers(listed: Sequence[str]) -> frozenset[str]:
    """Return matchers in one spelling: Alertmanager prints them with quotes of its own."""
    return frozenset("".join(m.split()).replace('"', "").replace("'", "") for m in listed)


def _seconds(duration: str) -> float:
    try:
        return seconds(duration)
    except ValueError:
        return -1.0


def waits(loaded: Answer, name: str) -> float:
    """Return the longest that some route waits, in seconds: `group_wait` or `group_interval`."""
    defaults = {"group_wait": 30.0, "group_interval": 300.0}
    root = loaded.get("route")
    found = [_seconds(f.word()) for r in (root, *root.get("routes").items()) if (f := r.get(name))]
    return max(found, default=defaults[name]) if root.get(name) else max([*found, defaults[name]])
