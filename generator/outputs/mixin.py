"""A monitoring mixin: boards, alerts and recording rules as one Jsonnet library, with the plain documents beside it as JSON.

The documents are finished: what selectors, labels, windows and limits say is bundle.yaml's. `_config` has only what can be
put into a finished document without a word of a query being another: addresses, tags, the folder, times, the data source,
labels of alerts, and an interval for groups that have none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath as Path
from typing import Any

from generator.boards.grafana import dumps
from generator.boards.layout import LeftOut
from generator.bundle import Bundle
from generator.outputs import documents
from generator.outputs.text import indented

Json = dict[str, Any]

#: Where the options stand in `_config`: a name of our own, because mixins are added to each other.
OPTIONS = "agentObservability"


def render(bundle: Bundle) -> Mapping[Path, str]:
    """Return the library, its options, jsonnet-bundler's file, and the documents."""
    records, alerts = _kinds(documents.rules(bundle))
    out = {Path(f"mixin/dashboards/{stem}.json"): dumps(board.dashboard) for stem, board in bundle.boards.items()}
    out |= {Path(f"mixin/rules/{stem}.json"): indented({"groups": groups}) for stem, groups in records.items()}
    out |= {Path(f"mixin/alerts/{stem}.json"): indented({"groups": groups}) for stem, groups in alerts.items()}
    out[Path("mixin/mixin.libsonnet")] = _banner(bundle) + _library(bundle.boards, records, alerts)
    out[Path("mixin/config.libsonnet")] = _config(bundle)
    out[Path("mixin/jsonnetfile.json")] = indented({"version": 1, "dependencies": [], "legacyImports": True})
    return out


def left_out(_: Bundle) -> Sequence[LeftOut]:
    """Return what a mixin has no place for."""
    where = "mixin/mixin.libsonnet"
    return (
        LeftOut(where, "inhibition and routes", "a mixin has none; take alerts/alertmanager.yml of the plain files"),
        LeftOut(where, "scrape configurations", "a mixin has none; take scrape/ of the plain files"),
    )


def _kinds(rules: Mapping[str, Json]) -> tuple[dict[str, list[Json]], dict[str, list[Json]]]:
    """Return the groups without an alert and those with one, by the stem of their file. No group is cut."""
    records: dict[str, list[Json]] = {}
    alerts: dict[str, list[Json]] = {}
    for stem, document in rules.items():
        for group in document["groups"]:
            alerting = any("alert" in rule for rule in group["rules"])
            (alerts if alerting else records).setdefault(stem, []).append(group)
    return records, alerts


def _config(bundle: Bundle) -> str:
    """Return the options with the values of the bundle, under which the result is that of the plain files."""
    config = bundle.site.config
    written = {key: json.dumps(value, ensure_ascii=False) for key, value in {
        "base": config.runbook_base_url, "grafana": config.grafana_url, "tags": list(config.tags), "folder": config.folder,
        "refresh": config.refresh, "period": config.time_from,
    }.items()}  # fmt: skip
    return f"""\
{{
  _config+:: {{
    {OPTIONS}+: {{
      // In front of `/NAME.md` of each alert's runbook. Boards have links to them where the bundle was made with an
      // address of yours, and these follow; a path gives them none.
      runbookBaseUrl: {written["base"]},
      // In front of `/d/UID` of each alert's board.
      grafanaUrl: {written["grafana"]},
      // Folder of the boards, for tools that read `grafanaDashboardFolder`.
      dashboardFolder: {written["folder"]},
      // Tags of every board, before that of its system; the links between boards follow the first.
      dashboardTags: {written["tags"]},
      // How often boards are read anew, and from when on they show.
      dashboardRefresh: {written["refresh"]},
      dashboardFrom: {written["period"]},
      // The data source that boards open with, and a pattern for those that they offer; '' offers all.
      datasourceName: 'default',
      datasourceRegex: '',
      // Labels that every alert gets beside its own.
      alertLabels: {{}},
      // Interval of groups that have none; null leaves it to the server, which then must evaluate every
      // {bundle.site.timing.evaluation}: windows and holds are made for that.
      evaluationInterval: null,
    }},
  }},
}}
"""


