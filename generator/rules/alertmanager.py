"""Alertmanager's configuration: who is told what, what is told together, and what is not told because it follows.

Made for Alertmanager 0.25 and later. Receivers other than the webhook stand as comments: they need your own secrets, which
belong into files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from generator.config.site import Site
from generator.rules import inhibition
from generator.rules.rule import Alert, Route

#: What there is to be known where no webhook is configured.
SILENT = "Nobody is told: the receivers are empty. In bundle.yaml, set alertmanager.webhook_url, or see the end of this file."

#: What to put in the place of, or beside, the webhook.
CHOICES = """
# Other receivers; each reads its secret from a file. Put one into the receiver of its severity:
#
#   slack_configs:
#     - api_url_file: /etc/alertmanager/secrets/slack-url
#       channel: "#agents"
#       send_resolved: true
#       # The board of the first alert, from an hour before it began until now, or until it ended.
#       title_link: '{{ with index .Alerts 0 }}{{ .Annotations.dashboard }}{{ if match "[?]" .Annotations.dashboard }}&{{ else }}?{{ end }}from={{ (.StartsAt.Add -3600e9).UnixMilli }}&to={{ if eq .Status "resolved" }}{{ .EndsAt.UnixMilli }}{{ else }}now{{ end }}{{ end }}'
#   pagerduty_configs:
#     - routing_key_file: /etc/alertmanager/secrets/pagerduty-key
#   email_configs:
#     - to: oncall@example.com
#       from: alertmanager@example.com
#       smarthost: smtp.example.com:587
#       auth_username: alertmanager
#       auth_password_file: /etc/alertmanager/secrets/smtp-password
"""


def configuration(site: Site, alerts: Sequence[Alert]) -> dict[str, Any]:
    """Return the configuration: one receiver per severity, a notification per alert and deployment, what others explain silenced."""
    identity = list(site.identity)
    own = dict.fromkeys(alert.route.receiver for alert in alerts if alert.route)
    return {
        "route": {
            "receiver": "tickets",
            "group_by": ["alertname", *identity],
            "group_wait": "30s",
            "group_interval": "5m",
            "repeat_interval": "12h",
            "routes": [
                *(_route(alert.name, alert.route) for alert in alerts if alert.route),
                {
                    "receiver": "pages",
                    "matchers": ['severity="critical"'],
                    "group_wait": "10s",
                    "repeat_interval": "2h",
                },
                {"receiver": "tickets", "matchers": ['severity="warning"']},
                {"receiver": "nobody", "matchers": ['severity="info"']},
            ],
        },
        "inhibit_rules": inhibition.rules(site, alerts),
        "receivers": [
            *({"name": name, **_webhook(site)} for name in ("pages", "tickets", *own)),
            {"name": "nobody"},
        ],
    }


def _route(alert: str, route: Route) -> dict[str, Any]:
    return {
        "receiver": route.receiver,
        "matchers": [f'alertname="{alert}"'],
        "group_wait": route.wait,
        "group_interval": route.interval,
        "repeat_interval": route.repeat,
    }


def _webhook(site: Site) -> dict[str, Any]:
    """Return the webhook of a receiver, where there is one; without it the receiver tells nobody."""
    url, credentials = site.config.webhook_url, site.config.webhook_access.credentials
    if not url:
        return {}
    settings = {"http_config": dict(credentials)} if credentials else {}
    return {"webhook_configs": [{"url": url, "send_resolved": True, **settings}]}
