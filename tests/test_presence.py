"""What every system is told of alike, and deployments that may have no process at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import pytest

from generator.bundle import Bundle, build
from generator.config.site import Site
from generator.outputs import FORMATS
from testbed.replay import Firing, Replay
from testbed.rule_files import load
from testbed.servers import STALE, Prometheus, Value, find, missing
from testbed.servers.remote_write import History

#: Two hours; the deployments go after half an hour.
DURATION, GONE = 7200.0, 1800.0

#: What is told of the targets of every system.
TOLD = ("AllTargetsDown", "DeploymentVanished", "TargetDown", "TargetsMissing")


def alerts_of(bundle: Bundle) -> Mapping[str, str]:
    return {alert.name: alert.severity for alert in bundle.alerts}


def test_every_system_tells_what_vanishes_under_names_of_one_pattern(site: Site) -> None:
    """Anyone who knows one system's alerts knows all: all down and vanished page, one process and never found are tickets."""
    found = alerts_of(build(site))
    stems = [s.alerts for name, s in site.catalogue.systems.items() if name in site.config.systems]

    assert len(stems) == 4
    assert {stem + end: found.get(stem + end) for stem in stems for end in TOLD} == {
        stem + end: severity
        for stem in stems
        for end, severity in zip(TOLD, ("critical", "critical", "warning", "warning"), strict=True)
    }


@pytest.fixture
def fired(configured: Callable[[str], Site]) -> Iterator[Callable[[str, str, Sequence[str]], dict[str, list[Firing]]]]:
    """Play deployments of one system that all go after half an hour, through the rules of a bundle.yaml."""
    found = find("prometheus", "newest")
    if not found.path:
        missing(found.reason)
    assert found.path
    with Prometheus(found.path, history=True) as server:

        def run(text: str, system: str, names: Sequence[str]) -> dict[str, list[Firing]]:
            site = configured(text)
            texts = [t for p, t in FORMATS["files"].render(build(site)).items() if p.name.endswith(".rules.yaml")]
            texts.sort(key=lambda t: "record:" not in t)
            stem = site.catalogue.systems[system].alerts

            def history(_: float, offsets: Sequence[float]) -> Iterator[History]:
                for name in names:
                    labels = {"__name__": "up", "deployment": name, "instance": name, "role": "api", "system": system}
                    values: list[Value] = [1.0 if at < GONE else None for at in offsets]
                    values[next(n for n, at in enumerate(offsets) if at >= GONE)] = STALE
                    yield labels, values

            replay = Replay(server, load(texts))
            return replay.run(history, DURATION, [f"{stem}DeploymentVanished", f"{stem}TargetsMissing"])

        yield run


Run = Callable[[str, str, Sequence[str]], dict[str, list[Firing]]]


def of(found: Sequence[Firing]) -> list[str]:
    return sorted(dict(one.labels).get("deployment", "") for one in found)


@pytest.mark.real
def test_a_deployment_that_may_scale_to_zero_is_not_missed(fired: Run) -> None:
    """By its name or by a pattern of the whole name; one whose name only begins like it is missed."""
    text = 'systems: {agent_server: {scale_to_zero: ["night", "preview-.*"]}}\n'

    got = fired(text, "agent_server", ["night", "nightly", "preview-7", "shop"])

    assert of(got["AgentServerDeploymentVanished"]) == ["nightly", "shop"]
    assert got["AgentServerTargetsMissing"] == []  # what may be at zero explains that nothing is found


@pytest.mark.real
def test_without_such_names_all_are_missed_and_so_is_the_system(fired: Run) -> None:
    """The same history without the key."""
    got = fired("{}\n", "agent_server", ["night", "shop"])

    assert of(got["AgentServerDeploymentVanished"]) == ["night", "shop"]
    assert len(got["AgentServerTargetsMissing"]) == 1


@pytest.mark.real
def test_a_name_of_one_system_says_nothing_about_another(fired: Run) -> None:
    """A gateway of the same name is missed."""
    got = fired("systems: {agent_server: {scale_to_zero: [shop]}}\n", "agentgateway", ["shop"])

    assert of(got["AgentgatewayDeploymentVanished"]) == ["shop"]
    assert len(got["AgentgatewayTargetsMissing"]) == 1


def test_how_long_it_is_told_of_fits_what_prometheus_keeps(configured: Callable[[str], Site]) -> None:
    """A range beyond the retention would promise what no sample can keep."""
    text = "evaluation: {retention: 2d}\nslo_period: 2d\nsystems: {agentgateway: {scale_to_zero: [night]}}\n"
    bundle = build(configured(text))

    rules = {a.name: a.to_rule(bundle.site)["expr"] for a in bundle.alerts}
    assert "[1d]" in rules["AgentgatewayDeploymentVanished"]
    assert "[2d]" in rules["AgentgatewayTargetsMissing"]