def _library(boards: Mapping[str, Any], records: Mapping[str, Any], alerts: Mapping[str, Any]) -> str:
    imported = "\n".join(
        f"  {_quoted(f'{stem}.json')}: import {_quoted(f'dashboards/{stem}.json')}," for stem in boards
    )
    return (
        _FUNCTIONS.replace("OPTIONS", OPTIONS)
        + f"""
local boards = {{
{imported}
}};

(import 'config.libsonnet') + {{
  local options = $._config.{OPTIONS},

  grafanaDashboardFolder:: options.dashboardFolder,

  grafanaDashboards+:: {{ [name]: board(options, boards[name]) for name in std.objectFields(boards) }},

  prometheusRules+:: {{
    groups+: groups(options, [
{_imports("rules", records)}
    ]),
  }},

  prometheusAlerts+:: {{
    groups+: groups(options, [
{_imports("alerts", alerts)}
    ]),
  }},
}}
"""
    )


#: What puts the options into the documents.
_FUNCTIONS = """\
local generated = (import 'config.libsonnet')._config.OPTIONS;

// `text` with the beginning `old` replaced, where it begins so.
local rebased(text, old, new) =
  if std.startsWith(text, old) then new + std.substr(text, std.length(old), std.length(text)) else text;

// Every text of a value with `old` replaced.
local everywhere(value, old, new) =
  local kind = std.type(value);
  if kind == 'string' then std.strReplace(value, old, new)
  else if kind == 'array' then [everywhere(one, old, new) for one in value]
  else if kind == 'object' then { [key]: everywhere(value[key], old, new) for key in std.objectFields(value) }
  else value;

local told(options, rule) = rule {
  labels+: options.alertLabels,
  annotations+: {
    runbook_url: rebased(super.runbook_url, generated.runbookBaseUrl + '/', options.runbookBaseUrl + '/'),
    dashboard: rebased(super.dashboard, generated.grafanaUrl + '/d/', options.grafanaUrl + '/d/'),
  },
};

local group(options, each) =
  (if options.evaluationInterval == null then {} else { interval: options.evaluationInterval }) + each + {
    rules: [if std.objectHas(rule, 'alert') then told(options, rule) else rule for rule in each.rules],
  };

local groups(options, files) = [group(options, each) for file in files for each in file.groups];

local linked(options, link) =
  if std.get(link, 'tags', []) == generated.dashboardTags[:1] then link { tags: options.dashboardTags[:1] } else link;

local variable(options, one) =
  if one.type != 'datasource' then one else one {
    current+: { text: options.datasourceName, value: options.datasourceName },
    regex: options.datasourceRegex,
  };

// Boards link to runbooks where the bundle was made with an address of theirs.
local board(options, made) =
  local moved = options.runbookBaseUrl != generated.runbookBaseUrl && std.member(generated.runbookBaseUrl, ':');
  local each = if moved then everywhere(made, generated.runbookBaseUrl, options.runbookBaseUrl) else made;
  each {
    tags: options.dashboardTags + each.tags[std.length(generated.dashboardTags):],
    links: [linked(options, link) for link in each.links],
    refresh: options.dashboardRefresh,
    time+: { from: options.dashboardFrom },
    templating+: { list: [variable(options, one) for one in each.templating.list] },
  };
"""


def _imports(folder: str, files: Mapping[str, Any]) -> str:
    return "\n".join(f"      import {_quoted(f'{folder}/{stem}.json')}," for stem in files)


def _quoted(text: str) -> str:
    """Return a text as a literal of Jsonnet, whose escapes are those of JSON."""
    return "'" + json.dumps(text, ensure_ascii=False)[1:-1].replace('\\"', '"').replace("'", "\\'") + "'"


def _banner(bundle: Bundle) -> str:
    if bundle.time_scale == 1:
        return ""
    from generator.outputs import timescale

    return timescale.banner(bundle.time_scale).replace("#", "//", 1)
