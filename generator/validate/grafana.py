"""Grafana: healthy, with a data source that answers, and every board as generated with panels that show what they have to.

Written to Grafana's HTTP API: /api/health, /api/datasources, /api/search, /api/dashboards/uid, /api/ds/query. Grafana keeps
no list of provisioning errors; a board that it refused is missing, or is not the generated one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from generator.boards.layout import Board
from generator.units import seconds
from generator.validate.answer import Answer
from generator.validate.context import Context
from generator.validate.panels import Judge, Shot, shots, window
from generator.validate.pool import spread
from generator.validate.probe import AbsentError, DeniedError, GoneError, Probe, ProbeError, RefusedError
from generator.validate.variables import Choice, choices, filled
from generator.validate.verdict import Finding, State, Verdict, empty, ok, warning, wrong

#: The oldest Grafana whose boards are these.
OLDEST = (10, 4)


@dataclass(frozen=True, slots=True)
class Source:
    """A data source; `interval` is its scrape interval as it is set."""

    name: str
    uid: str
    default: bool
    interval: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A board that is there."""

    uid: str
    title: str
    folder: str


def grafana(context: Context) -> Iterator[Verdict]:
    """Grafana is well, its data source answers, and every board is there and shows through it what Prometheus has."""
    probe = context.grafana
    if probe is None:
        return
    yield _health(probe).of("grafana", "health")
    source = _source(probe)
    if source is None:
        yield wrong("there is no data source of the type prometheus", "provision one, and make it the default").of(
            "grafana", "data source"
        )
    else:
        yield from _source_verdicts(context, probe, source)
    listed = [
        Stored(d.get("uid").text(), d.get("title").text(), d.get("folderUid").text())
        for d in probe.get("/api/search", {"type": "dash-db", "limit": 5000}).items()
    ]
    for board in context.boards():
        yield from _board(context, probe, board, listed)
    if source is not None:
        yield from _panels(context, probe, source.uid, {d.uid for d in listed})


def _health(probe: Probe) -> Finding:
    health = probe.get("/api/health")
    database, version = health.get("database").text(), health.get("version").text()
    if database != "ok":
        return wrong(f"its database is {database or 'not told'}", "see the log of Grafana")
    numbers = tuple(int(n) for n in version.split("-", maxsplit=1)[0].split(".")[:2] if n.isdecimal())
    if numbers and numbers < OLDEST:
        return wrong(f"it is version {version}", "the boards are for 10.4 and later")
    return ok(f"version {version}" if version else "")


def _source(probe: Probe) -> Source | None:
    """Return what the boards' variable `datasource` opens with: the default one, or the first by name."""
    try:
        found = [(s.get("name").text(), s) for s in probe.get("/api/datasources").items()]
    except DeniedError:
        # Listing needs a permission that viewers lack; this is what the pages themselves read.
        found = list(probe.get("/api/frontend/settings").get("datasources").fields().items())
    fitting = [
        Source(name, s.get("uid").text(), s.get("isDefault").flag(), s.get("jsonData", "timeInterval").text())
        for name, s in found
        if s.get("type").text() == "prometheus"
    ]
    return min(fitting, key=lambda s: (not s.default, s.name.lower()), default=None)


def _source_verdicts(context: Context, probe: Probe, source: Source) -> Iterator[Verdict]:
    item = f"data source {source.name}"
    try:
        health = probe.get(f"/api/datasources/uid/{quote(source.uid, safe='')}/health")
        good = health.get("status").text() == "OK"
        says = health.get("message").text() or health.get("status").text() or "nothing"
        finding = ok() if good else wrong(f"its health check says {says}", "correct its address and its login")
    except AbsentError:
        finding = empty("it has no health check")
    except GoneError:
        raise
    except ProbeError as error:
        finding = wrong(f"its health check fails: {error.what}", "correct its address and its login")
    yield finding.of("grafana", item)
    interval_text = source.interval or "15s"
    try:
        interval = seconds(interval_text)
    except ValueError:
        interval = 0.0
    if abs(interval - context.scrape_seconds) > context.scrape_seconds / 100:
        yield warning(
            f"its scrape interval is {interval_text}, and {context.scrape_seconds:g} s is configured: rates of graphs are drawn over other windows",
            "set jsonData.timeInterval of the data source",
        ).of("grafana", f"{item} interval")


