"""LangSmith's Postgres: is it there, who uses up its connections, and do transactions fail?

For whoever answers an alert on Postgres. All figures come from its exporter, which is a client too: when no connection
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
        "Is it there?",
        stat("Postgres", level(ls["pg_up"]), limit=targets.THERE, bad="below"),
        stat("Connections in use", _used(site), limit=site.limit("postgres_connections")),
        stat("Connections", total(ls["pg_stat_activity_count"])),
        stat("Most allowed", total(ls["pg_settings_max_connections"])),
        stat(
            f"Deadlocks in {site.timing.said('10m')}",
            increase(ls["pg_stat_database_deadlocks"]).over("10m"),
            limit=site.limit("postgres_deadlocks"),
        ),
        stat("Rollbacks", rate(ls["pg_stat_database_xact_rollback"])),
        state("Postgres over time", level(ls["pg_up"], by=by), targets.UP),
    )


def _connections(site: Site) -> Row:
    ls, by = site.system("langsmith", on="langsmith"), (site.labels.instance,)
    activity = ls["pg_stat_activity_count"]
    return row(
        "Who uses the connections?",
        lines("Share in use", _used(site, *by), limit=site.limit("postgres_connections")),
        lines("Against the maximum", total(activity).named("in use"),
              peak(ls["pg_settings_max_connections"]).named("most allowed")),
        lines("By database", total(activity, by=("datname",)), stack=True),
        lines("By state", total(activity, by=("state",)), stack=True).noting(
            "Many that are idle in transaction hold locks and connections: somebody forgot to commit."
        ),
    )  # fmt: skip


def _transactions(site: Site) -> Row:
    ls = site.system("langsmith", on="langsmith")
    return row(
        "Do transactions fail?",
        lines("Deadlocks", rate(ls["pg_stat_database_deadlocks"].where_not(datname=""), by=("datname",))),
        lines("Rolled back", rate(ls["pg_stat_database_xact_rollback"].where_not(datname=""), by=("datname",))).noting(
            "Each deadlock is one of these too."
        ),
    )
