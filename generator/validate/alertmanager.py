"""Alertmanager: is it the one that Prometheus tells, and does it route, inhibit and deliver as generated?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from generator.errors import Problem
from generator.source import parse
from generator.units import seconds
from generator.validate.context import Context
from generator.validate.probe import AbsentError, Probe, ProbeError, SilentError
from generator.validate.rules import told
from generator.validate.verdict import Finding, Verdict, empty, ok, warning, wrong

#: Where the generated configuration stands.
FILE = "alerts/alertmanager.yml"

RELOAD = f"load {FILE}, and reload"

#: Fields of a route that are inherited from the one above it.
DURATIONS = ("group_wait", "group_interval", "repeat_interval")

#: Receiver that tells nobody, on purpose.
NOBODY = "nobody"


def alertmanager(context: Context) -> Iterator[Verdict]:
    """Prometheus tells the Alertmanager, and its routes, inhibitions and receivers are the generated ones."""
    if context.alertmanager is None:
        return
    yield from _told(context)
    try:
        loaded = configuration(context.alertmanager)
    except ProbeError as error:
        yield wrong(error.what, error.fix).of("alertmanager", "configuration")
        return
    wanted = context.files[FILE]
    yield from _routes(wanted["route"], loaded.get("route") or {})
    yield from _inhibitions(wanted["inhibit_rules"], loaded.get("inhibit_rules") or [])
    yield from _receivers(wanted["receivers"], loaded.get("receivers") or [])


def configuration(probe: Probe) -> Mapping[str, Any]:
    """Return the configuration that an Alertmanager has loaded; secrets are left out by the server.

    Raises:
        ProbeError: It does not say, or not as YAML.

    """
    status = probe.get("/api/v2/status")
    config = status.get("config") if isinstance(status, dict) else None
    text = config.get("original") if isinstance(config, dict) else None
    broken: list[Problem] = []
    data = parse("the loaded configuration", text, broken).data if isinstance(text, str) else None
    if broken or not isinstance(data, dict):
        raise SilentError(
            f"{probe.name} at {probe.url} does not tell its configuration",
            "see whether --alertmanager names an Alertmanager",
        )
    return data


def _told(context: Context) -> Iterator[Verdict]:
    """Say whether the rules' server sends its alerts to this Alertmanager."""
    assert context.alertmanager is not None  # noqa: S101 - the caller has looked
    item = f"{context.ruler.probe.name} sends to it"
    try:
        active = [str(one.get("url", "")) for one in context.ruler.alertmanagers()]
    except AbsentError:
        yield empty(f"{context.ruler.probe.name} does not list its Alertmanagers").of("alertmanager", item)
        return
    here = urlsplit(context.alertmanager.url).netloc
    if not active:
        yield wrong(
            "it sends its alerts to nobody", "set alertmanager.targets in bundle.yaml, or `alerting` in prometheus.yml"
        ).of("alertmanager", item)
    elif here not in {urlsplit(url).netloc for url in active}:
        yield warning(
            f"it sends to {', '.join(urlsplit(u).netloc for u in active)}, which may be the same under another name"
        ).of("alertmanager", item)
    else:
        yield ok().of("alertmanager", item)


def _routes(wanted: Mapping[str, Any], loaded: Mapping[str, Any]) -> Iterator[Verdict]:
    yield _route(wanted, loaded, {}, {}).of("alertmanager", "the root route")
    left = [r for r in loaded.get("routes") or [] if isinstance(r, dict)]
    order = []
    for route in wanted["routes"]:
        item = f"the route of {' and '.join(route['matchers'])}"
        match = next((r for r in left if _matchers(r) == _matchers(route)), None)
        if match is None:
            yield wrong("it is not loaded", RELOAD).of("alertmanager", item)
            continue
        order.append(left.index(match))
        yield _route(route, match, wanted, loaded).of("alertmanager", item)
    if order != sorted(order):
        yield wrong("they stand in another order, and the first that matches wins", RELOAD).of(
            "alertmanager", "the order of the routes"
        )


def _route(
    wanted: Mapping[str, Any], loaded: Mapping[str, Any], above: Mapping[str, Any], over: Mapping[str, Any]
) -> Finding:
    """Compare what holds on a route: its own fields, and those that it inherits."""
    for name in ("receiver", "group_by", *DURATIONS):
        here, there = wanted.get(name, above.get(name)), loaded.get(name, over.get(name))
        if name in DURATIONS and here and there:
            here, there = seconds(str(here)), _seconds(str(there))
        if here != there:
            return wrong(f"its {name} is {told(there)}, and {told(here)} is generated", RELOAD)
    return ok()


def _inhibitions(wanted: Sequence[Mapping[str, Any]], loaded: Sequence[Mapping[str, Any]]) -> Iterator[Verdict]:
    for rule in wanted:
        item = f"{' and '.join(rule['source_matchers'])} silences {' and '.join(rule['target_matchers'])}"
        match = [
            r for r in loaded
            if _matchers(r, "source_matchers") == _matchers(rule, "source_matchers") and _matchers(r, "target_matchers") == _matchers(rule, "target_matchers")
        ]  # fmt: skip
        if not match:
            yield wrong("the inhibition is not loaded", RELOAD).of("alertmanager", item)
        elif set(match[0].get("equal") or ()) != set(rule["equal"]):
            yield wrong(
                f"it holds for equal {', '.join(match[0].get('equal') or ()) or 'nothing'}, and {', '.join(rule['equal'])} is generated",
                RELOAD,
            ).of("alertmanager", item)
        else:
            yield ok().of("alertmanager", item)


def _receivers(wanted: Sequence[Mapping[str, Any]], loaded: Sequence[Mapping[str, Any]]) -> Iterator[Verdict]:
    """Receivers may tell whom they like, but each must tell somebody."""
    for receiver in wanted:
        name = receiver["name"]
        match = next((r for r in loaded if r.get("name") == name), None)
        if match is None:
            finding = wrong("it is not loaded", RELOAD)
        elif name != NOBODY and not any(k.endswith("_configs") and v for k, v in match.items()):
            finding = wrong("it tells nobody", "give it a webhook, a channel or an address")
        else:
            finding = ok()
        yield finding.of("alertmanager", f"the receiver {name}")


def _matchers(rule: Mapping[str, Any], name: str = "matchers") -> frozenset[str]:
    """Return matchers in one spelling: Alertmanager prints them with quotes of its own."""
    return frozenset("".join(str(m).split()).replace('"', "").replace("'", "") for m in rule.get(name) or ())


def _seconds(duration: str) -> float:
    try:
        return seconds(duration)
    except ValueError:
        return -1.0


def waits(loaded: Mapping[str, Any], name: str) -> float:
    """Return the longest that some route waits, in seconds: `group_wait` or `group_interval`."""
    defaults = {"group_wait": 30.0, "group_interval": 300.0}
    root = loaded.get("route") or {}
    routes = [root, *(r for r in root.get("routes") or [] if isinstance(r, dict))]
    found = [_seconds(str(r[name])) for r in routes if name in r]
    return max(found, default=defaults[name]) if name in root else max([*found, defaults[name]])
