"""Systems whose targets lack the system label: `systems.X.match` says what stands for it, and `validate` asks for that."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

import pytest

from generator.bundle import build
from generator.config.site import Site
from generator.validate import prepared
from generator.validate.context import Context
from generator.validate.panels import explainer, window
from generator.validate.prepare import Options
from generator.validate.prometheus import ActiveTarget
from generator.validate.targets import own_targets
from generator.validate.variables import choices
from generator.validate.verdict import State
from testbed.servers import Prometheus, find, missing
from tests.validating import judged, troubles

MATCHED = """
systems:
  agent_server: {match: {job: agents}}
  agentgateway: {match: {team: "~edge|core", tier: gateway}}
  langsmith: {enabled: false}
"""

AGENTS = {"job": "agents", "deployment": "demo", "role": "api", "instance": "a", "cluster": "main", "namespace": "x"}
LANGSIGHT = {"job": "ls", "deployment": "sight", "instance": "b", "cluster": "east", "system": "langsight"}
STRANGER = {"job": "checkout", "deployment": "shop", "instance": "c", "cluster": "north"}

EXPLAINED = [
    ('up{team=~"edge|core", tier="gateway"} == 0', State.EMPTY, "no target of the system agentgateway is scraped"),
    ('up{job="agents"} == 0', State.EMPTY, "no value of up is == 0"),
    ('lg_api_num_pending_runs{job="agents", deployment="other"}', State.EMPTY,
     'none is chosen: job="agents", deployment="other"'),
    ('agentgateway_requests_total{team=~"edge|core", tier="gateway"}', State.EMPTY,
     "no target of the system agentgateway is scraped"),
]  # fmt: skip


@pytest.fixture
def context(configured: Callable[[str], Site]) -> Iterator[Context]:
    """Two systems and a stranger, ten minutes of each."""
    found = find("prometheus", "newest")
    if not found.path:
        missing(found.reason)
    assert found.path
    now, steady = time.time(), [1.0] * 41
    with Prometheus(found.path, history=True) as server:
        server.push(
            [
                *(({"__name__": "up", **labels}, steady) for labels in (AGENTS, LANGSIGHT, STRANGER)),
                ({"__name__": "lg_api_num_pending_runs", **AGENTS}, steady),
            ],
            [now - 600 + 15 * i for i in range(41)],
        )
        with prepared(build(configured(MATCHED)), Options(server.url), lambda _: None) as made:
            yield made


@pytest.mark.real
def test_what_an_operator_says_tells_a_system_is_what_is_asked_for(context: Context) -> None:
    """Variables of a board of all systems, reasons why nothing is there, and whose target is whose."""
    board = context.bundle.boards["overview"]
    data = json.loads(json.dumps(context.files["dashboards/overview.json"]))
    offered = {c.name: c.values for c in choices(data, context.prometheus, window(context))}
    explained = explainer(context)
    listed = [ActiveTarget(one, "http://x/metrics", one["job"], "up", "", 1.0) for one in (AGENTS, LANGSIGHT, STRANGER)]

    assert offered["cluster"] == ("east", "main")
    assert offered["namespace"] == ("x",)
    assert offered["deployment"] == ("demo", "sight")
    assert [i for i in troubles(judged(context, "variables")) if i.startswith(board.title)] == []
    for expr, state, why in EXPLAINED:
        got = explained.nothing(expr)
        assert (got.state, why in got.why) == (state, True), (expr, got.why)
    assert [(t.system, t.job) for t in own_targets(context, listed)] == [
        ("agent_server", "agents"),
        ("langsight", "ls"),
    ]
