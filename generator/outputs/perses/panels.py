"""Panels of Grafana as panels of Perses: which of its plugins draws what, and what that plugin cannot say.

Source: the types of `@perses-dev/core` 0.53 and of the plugins for time series 0.10, stat 0.10, table 0.8, bar 0.10, status
history 0.9, Markdown 0.9 and Prometheus 0.53.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Json = dict[str, Any]

#: What a unit of Grafana is called; numbers of anything else are plain, with K and M.
UNITS: Mapping[str, str] = {
    "bytes": "bytes", "Bps": "bytes/sec", "cps": "counts/sec", "eps": "events/sec", "ms": "milliseconds", "ops": "ops/sec",
    "percentunit": "percent-decimal", "pps": "packets/sec", "reqps": "requests/sec", "s": "seconds", "currencyUSD": "usd",
    "dateTimeAsIso": "datetime-iso", "count:msg/s": "messages/sec", "count:reads/s": "reads/sec", "rps": "reads/sec",
}  # fmt: skip

#: Colours of ours, of Grafana's palette.
COLOURS: Mapping[str, str] = {
    "red": "#F2495C", "orange": "#FF9830", "yellow": "#FADE2A", "green": "#73BF69", "blue": "#5794F2", "text": "#8E8E8E",
    "transparent": "#8E8E8E",
}  # fmt: skip

#: What a stat and a bar show of a series.
_LAST = "last-number"


def panel(one: Json) -> Json:
    """Return a panel; its type is one of those in DRAWN."""
    kind, draw = DRAWN[one["type"]]
    spec: Json = {
        "display": {"name": one["title"], "description": one.get("description", "")},
        "plugin": {"kind": kind, "spec": draw(one)},
    }
    if one.get("targets"):
        spec["queries"] = [_query(target) for target in one["targets"]]
    return {"kind": "Panel", "spec": spec}


def lacking(one: Json) -> Iterator[tuple[str, str]]:
    """Yield what a panel has and that of Perses does not: what, and why."""
    properties = {p["id"] for o in one["fieldConfig"]["overrides"] for p in o["properties"]}
    if "links" in one["fieldConfig"]["defaults"]:
        yield "links of lines", "a line of Perses has no link"
    if "links" in properties:
        yield "links of cells", "a cell of Perses has no link that reads its row"
    if "color" in properties:
        yield "colours by name", "Perses colours series by their place"
    if "thresholds" in properties:
        yield "colours of cells by thresholds", "Perses colours cells by their text, in all columns alike"


def unnamed(one: Json) -> set[str]:
    """Return the units of a panel and its columns that Perses has no name for."""
    found = {one["fieldConfig"]["defaults"].get("unit", "")}
    found |= {p["value"] for o in one["fieldConfig"]["overrides"] for p in o["properties"] if p["id"] == "unit"}
    return {unit.removeprefix("count:") for unit in found if unit not in UNITS and unit not in ("", "short")}


def _query(target: Json) -> Json:
    """Return a query; Perses decides by the panel whether it is asked for now or over time."""
    spec: Json = {"query": target["expr"], "minStep": target["interval"]}
    if target["legendFormat"] not in ("", "__auto"):
        spec["seriesNameFormat"] = target["legendFormat"]
    return {"kind": "TimeSeriesQuery", "spec": {"plugin": {"kind": "PrometheusTimeSeriesQuery", "spec": spec}}}


def _format(unit: str | None) -> Json:
    if unit and unit in UNITS:
        return {"unit": UNITS[unit]}
    return {"unit": "decimal", "shortValues": True}


def _thresholds(defaults: Json) -> Json:
    """Return thresholds, of which the first is the colour below all others."""
    steps = defaults.get("thresholds", {}).get("steps", [])
    if not steps:
        return {}
    base, *rest = steps
    out: Json = {"mode": "absolute", "defaultColor": COLOURS.get(base["color"], base["color"])}
    out["steps"] = [{"value": step["value"], "color": COLOURS.get(step["color"], step["color"])} for step in rest]
    return {"thresholds": out}


def _mappings(defaults: Json) -> Json:
    """Return what values are called; what is no number is `Misc`. A colour of what is empty has no place in Perses."""
    out: list[Json] = []
    for one in defaults.get("mappings", []):
        if one["type"] == "special":
            if "text" not in one["options"]["result"]:
                continue
            spec: Json = {"value": "NaN", "result": {"value": one["options"]["result"]["text"]}}
            out.append({"kind": "Misc", "spec": spec})
        else:
            out += [
                {
                    "kind": "Value",
                    "spec": {
                        "value": value,
                        "result": {"value": r["text"], "color": COLOURS.get(r["color"], r["color"])},
                    },
                }
                for value, r in one["options"].items()
            ]
    return {"mappings": out} if out else {}


def _lines(one: Json) -> Json:
    defaults = one["fieldConfig"]["defaults"]
    custom = defaults["custom"]
    axis: Json = {"show": True, "format": _format(defaults.get("unit"))}
    axis |= {key: defaults[key] for key in ("min", "max") if key in defaults}
    visual = {
        "display": "line",
        "lineWidth": custom["lineWidth"],
        "areaOpacity": custom["fillOpacity"] / 100,
        "stack": "all" if custom["stacking"]["mode"] == "normal" else "none",
        "connectNulls": False,
    }
    limits = _thresholds(defaults) if len(defaults.get("thresholds", {}).get("steps", ())) > 1 else {}
    return {"legend": _legend(one), "yAxis": axis, "visual": visual, **limits}


def _legend(one: Json) -> Json:
    legend = one["options"]["legend"]
    out: Json = {"position": legend["placement"], "mode": legend["displayMode"]}
    if legend["displayMode"] == "table":
        out["values"] = [c for c in legend["calcs"] if c in ("mean", "max", "min", "sum")]
    return out


def _stat(one: Json) -> Json:
    defaults = one["fieldConfig"]["defaults"]
    return {
        "calculation": _LAST,
        "format": _format(defaults.get("unit")),
        **_thresholds(defaults),
        **_mappings(defaults),
    }


def _bars(one: Json) -> Json:
    return {"calculation": _LAST, "format": _format(one["fieldConfig"]["defaults"].get("unit")), "mode": "value"}


def _history(one: Json) -> Json:
    return {"legend": _legend(one), **_mappings(one["fieldConfig"]["defaults"])}


def _text(one: Json) -> Json:
    return {"text": one["options"]["content"]}


def _table(one: Json) -> Json:
    """Return a table of labels and values. With several queries Perses numbers both; labels become one again, then rows."""
    organised = next(t["options"] for t in one["transformations"] if t["id"] == "organize")
    order, names = organised["indexByName"], organised["renameByName"]
    several = len(one["targets"]) > 1
    columns = sorted(order, key=order.__getitem__)
    labels = [name for name in columns if not name.startswith("Value")]
    listed: list[Json] = [{"name": "timestamp", "hide": True}]
    listed += [_column(one, name, names.get(name, name), several=several) for name in columns]
    out: Json = {"density": "compact", "columnSettings": listed, "cellSettings": _cells(one)}
    if several:
        merged = [{"kind": "MergeIndexedColumns", "spec": {"column": label}} for label in labels]
        out["transforms"] = [*merged, {"kind": "JoinByColumnValue", "spec": {"columns": labels}}]
    return out


def _column(one: Json, name: str, header: str, *, several: bool) -> Json:
    own = {
        p["id"]: p["value"]
        for o in one["fieldConfig"]["overrides"]
        if o["matcher"] == {"id": "byName", "options": header}
        for p in o["properties"]
    }
    if name.startswith("Value"):
        number = ord(name[-1]) - ord("A") + 1
        out: Json = {"name": f"value #{number}" if several else "value", "format": _format(own.get("unit"))}
    else:
        out = {"name": name}
    out |= {"header": header, "enableSorting": True}
    if "custom.width" in own:
        out["width"] = own["custom.width"]
    sort = next((s for s in one["options"]["sortBy"] if s["displayName"] == header), None)
    return out | ({"sort": "desc" if sort["desc"] else "asc"} if sort else {})


def _cells(one: Json) -> list[Json]:
    """Return what is written in the place of a value that is no number."""
    found = [m for m in one["fieldConfig"]["defaults"].get("mappings", []) if m["type"] == "special"]
    return [
        {"condition": {"kind": "Misc", "spec": {"value": "NaN"}}, "text": m["options"]["result"]["text"]} for m in found
    ]


#: The plugin that draws a panel of each type, and what makes its spec.
DRAWN: Mapping[str, tuple[str, Callable[[Json], Json]]] = {
    "timeseries": ("TimeSeriesChart", _lines),
    "stat": ("StatChart", _stat),
    "bargauge": ("BarChart", _bars),
    "state-timeline": ("StatusHistoryChart", _history),
    "table": ("Table", _table),
    "text": ("Markdown", _text),
}
