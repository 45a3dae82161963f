"""One owner of time: what follows from the durations of an installation, and what cannot work."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from generator.bundle import Bundle, build
from generator.config.site import Site
from generator.config.timing import HIGHEST_SHARE, LOOK_BACK, Timing, words
from generator.lint import run
from generator.outputs import FORMATS
from generator.rules.rule import Alert
from generator.units import seconds


def alerts_of(bundle: Bundle) -> dict[str, Alert]:
    return {a.name: a for groups in bundle.rules.values() for g in groups for a in g.alerts}


def rule_of(bundle: Bundle, name: str) -> dict[str, Any]:
    return alerts_of(bundle)[name].to_rule(bundle.site)


def test_a_window_holds_four_scrapes_and_is_otherwise_what_was_written() -> None:
    """Of four scrapes one may fail, and rate() still has what it needs."""
    assert [Timing().over(w) for w in ("", "4m", "1h")] == ["5m", "4m", "1h"]
    slow = Timing(scrape="2m", window="8m")
    assert [slow.over(w) for w in ("", "4m", "5m", "10m")] == ["8m", "8m", "8m", "10m"]
    assert Timing(scrape="75s").over("4m") == "5m"
    assert Timing(scrape="5s").shortest == "20s"


def test_a_hold_is_whole_rounds_of_evaluation() -> None:
    """Prometheus looks once a round: what stands in the file is what happens."""
    assert [Timing(evaluation="2m").hold(h) for h in ("0s", "1m", "3m", "1h")] == ["0s", "2m", "4m", "1h"]
    assert [Timing(evaluation="45s").hold(h) for h in ("2m", "5m")] == ["135s", "315s"]


def test_a_subquery_steps_as_fast_as_something_can_change_and_takes_four_steps() -> None:
    """A step below the scrape interval only reads the same sample twice."""
    assert Timing().steps("15m") == "15m:30s"
    assert Timing(scrape="2m", evaluation="15s").steps("5m") == "8m:2m"
    assert Timing(evaluation="2m").steps("30m", every="5m") == "30m:5m"


def test_slower_groups_are_whole_rounds_below_the_look_back() -> None:
    """A record that is not written again within the look-back is gone in between."""
    for evaluation in ("1s", "30s", "45s", "70s", "2m"):
        for asked in ("2m", "4m"):
            interval = seconds(Timing(evaluation=evaluation).rounds(asked))
            assert interval % seconds(evaluation) == 0
            assert interval < seconds(LOOK_BACK)


@pytest.mark.parametrize("scrape", ["15s", "1m", "2m"])
def test_what_goes_on_is_held_longer_than_one_event_counts_as_present(
    scrape: str, configured: Callable[[str], Site]
) -> None:
    """Else the sight of one event, which grows with the interval of scrapes, would outlast the hold and page."""
    bundle = build(configured(f"scrape: {{interval: {scrape}}}\nevaluation: {{window: 10m}}\n{ALL_ON}"))
    present = Timing(scrape=scrape).over("4m")
    for name in (
        "AgentServerStreamDataLossHigh", "AgentServerPgPoolErrors", "AgentgatewayGuardrailDown", "AgentgatewayLlmErrors",
        "LangSightIngestRejected", "LangSightHighErrorRate",
    ):  # fmt: skip
        rule = rule_of(bundle, name)
        assert f"[{present}])" in rule["expr"].rpartition("and")[2]
        assert seconds(rule["for"]) > seconds(present)


@pytest.mark.parametrize("period", ["1d", "3d", "7d", "14d", "28d", "30d", "90d"])
@pytest.mark.parametrize("objective", [50, 90, 95, 99, 99.9, 99.9999])
def test_every_burn_rate_can_be_reached_and_spends_what_it_says(period: str, objective: float) -> None:
    """Its share of bad events is below 1, so that a total outage fires; its factor is the workbook's for the period."""
    budget = 1 - objective / 100
    shares = (0.02, 0.05, 0.1, 0.1)
    for burn, share in zip(Timing(period=period).burns(budget), shares, strict=True):
        if burn.missing:
            continue
        assert 0 < burn.factor * budget <= HIGHEST_SHARE * 1.005
        rate = share * seconds(period) / seconds(burn.long)
        assert burn.factor == pytest.approx(min(max(rate, 1), HIGHEST_SHARE / budget), rel=0.005)
        assert seconds(burn.long) < seconds(period)
    assert [b.factor for b in Timing().burns(0.001)] == [14.4, 6, 3, 1]


