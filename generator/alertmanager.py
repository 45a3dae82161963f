"""Alertmanager's configuration: who is told what, what is told together, and what is not told because it follows.

Made for Alertmanager 0.25 and later. Receivers other than the webhook stand as comments: they need your own secrets, which
belong into files.
"""

from __future__ import annotations

from typing import Any

from generator.site import Site

#: An alert that explains others of the same deployment: (these, silence those), as anchored regular expressions.
FOLLOWS: tuple[tuple[str, str], ...] = (
    (
        "AgentServerAllTargetsDown",
        "AgentServer(TargetDown|NoWorkers|GhostRuns|Queue(Wait|Stalled|Tier).*|ApiTierNotScraped)",
    ),
    ("AgentServerNoWorkers", "AgentServer(GhostRuns|Queue(Wait|Stalled|Tier).*|WorkersSaturated|BacklogNotDraining)"),
    ("AgentServerQueueStalled(Growing|Confirmed)", "AgentServerQueueStalled"),
    ("AgentServerFetchRunsDown", "AgentServerFetchRunsFailing"),
    ("AgentServerPoisonRuns", "AgentServerRunExceededMaxAttempts"),
    ("AgentServerStreamPublishStalling", "AgentServerStreamPublishSlow"),
    ("AgentServerPgPoolErrors", "AgentServerPgPool(Queueing|NearlyFull)"),
    ("LangSightIngestRejected", "LangSightHighErrorRate"),
    ("AgentgatewayNoHealthyBackend", "AgentgatewayUpstreamFailures"),
    ("AgentgatewayLlmErrors", "AgentgatewayLlmSlowFirstToken"),
    ("LangSmithTargetDown", "LangSmith(ScrapeFailing|RequestsPilingUp)"),
    ("LangSmithIngestStalled", "LangSmithIngestQueueBacklog"),
    ("LangSmithClickHouseDown", "LangSmith(ScrapeFailing|HttpLatencyHigh|RequestsPilingUp|FeedbackSlow)"),
    ("LangSmithClickHouseRejectedInserts", "LangSmithClickHouseDelayedInserts"),
    ("LangSmithPostgresDown", "LangSmith(Postgres(Connections|Deadlocks)|PgPoolBusy|HttpLatencyHigh|RequestsPilingUp)"),
    ("LangSmithRedisDown", "LangSmithRedis(RejectedConnections|MemoryHigh)"),
)

#: What to put in the place of, or beside, the webhook.
CHOICES = """
# Other receivers; each reads its secret from a file. Put one into the receiver of its severity:
#
#   slack_configs:
#     - api_url_file: /etc/alertmanager/secrets/slack-url
#       channel: "#agents"
#       send_resolved: true
#   pagerduty_configs:
#     - routing_key_file: /etc/alertmanager/secrets/pagerduty-key
#   email_configs:
#     - to: oncall@example.com
#       from: alertmanager@example.com
#       smarthost: smtp.example.com:587
#       auth_username: alertmanager
#       auth_password_file: /etc/alertmanager/secrets/smtp-password
"""


def configuration(site: Site) -> dict[str, Any]:
    """Return the configuration: one receiver per severity, grouped by deployment, followers silenced."""
    identity = list(site.identity)
    return {
        "route": {
            "receiver": "tickets",
            "group_by": ["alertname", *identity],
            "group_wait": "30s",
            "group_interval": "5m",
            "repeat_interval": "12h",
            "routes": [
                {
                    "receiver": "watchdog",
                    "matchers": ['alertname="ObservabilityWatchdog"'],
                    "group_wait": "0s",
                    "group_interval": "1m",
                    "repeat_interval": "1m",
                },
                {
                    "receiver": "pages",
                    "matchers": ['severity="critical"'],
                    "group_by": identity,
                    "group_wait": "10s",
                    "repeat_interval": "2h",
                },
                {"receiver": "tickets", "matchers": ['severity="warning"']},
                {"receiver": "nobody", "matchers": ['severity="info"']},
            ],
        },
        "inhibit_rules": [
            *(_inhibition(f'alertname=~"{source}"', f'alertname=~"{target}"', identity) for source, target in FOLLOWS),
            {
                "source_matchers": ['severity="critical"', 'slo!=""'],
                "target_matchers": ['severity="warning"', 'slo!=""'],
                "equal": [*identity, "slo"],
            },
        ],
        "receivers": [
            {"name": "pages", "webhook_configs": [_webhook(site)]},
            {"name": "tickets", "webhook_configs": [_webhook(site)]},
            {"name": "watchdog", "webhook_configs": [_webhook(site)]},
            {"name": "nobody"},
        ],
    }


def _inhibition(source: str, target: str, identity: list[str]) -> dict[str, Any]:
    return {"source_matchers": [source], "target_matchers": [target], "equal": identity}


def _webhook(site: Site) -> dict[str, Any]:
    return {"url": site.config.webhook_url, "send_resolved": True}
