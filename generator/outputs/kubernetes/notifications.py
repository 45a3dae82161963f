"""Alertmanager's configuration as an AlertmanagerConfig.

Where an Alertmanager reads several, its operator puts each below the common root route, and by default narrows it to alerts
with the namespace of the object: `alertmanagerConfigMatcherStrategy`. Our alerts have the namespace of what they are about.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from generator.bundle import Bundle
from generator.outputs import documents
from generator.outputs.kubernetes.objects import File, Json, made

#: The Secret with what the webhook wants: the keys username and password, or token.
SECRET = "agentobs-webhook"  # noqa: S105 - a name

SOURCE = "generator/rules/alertmanager.py"
_MATCHER = re.compile(r'(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<matchType>=~|!~|!=|=)"(?P<value>[^"\\]*)"')
_CAMEL = {
    "receiver": "receiver", "group_by": "groupBy", "group_wait": "groupWait", "group_interval": "groupInterval",
    "repeat_interval": "repeatInterval",
}  # fmt: skip


def files(bundle: Bundle) -> Iterator[File]:
    """Yield the one object."""
    configuration = documents.alertmanager_yml(bundle)
    spec = {
        "route": _route(configuration["route"]),
        "inhibitRules": [_inhibition(rule) for rule in configuration["inhibit_rules"]],
        "receivers": [_receiver(receiver) for receiver in configuration["receivers"]],
    }
    one = made(bundle, "monitoring.coreos.com/v1alpha1", "AlertmanagerConfig", "alerts", "alertmanager", spec)
    yield File("alertmanager", "alerts", [one], SOURCE)


def matcher(text: str) -> Json:
    """Return a matcher of Alertmanager in its parts.

    Raises:
        ValueError: The text is none; nothing that the rules make has a quote or a backslash in its value.

    """
    found = _MATCHER.fullmatch(text)
    if not found:
        raise ValueError(f"no matcher: {text}")
    parts = found.groupdict()
    return {key: parts[key] for key in ("name", "matchType", "value")}


def _route(route: Json) -> Json:
    out: Json = {camel: route[key] for key, camel in _CAMEL.items() if key in route}
    if "matchers" in route:
        out["matchers"] = [matcher(one) for one in route["matchers"]]
    if "routes" in route:
        out["routes"] = [_route(one) for one in route["routes"]]
    return out


def _inhibition(rule: Json) -> Json:
    return {
        "sourceMatch": [matcher(one) for one in rule["source_matchers"]],
        "targetMatch": [matcher(one) for one in rule["target_matchers"]],
        "equal": rule["equal"],
    }


def _receiver(receiver: Json) -> Json:
    hooks = [_webhook(one) for one in receiver.get("webhook_configs", ())]
    return {"name": receiver["name"], **({"webhookConfigs": hooks} if hooks else {})}


def _webhook(hook: Json) -> Json:
    asked: Json = hook.get("http_config", {})
    out: Json = {"url": hook["url"], "sendResolved": hook["send_resolved"]}
    if "basic_auth" in asked:
        out["httpConfig"] = {"basicAuth": {key: key_of(SECRET, key) for key in ("username", "password")}}
    elif "authorization" in asked:
        out["httpConfig"] = {"authorization": {"type": "Bearer", "credentials": key_of(SECRET, "token")}}
    return out


def key_of(secret: str, key: str) -> dict[str, Any]:
    """Return a reference to one key of a Secret."""
    return {"name": secret, "key": key}
