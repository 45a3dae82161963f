"""The part of Grafana's HTTP API that validation asks, on a real Prometheus. Grafana itself cannot be had here.

Written after Grafana's documentation and its source: /api/health, /api/datasources, /api/search, /api/dashboards/uid,
/api/ds/query with data frames, where Grafana itself fills in `$__rate_interval` and the like.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from generator.units import seconds
from testbed.servers import Prometheus, ServerError
from testbed.servers.fake import FakeServer, Reply, Request, in_json

UID = "prom"


class Grafana(FakeServer):
    """A Grafana with boards, by uid, and one data source."""

    def __init__(self, prometheus: Prometheus, boards: Mapping[str, Any], *, interval: str) -> None:
        self.prometheus = prometheus
        self.boards = dict(boards)
        self.meta: dict[str, Any] = {"provisioned": True, "slug": "x"}
        self.source = {
            "id": 1, "uid": UID, "name": "Prometheus", "type": "prometheus", "isDefault": True,
            "jsonData": {"timeInterval": interval},
        }  # fmt: skip
        self.health: Mapping[str, Any] = {"commit": "x", "database": "ok", "version": "12.4.1"}
        self.source_health: tuple[int, Mapping[str, Any]] = (
            200,
            {"status": "OK", "message": "Successfully queried the Prometheus API."},
        )
        self.denied: tuple[str, ...] = ()
        super().__init__(self.respond)

    def respond(self, request: Request) -> Reply:  # noqa: PLR0911 - one per path
        """What Grafana answers."""
        where = urlsplit(request.path).path
        if where in self.denied:
            return in_json({"message": "You'll need additional permissions to perform this action."}, 403)
        match request.method, where.strip("/").split("/"):
            case "GET", ["api", "health"]:
                return in_json(self.health)
            case "GET", ["api", "datasources"]:
                return in_json(
                    [{**self.source, "uid": "loki", "name": "A", "type": "loki", "isDefault": False}, self.source]
                )
            case "GET", ["api", "frontend", "settings"]:
                return in_json(
                    {"datasources": {"Prometheus": {**self.source, "jsonData": {}}}, "defaultDatasource": "Prometheus"}
                )
            case "GET", ["api", "datasources", "uid", _, "health"]:
                status, answer = self.source_health
                return in_json(answer, status)
            case "GET", ["api", "search"]:
                return in_json(
                    [
                        {"uid": uid, "title": b["title"], "type": "dash-db", "folderUid": b.get("folder", "f")}
                        for uid, b in self.boards.items()
                    ]
                )
            case "GET", ["api", "dashboards", "uid", uid] if uid in self.boards:
                return in_json({"meta": self.meta, "dashboard": self.boards[uid]})
            case "POST", ["api", "ds", "query"]:
                return self._query(json.loads(request.body))
        return in_json({"message": "Dashboard not found"}, 404)

    def _query(self, form: Mapping[str, Any]) -> Reply:
        results, status = {}, 200
        for query in form["queries"]:
            assert query["datasource"] == {"type": "prometheus", "uid": UID}
            try:
                frames = self._frames(query, int(form["from"]) / 1000, int(form["to"]) / 1000)
                results[query["refId"]] = {"status": 200, "frames": frames}
            except ServerError as error:
                results[query["refId"]] = {"status": 400, "error": str(error), "errorSource": "downstream"}
                status = 400
        return in_json({"results": results}, status)

    def _frames(self, query: Mapping[str, Any], start: float, end: float) -> list[Any]:
        step = max(query["intervalMs"] / 1000, (end - start) / query["maxDataPoints"])
        scrape = seconds(query.get("interval") or self.source["jsonData"]["timeInterval"])  # type: ignore[index]
        macros = {"$__rate_interval": max(step + scrape, 4 * scrape), "$__interval": step, "$__range": end - start}
        expr = query["expr"]
        for name, length in macros.items():
            expr = expr.replace(name, f"{round(length * 1000)}ms")
        assert not re.search(r"\$[a-z]", expr), expr
        if query["instant"]:
            found = [(s.labels, [(end, s.value)]) for s in self.prometheus.query(expr, end)]
        else:
            found = [(s.labels, sorted(s.values.items())) for s in self.prometheus.query_range(expr, start, end, step)]
        return [frame(query["refId"], labels, points) for labels, points in found]


def frame(ref: str, labels: Mapping[str, str], points: list[tuple[float, float]]) -> Any:
    """One data frame: a column of times and one of values; what is no number is null, and told beside."""
    fields = [
        {"name": "Time", "type": "time", "typeInfo": {"frame": "time.Time"}},
        {"name": "Value", "type": "number", "typeInfo": {"frame": "float64"}, "labels": dict(labels)},
    ]
    values = [[round(t * 1000) for t, _ in points], [v if v == v else None for _, v in points]]  # noqa: PLR0124 - NaN
    return {"schema": {"refId": ref, "fields": fields}, "data": {"values": values}}
