"""Pages of an installation: their queries are its rules, their names its names, their limits its limits, their links hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

import pytest
import yaml

from generator.bundle import Bundle, build, installation
from generator.catalogue import load
from generator.cli.main import main
from generator.config.site import Site
from generator.lint import expression
from generator.lint.queries import catalogued
from generator.outputs import FORMATS
from generator.outputs.docs import prose
from generator.rules.rule import Record

from .test_own_system import BUNDLE, CATALOGUE

#: Names, selectors and limits that are not the defaults, and a system of the operator's own.
OWN = (
    BUNDLE
    + """\
  agent_server: {prefix: acme_, match: {job: agents}}
  langsmith: {enabled: false}
labels: {cluster: region, namespace: ns, deployment: app, instance: process}
selectors: {env: prod}
thresholds: {http_slow_edge: 5000, http_slow_ratio: 0.1}
slo: {queue_wait: {objective: 90, within: 15000}}
alerts: {grafana_url: "https://grafana.example.com", disable: [AgentServerNoWorkers]}
docs_url: https://docs.example.com/agents
"""
)

_BLOCK = re.compile(r"^```promql\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The bundle of an operator who changed all that can be changed."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "shop.yaml").write_text(CATALOGUE, encoding="utf-8")
    (folder / "bundle.yaml").write_text(OWN, encoding="utf-8")
    return build(installation(load(), folder / "bundle.yaml"))


@pytest.fixture(scope="module")
def texts(made: Bundle) -> Mapping[str, str]:
    return {str(path.relative_to("docs")): text for path, text in FORMATS["docs"].render(made).items()}


def loaded(bundle: Bundle) -> dict[str, str]:
    """The expression of each alert as the plain files have it."""
    files = FORMATS["files"].render(bundle)
    documents = [yaml.safe_load(text) for path, text in files.items() if path.match("alerts/*.rules.yaml")]
    return {r["alert"]: r["expr"] for d in documents for g in d["groups"] for r in g["rules"] if "alert" in r}


def runbooks(texts: Mapping[str, str]) -> dict[str, str]:
    return {
        PurePosixPath(name).stem: text
        for name, text in texts.items()
        if name.startswith("runbooks/") and name != "runbooks/index.md"
    }


def queries(text: str) -> list[str]:
    """The PromQL of a page: its blocks, and code among the words that selects series by matchers or adds them up."""
    words = _BLOCK.sub("", text)
    spans = [
        span
        for span in _SPAN.findall(words)
        if re.search(r"\b(count|sum|topk|rate|increase|max|min)\b.*\(.*[{(]", span)
    ]
    return [*_BLOCK.findall(text), *(span for span in spans if "SELECT" not in span)]


def test_every_query_of_a_runbook_is_that_of_its_rule(made: Bundle, texts: Mapping[str, str]) -> None:
    rules = loaded(made)
    queries = {name: _BLOCK.findall(text) for name, text in runbooks(texts).items()}

    assert queries == {name: [expr.rstrip("\n") + "\n"] for name, expr in rules.items()}
    assert len(queries) > 90
    assert "AgentServerNoWorkers" not in queries
    assert "ShopErrorRatioHigh" in queries


def test_every_query_parses_and_names_only_series_of_the_configuration(made: Bundle, texts: Mapping[str, str]) -> None:
    records: list[Record] = [r for groups in made.rules.values() for g in groups for r in g.records]
    known = {*catalogued(made.site), *(record.name for record in records), "up", "ALERTS", "scrape_samples_scraped"}
    unknown, seen = [], 0
    for name, text in runbooks(texts).items():
        for query in queries(text):
            seen += 1
            tree = expression.parsed(query)
            unknown += [
                f"{name}: {one.name}" for one in expression.selectors(tree) if one.name and one.name not in known
            ]
            assert not re.search(r"\blg_api_|\bby \([^)]*\b(cluster|namespace|deployment)\b", query), (name, query)

    assert unknown == []
    assert seen > 100


def test_limits_that_are_not_the_defaults_stand_out(texts: Mapping[str, str]) -> None:
    slow, wait = texts["runbooks/AgentServerApiLatencyHigh.md"], texts["runbooks/AgentServerQueueWaitBurn1h.md"]

    assert "| `http_slow_edge` | **5000 milliseconds** | 1000 milliseconds |" in slow
    assert "| `http_slow_ratio` | **0.1** | 0.05 |" in texts["limits.md"]
    assert "| `slo: queue_wait` | **90 % within 15000 ms** | 95 % within 5000 ms | over 30d |" in wait
    assert "Numbers in the text below are those of the defaults" in slow
    assert "Numbers in the text below" not in texts["runbooks/AgentServerTargetDown.md"]
    assert "of the API requests take longer than 5000 ms" in slow


def test_links_lead_to_pages_and_to_grafana(texts: Mapping[str, str]) -> None:
    """What is not in the bundle is named without a link."""
    lost = []
    for name, text in texts.items():
        for path, anchor in re.findall(r"\]\((?!https?://)([^)#]*)(?:#([^)]*))?\)", text):
            target = _joined(PurePosixPath(name).parent, path) if path else name
            if target not in texts or (anchor and f'id="{anchor}"' not in texts[target]):
                lost.append(f"{name}: {path}#{anchor}")

    assert lost == []
    assert (
        "[HTTP API](https://grafana.example.com/d/agent-server-http)" in texts["runbooks/AgentServerApiLatencyHigh.md"]
    )
    assert "AgentServerNoWorkers (not here)" in texts["runbooks/AgentServerWorkersSaturated.md"]


def _joined(folder: PurePosixPath, path: str) -> str:
    parts: list[str] = []
    for part in (folder / path).parts:
        parts = parts[:-1] if part == ".." else [*parts, part]
    return "/".join(parts)


def test_without_an_address_of_grafana_links_lead_to_the_list_of_boards(configured: Callable[[str], Site]) -> None:
    texts = {str(path): text for path, text in FORMATS["docs"].render(build(configured(""))).items()}

    assert "[HTTP API](../boards.md#agent-server-http)" in texts["docs/runbooks/AgentServerApiLatencyHigh.md"]
    assert '<a id="agent-server-http"></a>' in texts["docs/boards.md"]


def test_alerts_and_panels_lead_to_the_pages(made: Bundle, texts: Mapping[str, str]) -> None:
    """Each address is that of a page, with an anchor for each metric."""
    files = {str(path): text for path, text in FORMATS["files"].render(made).items()}
    base = "https://docs.example.com/agents/"
    generated = "".join(text for path, text in files.items() if path.startswith(("alerts/", "dashboards/")))
    runbook = set(re.findall(rf"{base}runbooks/(\w+)\.html", generated))
    metrics = set(re.findall(rf"{base}metrics/(\w+)\.html#([^)\"\\]+)\)", generated))
    anchors = {
        (PurePosixPath(name).stem, head.lower())
        for name, text in texts.items()
        if name.startswith("metrics/")
        for head in re.findall(r"^## `(.+)`$", text, re.MULTILINE)
    }

    assert runbook == {"index", *runbooks(texts)}
    assert len(metrics) > 50
    assert metrics - anchors == set()


def test_metrics_of_an_own_system_have_a_page(texts: Mapping[str, str]) -> None:
    assert "## `shop_http_requests_total`" in texts["metrics/shop.md"]
    assert "metrics/langsmith.md" not in texts


@pytest.mark.parametrize(
    ("help_text", "shown"),
    [
        ("Requests <b>by</b> path | status.", "Requests &lt;b>by&lt;/b> path | status."),
        ("See [this](page.md), not `[that](x) <y>`.", "See [this]\\(page.md), not `[that](x) <y>`."),
    ],
)
def test_words_of_a_metrics_page_are_text(tmp_path: Path, help_text: str, shown: str) -> None:
    """`agentobs infer` takes a help from a page of anybody's: a tag or a link in it is neither."""
    (tmp_path / "shop.yaml").write_text(
        CATALOGUE.replace("help: Requests answered.", f'help: "{help_text}"', 1).replace(
            "bound: routes", f'bound: "{help_text}"', 1
        ),
        encoding="utf-8",
    )
    (tmp_path / "bundle.yaml").write_text("systems: {shop: {catalogue: ./shop.yaml}}\n", encoding="utf-8")
    made = build(installation(load(), tmp_path / "bundle.yaml"))
    page = FORMATS["docs"].render(made)[PurePosixPath("docs/metrics/shop.md")]

    assert f"\n{shown}\n" in page
    assert f"| label `path` | {shown.replace('|', chr(92) + '|')} |" in page


