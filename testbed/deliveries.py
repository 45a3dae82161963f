"""What is proved of each format, by which real consumer, and the test that proves it: the tables in the README and in docs/formats.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Delivery:
    """One proof.

    Attributes:
        format: Its name in `agentobs list formats`.
        consumer: The real thing that reads it.
        proved: What that shows, a few words.
        test: The test that does it, as pytest names it without parameters.
        run: The command that runs it.

    """

    format: str
    consumer: str
    proved: str
    test: str
    run: Literal["make test", "make matrix"]


DELIVERIES = (
    Delivery(
        "files",
        "Prometheus, the oldest and the newest",
        "every rule and scrape file loads, every rule is evaluated",
        "tests/test_real_prometheus.py::test_rules_load_and_are_healthy_without_data",
        "make test",
    ),
    Delivery(
        "files",
        "Prometheus",
        "no panel that a played system can fill is empty",
        "tests/test_real_prometheus.py::test_panels_of_a_played_system_return_data",
        "make test",
    ),
    Delivery(
        "files",
        "blackbox_exporter with Prometheus",
        "a probe of readiness tells of a database that is gone, under the deployment's name, and counts for no process",
        "tests/test_readiness.py::test_a_real_exporter_tells_that_a_database_is_gone",
        "make test",
    ),
    Delivery(
        "files",
        "Alertmanager",
        "an alert is delivered and resolved",
        "tests/test_matrix.py::test_an_alert_is_delivered_and_resolved",
        "make matrix",
    ),
    Delivery(
        "files",
        "VictoriaMetrics with vmalert",
        "rules, boards and scenarios have the same outcome as on Prometheus, but for named differences",
        "tests/test_matrix.py::test_scenarios_have_the_same_outcome",
        "make matrix",
    ),
    Delivery(
        "kubernetes",
        "CRDs of both operators, made strict",
        "every object is valid, no key is one that would be pruned",
        "tests/test_format_operators.py::test_every_object_is_one_of_its_crd",
        "make matrix",
    ),
    Delivery(
        "kubernetes",
        "kube-apiserver 1.33 with etcd",
        "with the CRDs of both operators it takes every object, ConfigMaps too, and has what the files say; a key that nobody knows is refused",
        "tests/test_format_kubernetes_tools.py::test_an_api_server_takes_every_object",
        "make matrix",
    ),
    Delivery(
        "kubernetes",
        "kubeconform",
        "by strict schemas every object is valid, and none is passed over",
        "tests/test_format_kubernetes_tools.py::test_kubeconform_finds_every_object_valid",
        "make matrix",
    ),
    Delivery(
        "kubernetes",
        "kustomize",
        "what it builds is what the files have, object by object",
        "tests/test_format_kubernetes_tools.py::test_kustomize_builds_what_the_files_have",
        "make matrix",
    ),
    Delivery(
        "kubernetes",
        "prometheus-operator's own selection, validation and generation",
        "nothing is refused; rules, jobs and routes are those of the plain files",
        "tests/test_format_operators.py::test_the_operator_refuses_nothing_and_its_rules_are_ours",
        "make matrix",
    ),
    Delivery(
        "kubernetes",
        "prometheus-operator with Prometheus",
        "the monitors find the targets that the fragments find, with the same labels, by pods, Endpoints and EndpointSlices, probes of readiness too",
        "tests/test_format_operators.py::test_monitors_find_what_the_fragments_find",
        "make matrix",
    ),
    Delivery(
        "kubernetes",
        "reading back",
        "rules, relabelling, boards and routes equal the plain files",
        "tests/test_format_kubernetes.py::test_rules_are_those_of_the_plain_files",
        "make test",
    ),
    Delivery(
        "helm",
        "Helm",
        "the chart is without a complaint, and what it renders is the kustomization, object by object, also with another cluster's values",
        "tests/test_format_helm.py::test_the_chart_is_the_kustomization_object_by_object",
        "make matrix",
    ),
    Delivery(
        "helm",
        "reading back",
        "the rules equal the plain files",
        "tests/test_format_helm.py::test_rules_read_back_are_those_of_the_plain_files",
        "make test",
    ),
    Delivery(
        "helm",
        "JSON Schema",
        "the values fit their schema; no text of a rule is taken for a template; a release fits into its Secret",
        "tests/test_format_helm.py::test_values_fit_their_schema_which_refuses_a_misspelt_one",
        "make test",
    ),
    Delivery(
        "victoriametrics-operator",
        "VictoriaMetrics",
        "its relabelling of the pods of the charts by the objects gives the labels that Prometheus gives by the fragments",
        "tests/test_format_victoriametrics_operator.py::test_victoriametrics_relabels_the_pods_of_the_charts_as_prometheus_does",
        "make matrix",
    ),
    Delivery(
        "victoriametrics-operator",
        "reading back",
        "rules, relabelling and routes equal the plain files; every key is one of the published types. No operator runs",
        "tests/test_format_victoriametrics_operator.py::test_every_key_is_one_that_the_operator_has",
        "make test",
    ),
    Delivery(
        "ruler",
        "PyYAML",
        "the rules are the plain files', within the limits, and none is parted from what it reads",
        "tests/test_ruler.py::test_rules_are_those_of_the_plain_files",
        "make test",
    ),
    Delivery(
        "collector",
        "a schema of the Collector's components",
        "it scrapes job by job what the scrape files do, and nothing in it is unknown or unused",
        "tests/test_collector_format.py::test_it_scrapes_what_the_scrape_files_do",
        "make test",
    ),
    Delivery(
        "collector",
        "OpenTelemetry Collector 0.165",
        "it takes both exporters' configurations and the committed ones, and refuses one with a mistake",
        "tests/test_collector_real.py::test_the_collector_takes_every_configuration",
        "make matrix",
    ),
    Delivery(
        "collector",
        "OpenTelemetry Collector and Prometheus",
        "it scrapes the reference servers and writes by remote write, and by OTLP; `agentobs validate` finds nothing wrong",
        "tests/test_collector_real.py::test_rules_and_boards_read_what_the_collector_writes",
        "make matrix",
    ),
    Delivery(
        "mixin",
        "Jsonnet",
        "the library evaluates to the plain files; each option changes what it says and nothing else",
        "tests/test_mixin.py::test_without_options_it_is_the_plain_files",
        "make test",
    ),
    Delivery(
        "grafana-v2",
        "the types of `@grafana/schema`",
        "every manifest fits them, and says all that the classic board says",
        "tests/test_grafana_v2.py::test_nothing_of_a_classic_board_is_lost",
        "make test",
    ),
    Delivery(
        "grafana-alerting",
        "Grafana's foundation SDK",
        "rules, contact points and policies are of its types, and the plain files' read back",
        "tests/test_grafana_alerting.py::test_rules_and_policies_are_of_the_types_of_grafana_s_sdk",
        "make test",
    ),
    Delivery(
        "datadog",
        "Agent Server's push, as the reference server sends it",
        "what monitors ask for arrives under that name, as counts, distributions and gauges",
        "tests/test_datadog.py::test_what_monitors_ask_for_arrives_under_that_name_and_in_that_form",
        "make test",
    ),
    Delivery(
        "datadog",
        "models of Datadog's API client",
        "every monitor and dashboard has no key and no value that the API does not know",
        "tests/test_datadog_format.py::test_the_api_knows_every_key_and_value",
        "make matrix",
    ),
    Delivery(
        "datadog",
        "the Agent's OpenMetrics check",
        "it collects of all four systems the names and kinds that monitors ask for",
        "tests/test_datadog_format.py::test_the_agents_check_collects_the_names_that_monitors_ask_for",
        "make matrix",
    ),
    Delivery(
        "perses",
        "the types of Perses and its plugins",
        "every document fits them; panels and variables ask what the classic boards ask",
        "tests/test_perses.py::test_it_asks_what_the_classic_boards_ask",
        "make test",
    ),
    Delivery(
        "perses",
        "percli 0.53",
        "it takes every document by its own model, and refuses one with a mistake",
        "tests/test_perses.py::test_percli_takes_every_document",
        "make matrix",
    ),
    Delivery(
        "ruler",
        "Cortex",
        "it takes all groups within Mimir's limits, records, fires, and its Alertmanager notifies",
        "tests/test_ruler_cortex.py::test_cortex_records_and_fires",
        "make matrix",
    ),
    Delivery(
        "mixin",
        "jsonnet-bundler",
        "it vendors the folder, and an import from there is the same",
        "tests/test_mixin.py::test_jsonnet_bundler_vendors_it",
        "make matrix",
    ),
    Delivery(
        "docs",
        "promql-parser",
        "with another prefix, labels and limits, every query of a runbook parses, names series of that configuration, and is its rule's",
        "tests/test_format_docs.py::test_every_query_parses_and_names_only_series_of_the_configuration",
        "make test",
    ),
    Delivery(
        "docs",
        "MkDocs, strict",
        "the site of the pages builds; no link or anchor leads nowhere",
        "tests/test_site.py::test_pages_of_an_installation_are_a_site",
        "make test",
    ),
)


def table() -> list[str]:
    """Return the lines of the proofs as a Markdown table, in the order of the formats."""
    from generator.outputs import FORMATS

    rows = ["| format | read by | proved | by |", "| --- | --- | --- | --- |"]
    for one in sorted(DELIVERIES, key=lambda one: list(FORMATS).index(one.format)):
        name = f"[`{one.format}`](formats/{one.format}.md)" if one.format != "files" else "`files`"
        rows.append(f"| {name} | {one.consumer} | {one.proved} | `{one.run}` |")
    return rows


def summary() -> list[str]:
    """Return the lines of a Markdown table with one row per format: who reads it, for the README."""
    from generator.outputs import FORMATS

    rows = ["| `--format` | proved with | by |", "| --- | --- | --- |"]
    for name, one in FORMATS.items():
        proofs = [delivery for delivery in DELIVERIES if delivery.format == name]
        link = f"`{name}`" if name == "files" else f"[`{name}`]({one.page})"
        commands = dict.fromkeys(delivery.run.removeprefix("make ") for delivery in proofs)
        consumers = dict.fromkeys(delivery.consumer for delivery in proofs)
        rows.append(f"| {link} | {'; '.join(consumers)} | {', '.join(commands)} |")
    return rows
