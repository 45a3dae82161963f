"""LangSmith's Postgres, where users, projects and runs' metadata are: is it there, and are connections left?

When Postgres is down, or has no connection left for the exporter either, the page has `pg_up 0` and nothing else: the
ratios vanish just when they matter. So the one on connections looks at its greatest value of the last minutes.
"""

from __future__ import annotations

from generator.config.site import Site
from generator.config.timing import words
from generator.promql import increments, lowest, peak, total
from generator.rules.rule import Alert, Because


def alerts(site: Site) -> list[Alert]:
    """Return the alerts, most urgent subject first."""
    ls, labels = site.system("langsmith", on="langsmith"), site.labels
    by = (*site.identity, labels.instance)
    name = f"{{{{ $labels.{labels.deployment} }}}}: Postgres behind {{{{ $labels.{labels.instance} }}}}"
    last = site.timing.steps("5m")
    used = total(ls["pg_stat_activity_count"], by=by) / peak(ls["pg_settings_max_connections"], by=by)
    return [
        Alert(
            name="LangSmithPostgresDown",
            query=lowest(ls["pg_up"], by=by).equals(0),
            hold="2m",
            severity="critical",
            summary=f"{name} cannot be reached.",
            description="Nobody can log in or open a project. The exporter itself answers, so it is Postgres, or its password.",
            action="connect with psql from the exporter's pod: refused, too many clients, or wrong password?",
            board="langsmith_postgres",
        ),
        Alert(
            name="LangSmithPostgresConnections",
            query=used.at_best(last).above(site.limit("postgres_connections")),
            hold="10m",
            severity="warning",
            summary=f"{name} has {{{{ $value | humanizePercentage }}}} of its connections in use.",
            description=f"At the maximum every service fails at once, and the exporter with them. Its greatest value over {words(last.partition(':')[0])} counts.",
            action="count connections by application and state; pools times replicas must stay below max_connections.",
            board="langsmith_postgres",
            explained_by=(Because(("LangSmithPostgresDown",), agree=(labels.instance,)),),
        ),
        Alert(
            name="LangSmithPostgresDeadlocks",
            query=increments(ls["pg_stat_database_deadlocks"], by=by).above(site.limit("postgres_deadlocks")),
            over="10m",
            hold="0s",
            severity="warning",
            summary=f"{name} resolved {{{{ $value | humanize }}}} deadlocks within {site.timing.window_words('10m')}.",
            description="Each is a transaction that failed and is tried again, or not.",
            action="read the statements in Postgres' log at the lines 'deadlock detected'.",
            board="langsmith_postgres",
            explained_by=(Because(("LangSmithPostgresDown",), agree=(labels.instance,)),),
        ),
    ]
