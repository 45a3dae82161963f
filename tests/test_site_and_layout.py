"""What a site has and lacks, and how boards are laid out: ids, grid, variables, descriptions."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from generator.boards.layout import Board, board, row, why
from generator.boards.panels import lines, stat, text
from generator.boards.reasons import reasons
from generator.boards.variables import WIDE
from generator.bundle import build
from generator.catalogue import Catalogue
from generator.config.site import Site
from generator.promql import quantile, rate, total

EMPTY = "**Empty** when "


def made(site: Site, *titles: str, variables: tuple[str, ...] = WIDE) -> Board:
    lg = site.system("agent_server")
    return board(
        site,
        "agent_server_x",
        "X",
        system="agent_server",
        about="x",
        variables=variables,
        rows=[
            row("First", *(stat(t, rate(lg["http_requests_total"])) for t in titles)),
            row("Second", lines("last", total(lg["workers_max"]))),
        ],
    )


def ids(found: Board) -> dict[str, int]:
    return {p.title: p.id for p in found.dashboard.panels}


def test_an_id_stays_when_panels_are_added_and_moved(site: Site) -> None:
    """Links and alerts point at panel ids, so only a new title makes a new id."""
    before, after = ids(made(site, "a", "b")), ids(made(site, "new", "b", "a"))

    assert {t: after[t] for t in before} == before
    assert len(set(after.values())) == len(after)


def test_panels_flow_and_all_of_a_line_have_its_height(site: Site) -> None:
    """Seven panels of width four: four on the first line, three on the next, both filled; a graph by itself has the whole line."""
    found = made(site, *"abcdefg").dashboard.panels

    places = {p.title: (p.gridPos.x, p.gridPos.y, p.gridPos.w, p.gridPos.h) for p in found}
    assert places["d"] == (18, 1, 6, 4)
    assert places["e"] == (0, 5, 8, 4)
    assert places["g"] == (16, 5, 8, 4)
    assert places["Second"] == (0, 9, 24, 1)
    assert places["last"] == (0, 10, 24, 9)


def test_variables_are_chained_and_the_unused_are_left_out(site: Site) -> None:
    """Each is asked for within the chosen wider ones; role and instance go when no query is held to them."""
    listed = {v.name: v.query for v in made(site, "a").dashboard.templating.list}

    assert list(listed) == ["datasource", "cluster", "namespace", "deployment"]
    assert listed["deployment"]["query"] == (
        'label_values(up{cluster=~"$cluster", namespace=~"$namespace", system="agent_server"}, deployment)'
    )


def test_a_description_says_why_a_panel_may_be_empty(site: Site) -> None:
    """What it shows, a note, what is normal, what to do otherwise, when it is empty, and the series: nobody must guess."""
    lg = site.system("agent_server")
    shown = lines("w", quantile(0.95, lg["run_queue_wait_time_1st_attempt"])).with_note("A note.")
    shown = shown.normal("Below a second.", "Add slots.", alert="AgentServerQueueWaitExtreme")
    found = board(
        site, "agent_server_x", "X", system="agent_server", about="x", rows=[row("R", shown)]
    ).dashboard.panels[1]

    assert found.description.split("\n\n") == [
        "95th percentile of time from a run's creation to its first pick-up by a worker slot, recorded at the pick-up.",
        "A note.",
        "**Normal:** Below a second.",
        "**Otherwise:** Add slots. Alert: AgentServerQueueWaitExtreme.",
        "**Empty** when the runtime is inmem; or no process of role combined or queue is scraped; or nothing of the kind "
        "happened since the processes started.",
        "Reads lg_api_run_queue_wait_time_1st_attempt.",
    ]


def test_a_row_without_possible_panels_is_left_out_with_its_reason(configured: Callable[[str], Site]) -> None:
    """The heading goes with its panels, and the reason names every series once."""
    site = configured("systems: {agent_server: {exposure: ui}}\n")
    lg = site.system("agent_server")
    impossible = lines(
        "gone", rate(lg["run_success_counter"]).named("a"), rate(lg["run_canceled_by_request_counter"]).named("b")
    )
    found = board(
        site,
        "agent_server_x",
        "X",
        system="agent_server",
        about="x",
        rows=[row("Gone", impossible), row("Kept", text("note", "Hello."))],
    )

    assert [p.title for p in found.dashboard.panels] == ["Kept", "note"]
    assert [(o.where, o.what, o.why) for o in found.left_out] == [
        (
            "dashboards/agent_server_x.json",
            "gone",
            "lg_api_run_success_counter_total, lg_api_run_canceled_by_request_counter_total: internal metrics are off (exposure: ui)",
        )
    ]


def test_reasons_are_put_together() -> None:
    """Series of one reason share it, in the order of their first appearance."""
    assert why([("a", "off"), ("b", "gone"), ("c", "off"), ("a", "off")]) == "a, c: off; b: gone"


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("workers_max", ["no process of role combined or queue is scraped"]),
        (
            "protocol_v2_event_emitted_counter",
            [
                "internal metrics are not exposed (EXPOSE_INTERNAL_METRICS_PROMETHEUS)",
                "METRIC_MAX_EMITTING_TIER is below 3",
                "no process of role api or combined is scraped",
                "nothing of the kind happened since the processes started",
            ],
        ),
        (
            "publish_queue_availability",
            [
                "internal metrics are not exposed (EXPOSE_INTERNAL_METRICS_PROMETHEUS)",
                "off without FF_ASYNC_PUBLISH_QUEUE=true on the processes that execute runs",
                "no process of role combined or queue is scraped",
                "nothing of the kind happened since the processes started",
            ],
        ),
    ],
)
def test_reasons_follow_from_the_catalogue(catalogue: Catalogue, metric: str, expected: list[str]) -> None:
    """Exposure, tier, switch, runtime, role and birth, each in words an operator can act on."""
    system = catalogue.systems["agent_server"]

    assert list(reasons(next(m for m in system.metrics if m.name == metric), system)) == expected


def test_every_board_opens_fast_on_a_large_fleet(site: Site) -> None:
    """A board that opens with all deployments reads recorded series, alerts, and gauges with one series per process.

    The overview of all systems may read those as they are of which an installation has a handful of processes.
    """
    for stem, found in build(site).boards.items():
        fleet = next(v for v in found.dashboard.templating.list if v.name == "deployment").extra["current"] != {}
        raw = [
            s.title
            for s in found.panels
            for q in s.possible
            if not q.recorded
            and any(
                m.full_name != "ALERTS"
                and (m.kind != "gauge" or m.labels)
                and (stem != "overview" or m.system == "agent_server")
                for m in q.metrics
            )
        ]
        assert not fleet or raw == [], (stem, raw)
