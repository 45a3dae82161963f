"""Every query of every committed board, as Grafana would send it, on some server; and how two servers' answers compare."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from testbed.matrix import fleet
from testbed.matrix.engines import Stage
from testbed.replay import FIRST, Firing, Replay
from testbed.rule_files import Rule
from testbed.servers import Series
from testbed.servers.cache import REPOSITORY

#: Seconds between two points of a graph, and what Grafana makes of that and of a scrape every 30 s.
STEP = 60.0
RATE_INTERVAL = "2m"

#: Seconds since the start of the history at which a graph begins: all windows but the longest have filled.
BEGIN = 1800.0

#: Evaluated off the scrapes and off the recorded series, as a browser is: see `testbed.replay`.
SKEW = 27.0

#: How far the means of a series may lie apart, as a share of the greater one, and how many points may be on one side only.
LEVEL, PRESENCE = 0.1, 0.05

#: Means below this are what is left of a subtraction of equal numbers.
NOISE = 1e-9

#: Panels of which a query stays empty over this history, and why.
_SCRAPE, _PAST = "made by a scrape itself, which remote write does not have", "compares with days before the history"
EMPTY = {
    ("agent_server_telemetry", "New series"): _SCRAPE,
    ("langsight_telemetry", "New series"): _SCRAPE,
    ("langsight_api", "Spans stored, and a day ago"): _PAST,
    ("langsmith_nginx", "Request rate, and a week ago"): _PAST,
}

Labels = tuple[tuple[str, str], ...]
Values = dict[Labels, dict[float, float]]


@dataclass(frozen=True, slots=True)
class Shown:
    """One query of a panel.

    Attributes:
        board: Stem of its file.
        panel: Title.
        ref: The query's letter.
        expr: PromQL with Grafana's variables in it.
        instant: Asked at the end of the range only.

    """

    board: str
    panel: str
    ref: str
    expr: str
    instant: bool


def boards() -> dict[str, dict[str, Any]]:
    """Return the committed boards by the stem of their file."""
    paths = sorted((REPOSITORY / "dashboards").glob("*.json"))
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in paths}


def systems(board: str) -> tuple[str, ...]:
    """Return the systems that a board is about, by its stem: one, or all."""
    return tuple(name for name in fleet.SCENARIOS if board.startswith(f"{name}_")) or tuple(fleet.SCENARIOS)


def queries() -> list[Shown]:
    """Return every query of every board."""
    return [
        Shown(stem, panel["title"], target["refId"], target["expr"], bool(target.get("instant")))
        for stem, board in boards().items()
        for top in board["panels"]
        for panel in (top, *top.get("panels", ()))
        for target in panel.get("targets", ())
    ]


def marks() -> list[Shown]:
    """Return the queries of the marks that boards draw over their graphs."""
    return [
        Shown(stem, one["name"], "A", one.get("expr") or one["target"]["expr"], False)
        for stem, board in boards().items()
        for one in board["annotations"]["list"]
        if one.get("expr") or "expr" in one.get("target", {})
    ]


def variables(stage: Stage, board: Mapping[str, Any], start: float) -> dict[str, list[str]]:
    """Return what a board's variables offer, asked from the server one after the other, the first value being chosen."""
    out: dict[str, list[str]] = {}
    for variable in board["templating"]["list"]:
        if variable["type"] != "query":
            continue
        found = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
        assert found, variable["query"]
        chosen = {name: re.escape(values[0]) if values else "" for name, values in out.items()}
        form = {"match[]": filled(found[1], chosen), "start": start, "end": start + fleet.DURATION}
        out[variable["name"]] = stage.queried.get(f"/api/v1/label/{found[2]}/values?{urlencode(form)}")
    return out


def filled(expr: str, chosen: Mapping[str, str]) -> str:
    """Return an expression without variables; one that is not chosen stands at All."""
    text = (
        expr.replace("$__rate_interval", RATE_INTERVAL)
        .replace("$__interval", f"{STEP:g}s")
        .replace("$__range", f"{fleet.DURATION - BEGIN:g}s")
    )
    return re.sub(r'"\$(\w+)"', lambda m: json.dumps(chosen.get(m[1], ".*")), text)


def fill(
    stage: Stage, rules: list[Rule], first: float = FIRST, ids: tuple[str, ...] = ()
) -> tuple[float, dict[str, list[Firing]]]:
    """Write the history and everything that the rules make of it.

    The history begins after `first`, in unix time, by as much as the rules look back. It is that of the scenarios `ids`, or
    without them of those of `fleet`.

    Returns:
        The time of its start, in unix seconds, and what fired, by alert.

    """
    replay = Replay(stage.evaluated, rules, stage.restore, first=first)
    fired = replay.run(
        partial(fleet.histories, ids=ids),
        fleet.DURATION,
        [r.name for r in rules if r.alert],
        scrape=fleet.SCRAPE,
        recorded=True,
    )
    offsets = [n * 30.0 + 20 for n in range(int(fleet.DURATION // 30))]
    stage.evaluated.push(_alerts(fired, offsets), [replay.start + offset for offset in offsets])
    return replay.start, fired


def _alerts(fired: Mapping[str, list[Firing]], offsets: Iterable[float]) -> Iterator[tuple[dict[str, str], Any]]:
    """Yield the `ALERTS` series that the rule manager writes."""
    for name, found in fired.items():
        for one in found:
            end = math.inf if one.until is None else one.until
            labels = {**dict(one.labels), "__name__": "ALERTS", "alertname": name, "alertstate": "firing"}
            yield labels, [1.0 if one.start <= offset < end else None for offset in offsets]


def answer(stage: Stage, query: Shown, start: float, chosen: Mapping[str, str] | None = None) -> Values:
    """Return what a query shows over the history, without points that are no numbers, by labels and time."""
    expr, end = filled(query.expr, chosen or {}), start + fleet.DURATION - STEP + SKEW
    if query.instant:
        series = [Series(s.labels, {end: s.value}) for s in stage.queried.query(expr, end)]
    else:
        series = stage.queried.query_range(expr, start + BEGIN + SKEW, end, STEP)
    numbers = {
        tuple(sorted(one.labels.items())): {at: v for at, v in one.values.items() if not math.isnan(v)}
        for one in series
    }
    return {labels: values for labels, values in numbers.items() if values}


def differs(one: Values, other: Values) -> str:
    """Return how the answers of two servers differ; empty when they say the same."""
    if one.keys() != other.keys():
        return f"series {sorted(one.keys() ^ other.keys())[:2]} are on one side only"
    difference = ""
    for labels, a in one.items():
        b = other[labels]
        common = a.keys() & b.keys()
        lone = 1 - len(common) / len(a.keys() | b.keys())
        if lone > PRESENCE:
            return f"{lone:.0%} of the points of {dict(labels)} are on one side only"
        means = [sum(values[at] for at in common) / len(common) for values in (a, b)]
        top = max(map(abs, means))
        if top > NOISE and abs(means[0] - means[1]) / top > LEVEL:
            difference = (
                difference or f"{dict(labels)} is {means[1]:.4g} on average, where the other has {means[0]:.4g}"
            )
    return difference


def rule_texts(folder: Path = REPOSITORY / "alerts") -> list[str]:
    """Return the committed rule files, recording rules first: the order in which they see each other's results."""
    paths = sorted(folder.glob("*.rules.yaml"), key=lambda p: ".records." not in p.name)
    return [path.read_text(encoding="utf-8") for path in paths]