def test_an_objective_of_ninety_per_cent_still_pages_for_a_total_outage(configured: Callable[[str], Site]) -> None:
    """14.4 times a budget of a tenth would be more bad events than there are; the factor fits instead, and the text says it."""
    rule = rule_of(build(configured("slo: {run_success: {objective: 90}}\n")), "AgentServerRunSuccessBurn1h")

    assert rule["expr"].count("> 0.9\n") + rule["expr"].count("> 0.9)") == 2
    assert "more than 9 times" in rule["annotations"]["description"]


def test_windows_that_a_short_period_has_no_room_for_are_left_out_by_name(configured: Callable[[str], Site]) -> None:
    """A day of budget has no ticket over three days, and a page is not for what the objective allows."""
    made = build(configured("slo_period: 1d\n"))

    assert [n for n in alerts_of(made) if "Burn" in n] == []
    assert {
        (out.what, out.why.partition(": ")[2])
        for out in made.left_out
        if out.what.startswith("AgentServerAvailability")
    } == {
        ("AgentServerAvailabilityBurn1h", "2% of the budget of 1d in 1h is what the objective allows (slo_period: 1d)"),
        ("AgentServerAvailabilityBurn6h", "5% of the budget of 1d in 6h is what the objective allows (slo_period: 1d)"),
        (
            "AgentServerAvailabilityBurn1d",
            "its window of 1d is as long as the period of the objective (slo_period: 1d)",
        ),
        (
            "AgentServerAvailabilityBurn3d",
            "its window of 3d is as long as the period of the objective (slo_period: 1d)",
        ),
    }


def test_rules_widen_their_windows_with_the_scrapes(configured: Callable[[str], Site]) -> None:
    """At a scrape every two minutes five minutes hold two samples: eight hold four. The greatest of some needs but one."""
    made = build(configured("scrape: {interval: 2m}\n"))

    texts = {a.name: a.to_rule(made.site)["expr"] for a in alerts_of(made).values()}
    counted = {name: re.sub(r"max_over_time\([^\[]*\[\w+\]", "", text) for name, text in texts.items()}
    ranges = {name: set(re.findall(r"\[(\d+[smhd])\]", text)) for name, text in counted.items()}
    assert {r for found in ranges.values() for r in found if seconds(r) < seconds("8m")} == set()
    assert "8m" in ranges["LangSightIngestRejected"]


SLOW = "scrape: {interval: 2m}\nevaluation: {interval: 2m, window: 12m}\nslo_period: 7d\n"
ALL_ON = "systems: {langsight: {enabled: true}, agentgateway: {enabled: true}, langsmith: {enabled: true}}\n"


@pytest.mark.long
def test_what_alerts_and_boards_say_follows_the_configuration(
    tmp_path: Path, configured: Callable[[str], Site]
) -> None:
    """Windows, holds, steps and burn rates of an installation that is slow in everything, in its own words."""
    made = build(configured(SLOW + ALL_ON))
    root = tmp_path / "out"
    for path, text in FORMATS["files"].render(made).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")

    assert run(made.site, root) == []

    annotations = {n: rule_of(made, n)["annotations"] for n in alerts_of(made)}
    assert "requests in 12 minutes)" in annotations["AgentgatewayNoHealthyBackend"]["summary"]
    assert (
        "at full scale are meant to have, for 16 minutes." in annotations["LangSmithIngestQueueBacklog"]["description"]
    )
    burn = annotations["AgentServerAvailabilityBurn1h"]["description"]
    assert "budget of 7 days burns at more than 3.36 times" in burn
    assert "over an hour and over 12 minutes" in burn
    assert "[32m:8m]" in rule_of(made, "AgentServerQueueStalledGrowing")["expr"]
    assert "[8m:2m]" in rule_of(made, "LangSmithPostgresConnections")["expr"]


def test_a_duration_is_said_as_people_say_it() -> None:
    """Texts of alerts are sentences."""
    assert [words(d) for d in ("30s", "1m", "5m", "1h", "1h30m", "2h", "1d", "1500ms", "200ms")] == [
        "30 seconds", "a minute", "5 minutes", "an hour", "90 minutes", "2 hours", "a day", "1.5 seconds", "200 milliseconds",
    ]  # fmt: skip
