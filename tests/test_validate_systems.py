"""Which systems a validation judges, what it says of one that is not there, and of rules whose turn has not come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from generator.cli.main import main
from generator.config.site import Site
from generator.errors import GeneratorError
from generator.systems.agent_server.records import DRAWN
from generator.validate import Context, prepared
from generator.validate.systems import chosen
from generator.validate.verdict import State, Verdict
from testbed.servers import Prometheus, find, wait_until
from tests.validating import Installation, bundled, judged, settled, settling, troubles


@contextmanager
def expecting(live: Installation, path: Path, systems: Any, *names: str) -> Iterator[Context]:
    """The live installation judged by a configuration that says something else of the other systems."""
    own = yaml.safe_load(live.monitoring.config.read_text(encoding="utf-8"))
    own["systems"] = {"agent_server": own["systems"]["agent_server"], **systems}
    path.write_text(yaml.safe_dump(own), encoding="utf-8")
    with prepared(bundled(path), live.options(systems=names), lambda _: None) as context:
        yield settled(context)


@pytest.mark.real
@pytest.mark.parametrize(
    ("systems", "names", "state"),
    [
        ({}, (), State.WARNING),
        ({"langsight": {"enabled": True}}, (), State.WRONG),
        ({}, ("agent_server", "langsight"), State.WRONG),
    ],
    ids=["by default", "by the file", "by --systems"],
)
def test_a_system_that_is_not_there_is_one_verdict(
    live: Installation, tmp_path: Path, systems: Any, names: tuple[str, ...], state: State
) -> None:
    """A warning where only the defaults enable it, wrong where someone does; and nothing else of it is judged."""
    families = ("targets", "metrics", "variables", "panels", "annotations", "records")

    def judge() -> dict[str, dict[str, Verdict]]:
        with expecting(live, tmp_path / "bundle.yaml", systems, *names) as context:
            return {category: judged(context, category) for category in families}

    verdicts = settling(judge, lambda found: not any(troubles(found[c]) for c in families[1:]))
    of_it = [v for found in verdicts.values() for item, v in found.items() if item.lower().startswith("langsight")]
    assert [(v.state, v.why) for v in of_it] == [(state, "the system is enabled, and no target of it is found")]
    assert of_it[0].fix.startswith("disable it in bundle.yaml (systems: {langsight: {enabled: false}}), or include")
    assert {i for c in families[1:] for i in troubles(verdicts[c])} == set()
    assert any(item.startswith("Agent Server / ") for item in verdicts["panels"])
    # The board of all systems is judged, and says why its part is blank.
    blank = verdicts["panels"]["All systems / LangSight: targets"]
    assert blank.state is State.EMPTY
    assert "no target of the system langsight is scraped" in blank.why


@pytest.mark.real
def test_only_the_chosen_systems_are_judged_but_all_rules_are_loaded(live: Installation, tmp_path: Path) -> None:
    """Of the rules of another system it is said whether they are loaded; nothing else of it is."""
    with expecting(live, tmp_path / "bundle.yaml", {}, "langsight") as context:
        verdicts = {c: judged(context, c) for c in ("targets", "metrics", "panels", "rules", "records")}

    assert list(verdicts["targets"]) == ["langsight"]
    assert verdicts["metrics"] == {}
    assert not [item for item in verdicts["panels"] if item.startswith("Agent Server / ")]
    rules = verdicts["rules"]
    assert rules["agentobs.agent-server-http"].why == "loaded and healthy; its system is not judged"
    assert not [item for item in rules if item.startswith("agentobs.agent-server-http / ")]
    assert rules["agentobs.langsight-api"].why == "the group is not loaded"
    assert [item for item in rules if item.startswith("agentobs.langsight-api / ")]
    assert not [item for item in verdicts["records"] if item.startswith("agentobs_deployment:lg_api_")]


@pytest.mark.real
def test_rules_of_another_system_that_are_lost_are_wrong(live: Installation, tmp_path: Path) -> None:
    """Anyone who judges one system still learns that a file is not loaded."""
    with expecting(live, tmp_path / "bundle.yaml", {}, "agent_server") as context:
        found = troubles(judged(context, "rules"))

    assert {item for item in found if item.startswith("agentobs.langsight")} == {
        "agentobs.langsight-api", "agentobs.langsight-feed", "agentobs.langsight-telemetry", "agentobs.langsight.records",
    }  # fmt: skip


@pytest.mark.real
def test_a_group_whose_turn_comes_later_is_pending_and_not_waited_for(live: Installation) -> None:
    """Its rules and what they record are, too; once it is overdue it is wrong."""
    path = find("prometheus", "newest").path
    assert path
    documents = [yaml.safe_load(text) for text in live.rules().values()]
    for group in (g for d in documents for g in d["groups"]):
        if "interval" in group and group["name"] != "agentobs.agent_server.records":
            group["interval"] = "400d"  # its first evaluation is anywhere within
    config = yaml.safe_load(live.text("scrape/prometheus.yml"))
    config.pop("rule_files")
    names = {f"alerts/r{n}.rules.yaml": d for n, d in enumerate(documents)}
    with Prometheus(path, yaml.safe_dump(config), rules=[yaml.safe_dump(d) for d in documents]) as server:
        messages: list[str] = []
        for level in DRAWN.values():  # of processes whose first scrapes come one after the other
            name = f"agentobs_deployment:lg_api_{level}"
            wait_until(partial(server.query, name), what=name, limit_seconds=120)
        with prepared(live.bundle, live.options(prometheus=server.url, wait=120.0), messages.append) as plain:
            files = {p: d for p, d in plain.files.items() if not p.startswith("alerts/")}
            context = replace(plain, files={**files, **names})
            rules, records = judged(context, "rules"), judged(context, "records")
            later = judged(replace(context, now=context.now + 1e8), "rules")

    assert "not settled in time; judging what is there" not in messages
    slow = "agentobs.agent_server.records.slow"
    assert rules[slow].state is State.PENDING
    assert rules[slow].why.startswith("not evaluated yet: its interval is 3.456e+07 s, and the rules were loaded ")
    assert {v.state for item, v in rules.items() if item.startswith(f"{slow} / ")} == {State.PENDING}
    assert State.PENDING in {v.state for v in records.values()}
    assert troubles(rules) == troubles(records) == {}
    assert later[slow].why == "it was never evaluated"


def test_names_are_those_of_enabled_systems(configured: Callable[[str], Site]) -> None:
    """In any order, with commas, `all` for each of them; nothing given means that nothing is chosen."""
    config = configured("systems: {langsmith: {enabled: false}}\n").config

    assert chosen([], config, "x") == chosen([""], config, "x") == chosen([","], config, "x") == ()
    assert chosen(["langsight,agent_server,"], config, "x") == ("agent_server", "langsight")
    assert chosen(["langsight", "langsight"], config, "x") == ("langsight",)
    assert chosen(["agent_server,all"], config, "x") == ("agent_server", "langsight", "agentgateway")
    with pytest.raises(GeneratorError) as caught:
        chosen(["langsihgt,langsmith,debug"], config, "AGENTOBS_SYSTEMS")
    assert {str(p) for p in caught.value.problems} == {
        "AGENTOBS_SYSTEMS:1: 'langsihgt' is no system; did you mean 'langsight'?",
        "AGENTOBS_SYSTEMS:1: the system 'langsmith' is off in the configuration; "
        "use one of agent_server, langsight, agentgateway, all",
        "AGENTOBS_SYSTEMS:1: 'debug' is no system; use one of agent_server, langsight, agentgateway, all",
    }


@pytest.mark.parametrize("source", ["--systems", "AGENTOBS_SYSTEMS"])
def test_a_wrong_name_is_told_before_anything_is_asked(
    source: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the option, and from the variable that Compose sets."""
    if source == "AGENTOBS_SYSTEMS":
        monkeypatch.setenv(source, "agent_server,debug")
    given = ["--systems", "agent_server,debug"] if source == "--systems" else []

    assert main(["validate", "--prometheus", "http://127.0.0.1:1", *given]) == 1

    assert capsys.readouterr().err.startswith(f"{source}:1: 'debug' is no system; ")
