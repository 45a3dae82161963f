"""Links from a graph to the traces and logs behind it, in Grafana's Explore: same labels, same time.

The address is that of Grafana 10 and later: `panes` is JSON, encoded but for the variables that Grafana fills in.
Source: https://grafana.com/docs/grafana/latest/explore/get-started-with-explore/, "Share Explore URLs".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from urllib.parse import quote

from generator.boards import grafana
from generator.boards.panel import Panel
from generator.catalogue import Kind
from generator.config.settings import Store
from generator.config.site import Site
from generator.promql.query import Query

#: Units of time, as TraceQL writes them behind a number.
_DURATIONS = {"seconds": "s", "milliseconds": "ms"}

#: What a name says of a metric that counts what goes wrong.
_WRONG = re.compile(r"error|fail|reject|refus|lost|loss|timeout|exhaust|drop|retr(y|i)|restart|abort|denied|unhealthy")

#: What a line of a log says then. Lower and upper case are one.
_WORDS = "error|exception|fatal|panic"

#: The plugins of the stores.
_PLUGINS = {"tempo": "tempo", "loki": "loki", "victorialogs": "victoriametrics-logs-datasource"}

Json = dict[str, object]


def links(site: Site, panel: Panel, made: grafana.Panel, variables: Sequence[str]) -> list[Json]:
    """Return the links of a graph's lines: to traces where it shows durations, to logs where it shows what goes wrong.

    Args:
        site: The installation, which says where traces and logs are.
        panel: The panel to be.
        made: What was made of it.
        variables: The variables that its board has.

    """
    return [*_links(site, panel, variables)] if made.kind == "timeseries" else []


def _links(site: Site, panel: Panel, variables: Sequence[str]) -> Iterator[Json]:
    queries, traces, logs = panel.possible, site.config.traces, site.config.logs
    if traces and _lasts(queries) and (named := [*_named(site, queries, variables, traces, _attribute)]):
        asked = " && ".join((*named, f"duration >= ${{__value.raw}}{_DURATIONS[queries[0].unit]}"))
        one = {"queryType": "traceql", "query": f"{{ {asked} }}", "limit": 20, "tableType": "traces"}
        yield grafana.page("Traces that are as slow", _address(traces, one))
    if logs and _wrong(queries):
        loki = logs.kind == "loki"
        if named := [*_named(site, queries, variables, logs, _label if loki else _field)]:
            text = f'{{{", ".join(named)}}} |~ "(?i)({_WORDS})"' if loki else f'{" ".join(named)} ~"(?i)({_WORDS})"'
            form = {"expr": text, "queryType": "range" if loki else "instant"}
            yield grafana.page("Logs of that time", _address(logs, form))


def _lasts(queries: Sequence[Query]) -> bool:
    """Say whether a panel shows how long requests or runs take: durations of a histogram."""
    return all(q.unit in _DURATIONS and any(m.kind is Kind.HISTOGRAM for m in q.metrics) for q in queries)


def _wrong(queries: Sequence[Query]) -> bool:
    """Say whether a panel shows what goes wrong, by the names of its metrics or the status that it asks for."""
    return any(
        _WRONG.search(m.base) or any(x.label in ("status", "code") and x.value.startswith("5") for x in m.matchers)
        for q in queries
        for m in q.metrics
    )


def _named(
    site: Site, queries: Sequence[Query], variables: Sequence[str], store: Store, form: Callable[[str, str], str]
) -> Iterator[str]:
    """Yield what tells the servers of a line apart, as the store asks for it: a label of the line, or else a variable.

    A cluster and a namespace are always asked for by the variables: targets may lack these labels, and the variables then match all.
    """
    for name, called in store.labels.items():
        label = getattr(site.labels, name)
        if all(label in q.labels for q in queries) and name not in ("cluster", "namespace"):
            yield form(called, f"${{__field.labels.{label}}}")
        elif name in variables:
            yield form(called, f"${{{name}:pipe}}")


def _attribute(called: str, value: str) -> str:
    return f'{called} =~ "{value}"'


def _label(called: str, value: str) -> str:
    return f'{called}=~"{value}"'


def _field(called: str, value: str) -> str:
    return f'{called}:~"^({value})$"'


def _address(store: Store, query: Mapping[str, object]) -> str:
    """Return the address of Explore with one query, over the time of the board."""
    source = {"type": _PLUGINS[store.kind], "uid": store.datasource}
    pane = {
        "datasource": store.datasource,
        "queries": [{"refId": "A", "datasource": source, **query}],
        "range": {"from": "${__from}", "to": "${__to}"},
    }
    text = json.dumps({"a": pane}, separators=(",", ":"))
    parts = re.split(r"(\$\{[^}]*\})", text)
    return "/explore?schemaVersion=1&panes=" + "".join(
        part if part.startswith("${") else quote(part, safe="") for part in parts
    )
