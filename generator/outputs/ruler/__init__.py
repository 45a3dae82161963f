"""Rule files for the rulers of Mimir, Cortex and Thanos, and the configuration of a tenant's Alertmanager.

A file is a namespace, named by its file, and holds the groups of one system. It has only what Prometheus itself reads, so
that each of the three takes it. What differs from the plain files:

- Each group says its `interval`: a ruler has one of its own, usually a minute, and knows nothing of ours.
- No group has more rules than the rulers take by default; how a larger one is cut is in `splitting`.
- The Alertmanager of a tenant reads no file of the server's, so no secret of a file.

Limits are of Mimir: `ruler_max_rules_per_rule_group` and `ruler_max_rule_groups_per_tenant`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath as Path
from typing import Any

from generator.boards.layout import LeftOut
from generator.bundle import Bundle
from generator.outputs import documents, text
from generator.outputs.ruler.splitting import split
from generator.systems import registry

Json = dict[str, Any]

#: Rules in a group and groups of a tenant that Mimir takes unless it is told otherwise.
RULES, GROUPS = 20, 70

#: What every namespace begins with.
PREFIX = "agentobs."

#: The namespace of the rules about the monitoring itself.
COMMON = "observability"

ALERTMANAGER = Path("ruler/alertmanager/config.yml")
REQUEST = Path("ruler/alertmanager/request.yml")


def render(bundle: Bundle) -> Mapping[Path, str]:
    """Return the rule files, one for each namespace, and Alertmanager's configuration as a file and as a request's body."""
    out = {
        Path(f"ruler/rules/{name}.yaml"): _banner(bundle) + text.plain({"groups": groups})
        for name, groups in namespaces(bundle).items()
    }
    configuration = text.plain(_alertmanager(bundle))
    out[ALERTMANAGER] = _banner(bundle) + configuration
    out[REQUEST] = _banner(bundle) + text.plain({"template_files": {}, "alertmanager_config": configuration})
    return out


def left_out(bundle: Bundle) -> Sequence[LeftOut]:
    """Return what a ruler refuses unless its limits are raised, and credentials that a tenant's Alertmanager cannot read."""
    return tuple(_left_out(bundle))


def namespaces(bundle: Bundle) -> Mapping[str, list[Json]]:
    """Return the groups by namespace, in the order in which one triages, recording rules first."""
    out: dict[str, list[Json]] = {}
    systems = _systems(bundle)
    usual = documents.on_its_clock(bundle, {"interval": bundle.site.timing.evaluation})
    for stem, document in documents.rules(bundle).items():
        groups = [part for group in document["groups"] for part in split(_timed(group, usual), RULES)]
        out.setdefault(PREFIX + systems.get(stem, stem), []).extend(groups)
    return out


def _timed(group: Json, usual: Json) -> Json:
    """Return a group with its interval, behind the name as people write it."""
    return {"name": group["name"], **usual, **group}


def _systems(bundle: Bundle) -> Mapping[str, str]:
    """Return the system of each rule file by its stem."""
    found = {part.stem: COMMON for part in registry.common().topics}
    for one in registry.declared(bundle.site):
        found |= {part.stem: one.system for part in one.records}
        found |= {part.stem: one.system for part in one.topics}
    return found


def _alertmanager(bundle: Bundle) -> Json:
    """Return the configuration without what names a file; receivers are otherwise the plain file's."""
    configuration = documents.alertmanager_yml(bundle)
    receivers = [
        {
            key: [{k: v for k, v in hook.items() if k != "http_config"} for hook in value] if key != "name" else value
            for key, value in receiver.items()
        }
        for receiver in configuration["receivers"]
    ]
    return configuration | {"receivers": receivers}


def _left_out(bundle: Bundle) -> Iterator[LeftOut]:
    made = namespaces(bundle)
    for name, groups in made.items():
        for group in groups:
            if (count := len(group["rules"])) > RULES:
                yield LeftOut(
                    f"ruler/rules/{name}.yaml",
                    f"a group {group['name']} of at most {RULES} rules",
                    f"its {count} rules read each other, and apart they would be an evaluation late; "
                    f"set the tenant's ruler_max_rules_per_rule_group to {count} or more",
                )
    if (count := sum(map(len, made.values()))) > GROUPS:
        yield LeftOut(
            "ruler/rules",
            f"at most {GROUPS} groups",
            f"there are {count}; set the tenant's ruler_max_rule_groups_per_tenant to {count} or more",
        )
    if bundle.site.config.webhook_url and bundle.site.config.webhook_access.credentials:
        yield LeftOut(
            str(ALERTMANAGER),
            "credentials of the webhook",
            "they are in a file, and the Alertmanager of a tenant reads none; write them into http_config when you load it",
        )


def _banner(bundle: Bundle) -> str:
    if bundle.time_scale == 1:
        return ""
    from generator.outputs import timescale

    return timescale.banner(bundle.time_scale)
