"""`agentobs validate --grafana`: health, data source, boards, and panels through Grafana's own query API."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from generator.validate import Context
from generator.validate.answer import Answer
from generator.validate.grafana import answered
from generator.validate.probe import RefusedError
from generator.validate.verdict import State
from testbed.servers import Prometheus, find
from tests.grafana_fake import Grafana
from tests.validating import Installation, judged, troubles


@contextmanager
def grafana(live: Installation) -> Iterator[tuple[Grafana, Context]]:
    """A Grafana with the generated boards on the live Prometheus."""
    with live.context() as plain:
        boards = {b.uid: copy.deepcopy(plain.files[f"dashboards/{b.stem}.json"]) for b in plain.bundle.boards.values()}
    with (
        Grafana(live.monitoring.prometheus, boards, interval="1500ms") as fake,
        live.context(grafana=fake.url) as context,
    ):
        yield fake, context


@pytest.mark.real
def test_a_grafana_that_is_well(live: Installation) -> None:
    """Everything is ok or empty for the same reasons as in Prometheus, and nothing was written."""
    with grafana(live) as (fake, context):
        verdicts = judged(context, "grafana")
        panels = judged(context, "panels")

    assert troubles(verdicts) == {}
    assert verdicts["health"].why == "version 12.4.1"
    assert {"data source Prometheus", "board agent-server-fleet"} <= verdicts.keys()
    assert panels.keys() <= verdicts.keys()
    assert {i for i in panels if panels[i].state is State.OK} <= {i for i in panels if verdicts[i].state is State.OK}
    assert {one.method for one in fake.requests if not one.path.startswith("/api/ds/query")} == {"GET"}


@pytest.mark.real
def test_boards_that_are_lost_edited_twice_there_or_imported(live: Installation) -> None:
    """Each by its uid: what Grafana refused or someone changed."""
    with grafana(live) as (fake, context):
        fake.boards.pop("agent-server-fleet")
        panels = [p for top in fake.boards["agent-server-http"]["panels"] for p in (top, *top.get("panels", ()))]
        edited = next(p for p in panels if p.get("targets"))
        edited["targets"][0]["expr"] = "up"
        fake.boards["agent-server-queue"]["panels"].append({"title": "Mine", "type": "stat", "targets": []})
        fake.boards["copy"] = fake.boards["agent-server-slo"]
        fake.meta["provisioned"] = False
        fake.health = {"database": "failing", "version": "9.5.0"}
        found = troubles(judged(context, "grafana"))
        fake.health = {"database": "ok", "version": "9.5.0"}
        old = troubles(judged(context, "grafana"))

    assert found["health"] == "its database is failing"
    assert old["health"] == "it is version 9.5.0"
    assert found["board agent-server-fleet"].startswith("it is not there: not provisioned, or Grafana refused the file")
    assert found["board agent-server-http"] == f"it is not the generated one: panel {edited['title']!r} is another"
    assert found["board agent-server-queue"] == "it is not the generated one: panel 'Mine' was added"
    assert found["board agent-server-slo"].startswith("its title is a duplicate in its folder")
    assert found["board agent-server-pools"].startswith("it was imported by hand")


@pytest.mark.real
def test_data_sources_that_fail_point_elsewhere_or_are_not_there(live: Installation) -> None:
    """An empty panel of a data source with another Prometheus is an error; so is a failing query."""
    found = find("prometheus", "newest").path
    assert found
    with grafana(live) as (fake, whole), Prometheus(found) as other:
        boards = {"agent_server_http": whole.bundle.boards["agent_server_http"]}
        context = replace(whole, bundle=replace(whole.bundle, boards=boards))
        live_server = fake.prometheus
        fake.prometheus = other
        fake.source_health = (400, {"status": "ERROR", "message": "connection refused"})
        fake.source["jsonData"] = {}
        fake.source["jsonData"] = {"timeInterval": "15s"}
        elsewhere = troubles(judged(context, "grafana"))
        fake.prometheus = live_server
        fake.denied = ("/api/ds/query",)
        denied = troubles(judged(context, "grafana"))
        fake.denied = ("/api/datasources",)
        fallback = judged(context, "grafana")
        fake.source["type"] = "loki"
        none = troubles(judged(context, "grafana"))

    assert elsewhere["data source Prometheus"].startswith("its health check fails: Grafana answers")
    assert elsewhere["data source Prometheus interval"].startswith(
        "its scrape interval is 15s, and 1.5 s is configured"
    )
    item = "Agent Server / HTTP API / Request rate by status"
    assert elsewhere[item].startswith("Grafana shows nothing, and Prometheus at http://127.0.0.1:")
    assert denied[item].startswith("the query fails in Grafana: Grafana at http://127.0.0.1:")
    assert fallback[item].state is State.OK
    assert none["data source"] == "there is no data source of the type prometheus"


FRAMES: list[tuple[Any, int]] = [
    ({"results": {"A": {"frames": []}}}, 0),
    (
        {
            "results": {
                "A": {
                    "frames": [
                        {
                            "schema": {"fields": [{"type": "time"}, {"type": "number"}]},
                            "data": {"values": [[1, 2], [5, None]]},
                        }
                    ]
                }
            }
        },
        1,
    ),
    ({"results": {"A": {"frames": [{"schema": {}, "data": {}}]}}}, 0),
]


@pytest.mark.parametrize(("answer", "values"), FRAMES)
def test_values_in_data_frames_are_counted(answer: Any, values: int) -> None:
    """Times are none, and null is none."""
    assert answered(Answer(answer, "", ValueError)) == values


@pytest.mark.parametrize("answer", [{}, [], {"results": {}}, {"results": {"A": {"error": "no"}}}])
def test_an_answer_without_a_result_is_an_error(answer: Any) -> None:
    """Grafana's own words where there are any."""
    with pytest.raises((ValueError, RefusedError), match=r"no|needed"):
        answered(Answer(answer, "", ValueError))
