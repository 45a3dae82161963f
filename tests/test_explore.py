"""Links to traces and logs: what Grafana's Explore gets when a line is clicked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from generator.bundle import build
from generator.config.site import Site
from generator.outputs import FORMATS

Json = Any

TRACES = (
    "traces: {datasource: tempo, labels: {namespace: resource.k8s.namespace.name, deployment: resource.service.name}}"
)
LOKI = "logs: {datasource: loki-1, type: loki, labels: {namespace: namespace, deployment: app, instance: pod}}"
VICTORIA = "logs: {datasource: vl, type: victorialogs, labels: {deployment: kubernetes.pod_labels.app}}"

#: What Grafana fills in: variables of a board on which a namespace and two deployments are chosen, and what was clicked on.
FILLED = {
    "__from": "1764500000000", "__to": "1764521600000", "__value.raw": "0.25", "namespace:pipe": ".*", "deployment:pipe": "shop|a.b",
    "instance:pipe": ".*", "__field.labels.deployment": "shop", "__field.labels.app": "shop",
    "__field.labels.instance": "10.0.0.7:8000",
}  # fmt: skip


def panels(site: Site) -> Iterator[tuple[str, Json]]:
    for path, text in FORMATS["files"].render(build(site, kinds=("boards", "discovery"))).items():
        if path.parent.name == "dashboards" and path.suffix == ".json":
            for row in json.loads(text)["panels"]:
                yield from ((path.stem, p) for p in (row, *row.get("panels", ())))


def linked(site: Site) -> dict[tuple[str, str], dict[str, str]]:
    """Return the links of each panel that has some, by title."""
    return {
        (stem, p["title"]): {one["title"]: one["url"] for one in p["fieldConfig"]["defaults"]["links"]}
        for stem, p in panels(site)
        if p.get("fieldConfig", {}).get("defaults", {}).get("links")
    }


def opened(url: str) -> Json:
    """Return the pane that Explore opens, once Grafana has filled in the variables."""
    asked = urlsplit(re.sub(r"\$\{([^}]+)\}", lambda found: FILLED[found[1]], url))
    form = parse_qs(asked.query, strict_parsing=True)
    assert (asked.path, form["schemaVersion"]) == ("/explore", ["1"])
    (pane,) = json.loads(form["panes"][0]).values()
    return pane


def test_a_panel_of_durations_leads_to_traces_that_are_as_slow(configured: Callable[[str], Site]) -> None:
    found = linked(configured(f"dashboards:\n  {TRACES}\n"))

    assert opened(found["agent_server_deployment", "Latency"]["Traces that are as slow"]) == {
        "datasource": "tempo",
        "queries": [
            {
                "refId": "A",
                "datasource": {"type": "tempo", "uid": "tempo"},
                "queryType": "traceql",
                "query": '{ resource.k8s.namespace.name =~ ".*" && resource.service.name =~ "shop|a.b" && duration >= 0.25ms }',
                "limit": 20,
                "tableType": "traces",
            }
        ],
        "range": {"from": "1764500000000", "to": "1764521600000"},
    }
    assert {title for links in found.values() for title in links} == {"Traces that are as slow"}


def test_a_panel_of_what_goes_wrong_leads_to_logs(configured: Callable[[str], Site]) -> None:
    """A line that is one process's asks for that process; a board without the variable asks for no such label."""
    found = linked(configured(f"dashboards:\n  {LOKI}\n"))
    by_process = opened(found["agent_server_http", "5xx rate by process"]["Logs of that time"])["queries"]
    overall = opened(found["agent_server_deployment", "Error ratio"]["Logs of that time"])["queries"]

    assert by_process == [
        {
            "refId": "A",
            "datasource": {"type": "loki", "uid": "loki-1"},
            "expr": '{namespace=~".*", app=~"shop|a.b", pod=~"10.0.0.7:8000"} |~ "(?i)(error|exception|fatal|panic)"',
            "queryType": "range",
        }
    ]
    assert overall[0]["expr"].startswith('{namespace=~".*", app=~"shop|a.b"} |~')


def test_victorialogs_is_asked_in_its_own_language(configured: Callable[[str], Site]) -> None:
    found = linked(configured(f"dashboards:\n  {VICTORIA}\n"))
    (query,) = opened(found["agent_server_fleet", "Error ratio"]["Logs of that time"])["queries"]

    assert query["datasource"] == {"type": "victoriametrics-logs-datasource", "uid": "vl"}
    assert query["expr"] == 'kubernetes.pod_labels.app:~"^(shop)$" ~"(?i)(error|exception|fatal|panic)"'


@pytest.mark.parametrize("text", [f"{TRACES}\n  {LOKI}", f"{TRACES}\n  {VICTORIA}"])
def test_every_link_opens(configured: Callable[[str], Site], text: str) -> None:
    """On every board, with nothing left that Grafana would not fill in, and with something that tells the servers apart."""
    found = linked(configured(f"labels: {{deployment: app}}\ndashboards:\n  {text}\n"))
    opened_ = [opened(url) for links in found.values() for url in links.values()]

    assert len(opened_) > 50
    for pane in opened_:
        (query,) = pane["queries"]
        assert "shop" in query.get("query", query.get("expr")), query
    systems = {stem.split("_")[0] for stem, _ in found}
    assert systems == {"agent", "langsight", "agentgateway", "langsmith"}


def test_a_link_that_would_find_everything_is_none(configured: Callable[[str], Site]) -> None:
    """The boards have no variable of a process where no panel tells processes apart."""
    found = linked(configured("dashboards: {logs: {datasource: l, type: loki, labels: {instance: pod}}}\n"))

    assert ("agent_server_deployment", "Error ratio") not in found
    assert ("agent_server_http", "5xx rate by process") in found


def test_without_stores_there_are_no_links(site: Site) -> None:
    assert linked(site) == {}


def test_a_word_of_a_label_is_encoded(configured: Callable[[str], Site]) -> None:
    """What the operator wrote is text in a JSON text in an address; what Grafana fills in is not encoded."""
    found = linked(configured(f"dashboards:\n  {TRACES}\n"))
    url = found["agent_server_deployment", "Latency"]["Traces that are as slow"]

    assert re.fullmatch(r"[A-Za-z0-9%/?=&._~-]+", re.sub(r"\$\{[a-z_.:]+\}", "", url))
    assert (
        unquote(url).count("${")
        == len(re.findall(r"\$\{", url))
        == len(("from", "to", "value", "namespace", "deployment"))
    )
