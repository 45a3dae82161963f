"""Grafana: healthy, with a data source that answers, and every board as generated with panels that show what they have to.

Written to Grafana's HTTP API: /api/health, /api/datasources, /api/search, /api/dashboards/uid, /api/ds/query. Grafana keeps
no list of provisioning errors; a board that it refused is missing, or is not the generated one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from generator.layout import Board
from generator.units import seconds
from generator.validate.context import Context
from generator.validate.panels import Judge, Shot, shots, window
from generator.validate.pool import spread
from generator.validate.probe import AbsentError, DeniedError, GoneError, Probe, ProbeError
from generator.validate.variables import PIXELS, Choice, choices, filled
from generator.validate.verdict import Finding, State, Verdict, empty, ok, warning, wrong

#: The oldest Grafana whose boards are these.
OLDEST = (10, 4)


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
        yield from _judged_source(context, probe, source)
    found = probe.get("/api/search", {"type": "dash-db", "limit": 5000})
    listed = [d for d in found if isinstance(d, dict)] if isinstance(found, list) else []
    for board in context.boards():
        yield from _board(context, probe, board, listed)
    if source is not None:
        yield from _panels(context, probe, str(source.get("uid", "")), {str(d.get("uid")) for d in listed})


def _health(probe: Probe) -> Finding:
    told = probe.get("/api/health")
    database = told.get("database") if isinstance(told, dict) else None
    if database != "ok":
        return wrong(f"its database is {database or 'not told'}", "see the log of Grafana")
    version = str(told.get("version", ""))
    numbers = tuple(int(n) for n in version.split("-", maxsplit=1)[0].split(".")[:2] if n.isdecimal())
    if numbers and numbers < OLDEST:
        return wrong(f"it is version {version}", "the boards are for 10.4 and later")
    return ok(f"version {version}" if version else "")


def _source(probe: Probe) -> Mapping[str, Any] | None:
    """Return what the boards' variable `datasource` opens with: the default one, or the first by name."""
    try:
        found = probe.get("/api/datasources")
    except DeniedError:
        # Listing needs a permission that viewers lack; this is what the pages themselves read.
        told = probe.get("/api/frontend/settings")
        found = [{"name": name, **one} for name, one in (told.get("datasources") or {}).items()]
    fitting = (
        [s for s in found if isinstance(s, dict) and s.get("type") == "prometheus"] if isinstance(found, list) else []
    )
    ordered = sorted(fitting, key=lambda s: (not s.get("isDefault"), str(s.get("name", "")).lower()))
    return next(iter(ordered), None)


def _judged_source(context: Context, probe: Probe, source: Mapping[str, Any]) -> Iterator[Verdict]:
    name, uid = source.get("name"), source.get("uid")
    item = f"data source {name}"
    try:
        told = probe.get(f"/api/datasources/uid/{uid}/health")
        good = isinstance(told, dict) and told.get("status") == "OK"
        finding = ok() if good else wrong(f"its health check says {told}", "correct its address and its login")
    except AbsentError:
        finding = empty("it has no health check")
    except GoneError:
        raise
    except ProbeError as error:
        finding = wrong(f"its health check fails: {error.what}", "correct its address and its login")
    yield finding.of("grafana", item)
    told_interval = str((source.get("jsonData") or {}).get("timeInterval") or "15s")
    try:
        interval = seconds(told_interval)
    except ValueError:
        interval = 0.0
    if abs(interval - context.scrape_seconds) > context.scrape_seconds / 100:
        yield warning(
            f"its scrape interval is {told_interval}, and {context.scrape_seconds:g} s is configured: rates of graphs are drawn over other windows",
            "set jsonData.timeInterval of the data source",
        ).of("grafana", f"{item} interval")