@pytest.mark.parametrize(
    ("usual", "here"),
    [
        (
            "`count by (deployment, path) (lg_api_http_requests_total)`",
            "`count by (app, path) (acme_http_requests_total)`",
        ),
        ('`{system="agent_server", instance="a"}`', '`{job="agents", process="a"}`'),
        ('`count({__name__=~"lg_api_.*"})`', '`count({__name__=~"acme_.*"})`'),
        ("`kubectl -n $NS get deploy --namespace=deployment`", "`kubectl -n $NS get deploy --namespace=deployment`"),
        ("`systems: {NAME: {scale_to_zero: [...]}}`", "`systems: {NAME: {scale_to_zero: [...]}}`"),
        ("the deployment lg_api_ in words", "the deployment lg_api_ in words"),
    ],
)
def test_names_in_code_are_those_of_the_site(made: Bundle, usual: str, here: str) -> None:
    """Queries by metrics and labels, commands and YAML as they are."""
    assert prose.written(usual, prose.names(made.site), lambda text: text) == here


def test_a_scaled_bundle_has_the_rules_that_it_loads(tmp_path: Path) -> None:
    """For a reference server that plays sixty seconds in one, the page has that rule, too."""
    words = ["generate", "--time-scale", "60", "--out", str(tmp_path)]
    assert main([*words, "--format", "docs", "--format", "files"]) == 0

    rules = yaml.safe_load((tmp_path / "alerts/agent_server_http.rules.yaml").read_text(encoding="utf-8"))
    (rule,) = [r for g in rules["groups"] for r in g["rules"] if r.get("alert") == "AgentServerApiLatencyHigh"]
    page = (tmp_path / "docs/runbooks/AgentServerApiLatencyHigh.md").read_text(encoding="utf-8")
    assert rule["expr"] in page
