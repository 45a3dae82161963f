"""What an operator may say of one cluster when installing the chart: the values, their defaults and their schema."""

from __future__ import annotations

from typing import Any

from generator.bundle import Bundle

Json = dict[str, Any]


def values(bundle: Bundle) -> Json:
    """Return the defaults: with them the chart makes what the kustomizations have."""
    config = bundle.site.config
    options = config.formats.kubernetes
    return {
        "namespace": options.namespace,
        "labels": dict(options.labels),
        "cluster": config.cluster,
        "systems": {
            name: {"enabled": True, "namespaces": list(one.discovery.kubernetes.namespaces)}
            for name, one in config.systems.items()
            if one.enabled
        },
        "rules": {"enabled": True},
        "scrape": {"enabled": True},
        "alertmanager": {"enabled": True},
        "dashboards": {
            "form": options.dashboards,
            "labels": dict(options.dashboard_labels),
            "folder": config.folder,
            "folderAnnotation": options.folder_annotation,
            "instanceSelector": dict(options.instance_selector),
        },
    }


def schema(bundle: Bundle) -> Json:
    """Return the JSON Schema of the values, in the draft that Helm reads; a key that it does not name is a mistake."""
    namespace = r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?$"
    texts = {"type": "object", "additionalProperties": {"type": "string", "maxLength": 63}}
    switch = _object({"enabled": {"type": "boolean", "description": "false leaves these objects out"}})
    system = _object(
        {
            "enabled": {"type": "boolean", "description": "false leaves its rules, boards and monitors out"},
            "namespaces": {
                "type": "array",
                "items": {"type": "string", "pattern": namespace, "minLength": 1},
                "description": "only these namespaces are searched for it; all when empty",
            },
        }
    )
    on = [name for name, one in bundle.site.config.systems.items() if one.enabled]
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "values of agent-observability",
        **_object({
            "namespace": {"type": "string", "pattern": namespace, "description": "of the objects; empty for the release's"},
            "labels": {**texts, "description": "of every object, by which operators select what they read"},
            "cluster": {"type": "string", "description": "value of the cluster label of every target; empty for none"},
            "systems": _object(dict.fromkeys(on, system)),
            "rules": switch,
            "scrape": switch,
            "alertmanager": switch,
            "dashboards": _object({
                "form": {"enum": ["sidecar", "operator", "none"], "description": "who brings boards to Grafana"},
                "labels": {**texts, "description": "by which the sidecar knows a ConfigMap with a board"},
                "folder": {"type": "string", "description": "Grafana folder; empty for none"},
                "folderAnnotation": {"type": "string", "description": "where the sidecar looks for the folder"},
                "instanceSelector": {**texts, "description": "labels of the Grafana of grafana-operator"},
            }),
        }),
    }  # fmt: skip


def _object(properties: Json) -> Json:
    return {"type": "object", "additionalProperties": False, "required": list(properties), "properties": properties}