def _board(context: Context, probe: Probe, board: Board, listed: Sequence[Mapping[str, Any]]) -> Iterator[Verdict]:
    item = f"board {board.uid}"
    titles = Counter((d.get("folderUid", ""), d.get("title")) for d in listed)
    twins = [key for key, count in titles.items() if key[1] == board.title and count > 1]
    if twins:
        yield wrong(
            "its title stands twice in one folder, and file provisioning then writes nothing", "delete the other one"
        ).of("grafana", item)
        return
    try:
        told = probe.get(f"/api/dashboards/uid/{board.uid}")
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
    stored, meta = (told.get("dashboard") or {}, told.get("meta") or {}) if isinstance(told, dict) else ({}, {})
    different = _different(context.files[f"dashboards/{board.stem}.json"], stored)
    if different:
        yield wrong(f"it is not the generated one: {different}", "provision the generated file again").of(
            "grafana", item
        )
    elif meta.get("provisioned") is False:
        yield warning(
            "it was imported by hand, so the next version does not reach it", "provision dashboards/ from files"
        ).of("grafana", item)
    else:
        yield ok().of("grafana", item)


def _different(wanted: Mapping[str, Any], stored: Mapping[str, Any]) -> str:
    """Say in what a stored board differs where it matters: panels by title, their kind and queries, variables."""
    here, there = _content(wanted), _content(stored)
    for what in here:
        if what not in there:
            return f"{what} is missing"
        if here[what] != there[what]:
            return f"{what} is another"
    strange = next((what for what in there if what not in here), "")
    return f"{strange} was added" if strange else ""


def _content(board: Mapping[str, Any]) -> Mapping[str, Any]:
    panels = [
        p for top in board.get("panels") or () for p in (top, *(top.get("panels") or ())) if p.get("type") != "row"
    ]
    out: dict[str, Any] = {
        f"panel {p.get('title')!r}": (
            p.get("type"),
            [(t.get("refId"), t.get("expr"), bool(t.get("instant"))) for t in p.get("targets") or ()],
        )
        for p in panels
    }
    for variable in (board.get("templating") or {}).get("list") or ():
        query = variable.get("query")
        out[f"variable {variable.get('name')!r}"] = query.get("query") if isinstance(query, dict) else query
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
    yield from spread(lambda pair: _asked(context, probe, uid, judge, *pair), todo)


def _asked(context: Context, probe: Probe, uid: str, judge: Judge, shot: Shot, chosen: list[Choice]) -> Verdict:
    span = window(context)
    # Grafana itself fills in $__rate_interval and the like; the board's variables are the browser's business.
    query = {
        "refId": "A", "datasource": {"type": "prometheus", "uid": uid}, "instant": shot.instant, "range": not shot.instant,
        "expr": filled(shot.expr, {c.name: c.value for c in chosen}), "format": "time_series",
        "intervalMs": round(span.interval * 1000), "maxDataPoints": PIXELS,
    }  # fmt: skip
    body = {"queries": [query], "from": str(round((span.end - span.length) * 1000)), "to": str(round(span.end * 1000))}
    try:
        rows = answered(probe.post("/api/ds/query", body=body))
    except GoneError:
        raise
    except (ProbeError, ValueError) as error:
        return wrong(f"the query fails in Grafana: {error}", "see the data source").of("grafana", shot.item)
    if rows:
        return ok(f"{rows} values").of("grafana", shot.item)
    direct = judge.verdict(shot, chosen)
    if direct.state is State.OK:
        what = f"Grafana shows nothing, and Prometheus at {context.prometheus.probe.url} has data"
        return wrong(what, "let the data source name the same Prometheus").of("grafana", shot.item)
    return Verdict("grafana", shot.item, direct.state, direct.why, direct.fix)


def answered(told: Any) -> int:
    """Return the number of values in an answer of /api/ds/query to the query A.

    Raises:
        ValueError: The query failed, with Grafana's text; or the answer has another shape.

    """
    result = (told.get("results") or {}).get("A") if isinstance(told, dict) else None
    if not isinstance(result, dict):
        raise ValueError("the answer has no result A")  # noqa: TRY004 - what matters is the value
    if result.get("error"):
        raise ValueError(str(result["error"]))
    rows = 0
    for frame in result.get("frames") or ():
        fields = frame.get("schema", {}).get("fields", [])
        values = frame.get("data", {}).get("values", [])
        numbers = [column for field, column in zip(fields, values, strict=False) if field.get("type") == "number"]
        rows += sum(v is not None for column in numbers for v in column)
    return rows
