"""Who is told: the receivers and routes of Alertmanager's configuration as contact points, a mute timing and policies.

A provisioning file replaces the whole tree of notification policies of an organisation. So ours is one branch, for alerts
of our folder, below a root that is Grafana's own default. An alert that nobody is told of is muted at all times: a contact
point without an integration is none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from generator.bundle import Bundle
from generator.outputs import documents

Json = dict[str, Any]

CONTACT_POINTS, MUTE_TIMINGS, POLICIES = "contact-points", "mute-timings", "policies"

#: What the names of ours begin with: names of contact points and mute timings are those of the whole organisation.
PREFIX = "agentobs-"

_MATCHER = re.compile(r'(\w+)(=~|!~|!=|=)"(.*)"')


def files(bundle: Bundle) -> Mapping[str, Json]:
    """Return the provisioning files by name; none where nobody is to be told."""
    if not bundle.site.config.webhook_url:
        return {}
    configuration = documents.alertmanager_yml(bundle)
    hooks = {one["name"]: one["webhook_configs"][0] for one in configuration["receivers"] if "webhook_configs" in one}
    return {
        CONTACT_POINTS: {"apiVersion": 1, "contactPoints": [_contact(name, hook) for name, hook in hooks.items()]},
        MUTE_TIMINGS: {
            "apiVersion": 1,
            "muteTimes": [
                {
                    "orgId": 1,
                    "name": f"{PREFIX}always",
                    "time_intervals": [{"times": [{"start_time": "00:00", "end_time": "24:00"}]}],
                }
            ],
        },
        POLICIES: {"apiVersion": 1, "policies": [_root(bundle, configuration["route"], hooks)]},
    }


def _contact(name: str, hook: Json) -> Json:
    settings = {"url": hook["url"], "httpMethod": "POST"}  # no URL that is accepted has a dollar sign
    receiver = {
        "uid": PREFIX + name,
        "type": "webhook",
        "settings": settings,
        "disableResolveMessage": not hook["send_resolved"],
    }
    return {"orgId": 1, "name": PREFIX + name, "receivers": [receiver]}


def _root(bundle: Bundle, route: Json, hooks: Mapping[str, Json]) -> Json:
    config = bundle.site.config
    branch = _policy(route, hooks, "tickets")
    branch["object_matchers"] = [["grafana_folder", "=", config.folder]]
    return {
        "orgId": 1,
        "receiver": config.formats.grafana_alerting.default_contact_point,
        "group_by": ["grafana_folder", "alertname"],
        "routes": [branch],
    }


def _policy(route: Json, hooks: Mapping[str, Json], silent: str) -> Json:
    """Return a route; one whose receiver tells nobody is muted, with the receiver `silent`."""
    known = route["receiver"] in hooks
    made: Json = {"receiver": PREFIX + (route["receiver"] if known else silent)}
    if "matchers" in route:
        made["object_matchers"] = [[*_matcher(one)] for one in route["matchers"]]
    made |= {key: route[key] for key in ("group_by", "group_wait", "group_interval", "repeat_interval") if key in route}
    if not known:
        made["mute_time_intervals"] = [f"{PREFIX}always"]
    if "routes" in route:
        made["routes"] = [_policy(one, hooks, silent) for one in route["routes"]]
    return made


def _matcher(text: str) -> tuple[str, ...]:
    """Return label, operator and value of a matcher as `generator.rules.alertmanager` writes it."""
    label, op, value = _MATCHER.fullmatch(text).groups()  # type: ignore[union-attr]  # another form is a bug, and ends here
    return label, op, value
