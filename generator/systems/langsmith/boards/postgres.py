"""LangSmith's Postgres: is it there, who uses up its connections, and do transactions fail?

For the on-call who answers an alert on Postgres. All figures come from its exporter, which is a client too: when no connection
is left there is no figure either.
"""

from __future__ import annotations

from generator.boards import processes as targets
from generator.boards.layout import Board, Row, board, row
from generator.boards.panels import lines, stat, state
from generator.config.site import Site
from generator.promql import increase, level, peak, rate, total
from generator.promql.query import Query


def dashboard(site: Site) -> Board:
    """Build the board."""
    return board(
        site,
        "langsmith_postgres",
        "LangSmith / Postgres",
        system="langsmith",
        about=__doc__ or "",
        rows=[_now(site), _connections(site), _transactions(site)],
    )


def _used(site: Site, *by: str) -> Query:
    ls = site.system("langsmith", on="langsmith")
    return (total(ls["pg_stat_activity_count"], by=by) / total(ls["pg_settings_max_connections"], by=by)).about(
        "Share of the connections in use."
    )


def _now(site: Site) -> Row:
    ls, by = site.system("langsmith", on="langsmith"), (site.labels.instance,)
    return row(
        "Status",
        stat("Postgres up", level(ls["pg_up"]), limit=targets.THERE, bad="below").normal(
            "1.", alert="LangSmithPostgresDown"
        ),
        stat("Connection usage", _used(site), limit=site.limit("postgres_connections")).normal(
            "Below 70 %.", "Find who holds them, below.", alert="LangSmithPostgresConnections"
        ),
        stat("Connections", total(ls["pg_stat_activity_count"])).normal("In proportion to processes."),
        stat("Max connections", total(ls["pg_settings_max_connections"])).normal("As set: max_connections."),
        stat(
            "Deadlocks",
            increase(ls["pg_stat_database_deadlocks"]).over("10m"),
            limit=site.limit("postgres_deadlocks"),
        ).normal("0.", "Read the log of Postgres: it names both statements.", alert="LangSmithPostgresDeadlocks"),
        stat("Rollbacks", rate(ls["pg_stat_database_xact_rollback"])).normal("Close to 0."),
        state("Uptime of Postgres", level(ls["pg_up"], by=by), targets.UP).normal(
            "Up throughout.", alert="LangSmithPostgresDown"
        ),
    )


def _connections(site: Site) -> Row:
    ls, by = site.system("langsmith", on="langsmith"), (site.labels.instance,)
    activity = ls["pg_stat_activity_count"]
    return row(
        "Connection usage by server, database and state",
        lines("Connection usage over time", _used(site, *by), limit=site.limit("postgres_connections")).normal("Below 70 %.", "A pooler, or smaller pools.", alert="LangSmithPostgresConnections"),
        lines("Connections against max connections", total(activity).named("in use"),
              peak(ls["pg_settings_max_connections"]).named("most allowed")).normal("Far below the maximum.", "A pooler, or smaller pools.", alert="LangSmithPostgresConnections"),
        lines("Connections by database", total(activity, by=("datname",)), stack=True).normal("A steady mix."),
        lines("Connections by state", total(activity, by=("state",)), stack=True).with_note(
            "Many that are idle in transaction hold locks and connections: a client forgot to commit."
        ).normal("Idle and active.", "idle in transaction for long: find the client in pg_stat_activity."),
    )  # fmt: skip


def _transactions(site: Site) -> Row:
    ls = site.system("langsmith", on="langsmith")
    return row(
        "Transactions",
        lines(
            "Deadlocks by database", rate(ls["pg_stat_database_deadlocks"].where_not(datname=""), by=("datname",))
        ).normal("No line.", "Read the log of Postgres.", alert="LangSmithPostgresDeadlocks"),
        lines(
            "Rollbacks by database", rate(ls["pg_stat_database_xact_rollback"].where_not(datname=""), by=("datname",))
        )
        .with_note("Each deadlock is one of these too.")
        .normal("Close to 0.", "Errors of statements: read the log of Postgres."),
    )
