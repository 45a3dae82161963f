"""Provisioning files for Grafana's own alerting: alert rules, recording rules, contact points, notification policies.

Grafana reads them from `provisioning/alerting/`, one folder without subfolders. The rules themselves are in `rules`, who is
told in `notifying`. Grafana evaluates in steps of ten seconds: an interval is rounded up to whole ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath as Path

from generator.boards.layout import LeftOut
from generator.bundle import Bundle
from generator.errors import ConfigError, Problem
from generator.outputs import documents, text
from generator.outputs.grafana_alerting import notifying, rules

_FOLDER = "grafana-alerting"


def render(bundle: Bundle) -> Mapping[Path, str]:
    """Return the provisioning files, one for the rules of each plain file, and three of who is told where a webhook is named.

    Raises:
        ConfigError: The bundle is for a clock on which Grafana's ten seconds are too long.

    """
    if bundle.time_scale != 1:
        what = "Grafana evaluates every ten seconds at most, which is too seldom for a clock that runs faster"
        raise ConfigError([Problem("--time-scale", 1, what, "leave it out, or write another format")])
    shown = rules.shown(bundle)
    out = {
        Path(f"{_FOLDER}/agentobs-{stem}.yaml"): text.plain(rules.document(bundle, groups["groups"], shown))
        for stem, groups in documents.rules(bundle).items()
        if groups["groups"]
    }
    notifications = notifying.files(bundle)
    return out | {Path(f"{_FOLDER}/agentobs-{name}.yaml"): text.plain(one) for name, one in notifications.items()}


def left_out(bundle: Bundle) -> Sequence[LeftOut]:
    """Return what Grafana's alerting cannot do: inhibition above all."""
    return tuple(_left_out(bundle))


def _left_out(bundle: Bundle) -> Iterator[LeftOut]:
    explained = [alert.name for alert in bundle.alerts if alert.explained_by]
    if explained:
        yield LeftOut(
            _FOLDER,
            f"inhibition of {', '.join(explained)}",
            "Grafana's own Alertmanager has none: you are told of them beside what explains them; "
            "hand the alerts to an Alertmanager with alerts/alertmanager.yml where that is too much",
        )
    if not bundle.site.config.webhook_url:
        yield LeftOut(
            _FOLDER,
            "contact points and notification policies",
            "nobody is named; set alertmanager.webhook_url, or Grafana's default policy tells of everything",
        )
    elif bundle.site.config.webhook_access.credentials:
        yield LeftOut(
            f"{_FOLDER}/agentobs-{notifying.CONTACT_POINTS}.yaml",
            "credentials of the webhook",
            "they are in a file, which a contact point does not read; write them into its settings, by a variable of Grafana's environment",
        )
    for document in documents.rules(bundle).values():
        for group in document["groups"]:
            wanted = group.get("interval", bundle.site.timing.evaluation)
            if (given := rules.interval(wanted)) != wanted:
                yield LeftOut(
                    _FOLDER,
                    f"the interval {wanted} of {group['name']}",
                    f"Grafana evaluates in steps of ten seconds; it is {given}",
                )