def _board(context: Context, probe: Probe, board: Board, listed: Sequence[Stored]) -> Iterator[Verdict]:
    item = f"board {board.uid}"
    titles = Counter((d.folder, d.title) for d in listed)
    twins = [key for key, count in titles.items() if key[1] == board.title and count > 1]
    if twins:
        yield wrong(
            "its title is a duplicate in its folder, and file provisioning then writes nothing", "delete the other one"
        ).of("grafana", item)
        return
    try:
        answer = probe.get(f"/api/dashboards/uid/{board.uid}")
    except AbsentError:
        yield wrong(
            "it is not there: not provisioned, or Grafana refused the file",
            "look for `failed to` in Grafana's log, and at the provider's folder",
        ).of("grafana", item)
        return
    except GoneError:
        raise
    except ProbeError as error:
        yield wrong(error.what, error.fix).of("grafana", item)
        return
    different = _different(context.files[f"dashboards/{board.stem}.json"], answer.get("dashboard"))
    provisioned = answer.get("meta", "provisioned")
    if different:
        yield wrong(f"it is not the generated one: {different}", "provision the generated file again").of(
            "grafana", item
        )
    elif provisioned and not provisioned.flag():
        yield warning(
            "it was imported by hand, so the next version does not reach it", "provision dashboards/ from files"
        ).of("grafana", item)
    else:
        yield ok().of("grafana", item)


def _different(wanted: Mapping[str, Any], stored: Answer) -> str:
    """Say in what a stored board differs where it matters: panels by title, their kind and queries, variables."""
    here, there = _content(Answer(wanted, "", stored.odd)), _content(stored)
    for what in here:
        if what not in there:
            return f"{what} is missing"
        if here[what] != there[what]:
            return f"{what} is another"
    added = next((what for what in there if what not in here), "")
    return f"{added} was added" if added else ""


def _content(board: Answer) -> Mapping[str, Any]:
    listed = [p for top in board.get("panels").items() for p in (top, *top.get("panels").items())]
    out: dict[str, Any] = {}
    for panel in listed:
        kind = panel.get("type").text()
        if kind != "row":
            queries = [
                (t.get("refId").text(), t.get("expr").text(), t.get("instant").flag())
                for t in panel.get("targets").items()
            ]
            out[f"panel {panel.get('title').text()!r}"] = (kind, queries)
    for variable in board.get("templating", "list").items():
        query = variable.get("query")
        text = query.get("query") if isinstance(query.value, dict) else query
        out[f"variable {variable.get('name').text()!r}"] = text.text()
    return out


def _panels(context: Context, probe: Probe, uid: str, there: set[str]) -> Iterator[Verdict]:
    """Yield one verdict per panel query of the boards that are there, asked through Grafana."""
    judge = Judge(context)
    todo: list[tuple[Shot, list[Choice]]] = []
    for board in context.boards():
        if board.uid not in there:
            continue
        data = context.files[f"dashboards/{board.stem}.json"]
        try:
            chosen = list(choices(data, context.prometheus, window(context)))
        except GoneError:
            raise
        except (ProbeError, ValueError):
            continue  # told by the check of variables
        todo += [(shot, chosen) for shot in shots(board, data) if shot.category == "panels"]
    yield from spread(lambda pair: _verdict(context, probe, uid, judge, *pair), todo)


def _verdict(context: Context, probe: Probe, uid: str, judge: Judge, shot: Shot, chosen: list[Choice]) -> Verdict:
    span = window(context).for_query(shot.interval, shot.points)
    # Grafana itself fills in $__rate_interval and the like; the board's variables are the browser's business.
    query = {
        "refId": "A", "datasource": {"type": "prometheus", "uid": uid}, "instant": shot.instant, "range": not shot.instant,
        "expr": filled(shot.expr, {c.name: c.value for c in chosen}), "format": "time_series",
        "interval": shot.interval, "intervalMs": round(span.interval * 1000), "maxDataPoints": shot.points,
    }  # fmt: skip
    body = {"queries": [query], "from": str(round((span.end - span.length) * 1000)), "to": str(round(span.end * 1000))}
    try:
        rows = answered(probe.post("/api/ds/query", body=body))
    except GoneError:
        raise
    except ProbeError as error:
        return wrong(f"the query fails in Grafana: {error}", "see the data source").of("grafana", shot.item)
    if rows:
        return ok(f"{rows} values").of("grafana", shot.item)
    direct = judge.verdict(shot, chosen)
    if direct.state is State.OK:
        what = f"Grafana shows nothing, and Prometheus at {context.prometheus.probe.url} has data"
        return wrong(what, "let the data source name the same Prometheus").of("grafana", shot.item)
    return Verdict("grafana", shot.item, direct.state, direct.why, direct.fix)


def answered(answer: Answer) -> int:
    """Return the number of values in an answer of /api/ds/query to the query A.

    Raises:
        RefusedError: The query failed; has Grafana's text.
        ProbeError: The answer has another shape, or no result.

    """
    result = answer.get("results", "A")
    if not result:
        raise result.wrong("not there")
    if error := result.get("error").text():
        raise RefusedError(error)
    rows = 0
    for frame in result.get("frames").items():
        fields, values = frame.get("schema", "fields").items(), frame.get("data", "values").items()
        numbers = [
            column for field, column in zip(fields, values, strict=False) if field.get("type").text() == "number"
        ]
        rows += sum(bool(value) for column in numbers for value in column.items())
    return rows
