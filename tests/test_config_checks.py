"""Configurations that no server would load, or that would mean something else: refused at their line, with a way out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from generator.bundle import build, installation
from generator.catalogue import Catalogue
from generator.catalogue import load as load_catalogue
from generator.cli.main import main
from generator.config.checks import CHECKS
from generator.config.checks.addresses import display, url
from generator.config.reading import read
from generator.errors import ConfigError
from generator.outputs import FORMATS
from generator.source import parse
from testbed.accepting import Case, accepted, refused


def problems(catalogue: Catalogue, path: Path) -> list[str]:
    """Return everything that is said of a configuration."""
    try:
        installation(catalogue, path)
    except ConfigError as error:
        return [str(problem) for problem in error.problems]
    return []


def written(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "bundle.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("case", refused(), ids=lambda case: f"{case.kind}: {case.text.splitlines()[-1].strip()}"[:110])
def test_it_is_refused_and_everything_is_said(
    case: Case, catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each by the whole text that its author reads, and by that alone."""
    assert case.problems

    assert problems(catalogue, written(case.text, tmp_path, monkeypatch)) == list(case.problems)


@pytest.mark.parametrize("case", accepted(), ids=lambda case: case.kind)
def test_it_is_taken(case: Case, catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What looks odd and works is not refused."""
    assert problems(catalogue, written(case.text, tmp_path, monkeypatch)) == []


def test_every_check_is_shown_by_a_case(catalogue: Catalogue) -> None:
    """A check that refuses nothing of tests/data/refused.yaml would be missing in docs/refused.md, too."""
    documents = [parse("bundle.yaml", case.text, []) for case in refused() if "unknown key" not in case.kind]
    sound = [d for d in documents if isinstance(d.data, dict) and not isinstance(d.data.get("systems"), list)]

    idle = {check.__name__ for check in CHECKS}
    for document in sound:
        idle -= {check.__name__ for check in CHECKS if check.__name__ in idle and any(check(document, catalogue))}

    assert idle == set()


def test_mistakes_of_every_kind_are_told_in_one_run(
    catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that only the alerts show stand beside those of the reader, the schema and the checks."""
    text = """\
scrape: {interval: 5m, cluster: "a\\tb"}
alerts:
  disable: [AgentServerRunTimeout]
  labels: {severity: high}
selectors: {env: "~("}
slo_perod: 30d
"""

    found = problems(catalogue, written(text, tmp_path, monkeypatch))

    assert [line.split(":")[1] for line in found] == ["1", "1", "3", "4", "5", "6"]


def test_what_is_wrong_itself_makes_nothing_else_wrong(
    catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A group without its deployment is there all the same; an interval that is none is not the default one."""
    text = """\
systems: {agent_server: {scrape: {discovery: [static], static: [{targets: ["a:8000"]}]}}}
scrape: {interval: 1 minute, timeout: 45s}
evaluation: {retention: a year}
slo_period: 90d
alertmanager:
  webhook_url: 9095
  webhook_bearer_token_file: /run/token
"""

    found = problems(catalogue, written(text, tmp_path, monkeypatch))

    assert [line.partition(";")[0] for line in found] == [
        "bundle.yaml:1: 'static' lacks 'deployment'",
        "bundle.yaml:2: 'interval' is '1 minute', but must match ^[0-9]+(ms|s|m|h|d|w)$",
        "bundle.yaml:3: 'retention' is 'a year', but must match ^[0-9]+(ms|s|m|h|d|w)$",
        "bundle.yaml:6: 'webhook_url' must be a string, not 9095",
    ]


def test_an_alert_that_this_configuration_leaves_out_may_be_disabled(
    catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One file for several installations is no mistake; a name that no alert has is one, also in `enable`."""
    off = "systems: {agent_server: {enabled: false}}\nalerts:\n"

    assert problems(catalogue, written(f"{off}  disable: [AgentServerRunTimeouts]\n", tmp_path, monkeypatch)) == []
    assert problems(catalogue, written(f"{off}  enable: [AgentServerRunTimeout]\n", tmp_path, monkeypatch)) == [
        "bundle.yaml:3: no alert 'AgentServerRunTimeout'; did you mean 'AgentServerRunTimeouts'?"
    ]


def test_nothing_is_written_and_no_password_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Messages end up in the logs of a pipeline."""
    path = written(
        'alertmanager: {webhook_url: "https://bot:hush hush@pager/", targets: ["bot:hush@am:9093", "http://bot:hush@am"]}\n',
        tmp_path,
        monkeypatch,
    )

    assert main(["generate", "--config", str(path), "--out", str(tmp_path / "out")]) == 1

    assert not (tmp_path / "out").exists()
    assert "bundle.yaml:1: " in (output := capsys.readouterr().err)
    assert "hush" not in output


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("https://a.example:8443/x/y/", False),
        ("http://[::1]:9095/%20", False),
        ("HTTP://a", True),
        ("https://a:99999/", True),
        ("https://[::1/", True),
        ("https://a/%2", True),
        ("https://", True),
        ("https://a/\u00e9", True),
    ],
)
def test_a_url_is_one_that_a_client_can_ask(text: str, wrong: bool) -> None:  # noqa: FBT001 - what is expected
    """Host and port are there, and every sign is one of a URL."""
    assert bool(url(text)) is wrong


def test_a_password_is_left_out_of_what_is_shown() -> None:
    """Up to the last @ of the host: a password may have one, too."""
    assert display("https://a:b@c@host/x@y") == "'https://...@host/x@y'"


def test_a_slash_at_the_end_of_a_link_is_no_second_one(
    catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names of pages are added with one."""
    text = 'alerts: {grafana_url: "https://g/x/", runbook_base_url: "https://w//"}\n'
    config = read(catalogue, written(text.replace('//"', '/"'), tmp_path, monkeypatch))

    assert (config.grafana_url, config.runbook_base_url) == ("https://g/x", "https://w")


@pytest.mark.parametrize("value", [0, 1])
def test_no_share_that_is_taken_leaves_an_alert_that_cannot_fire(
    value: int, catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No share is above 1, and none is below 0 but that of a budget, which can be overdrawn."""
    shares = [limit.name for limit in load_catalogue().limits.values() if limit.share and limit.name != "budget_left"]
    taken = [
        n for n in shares if not problems(catalogue, written(f"thresholds: {{{n}: {value}}}\n", tmp_path, monkeypatch))
    ]
    text = f"thresholds: {{{', '.join(f'{name}: {value}' for name in taken)}}}\n"

    rules = [
        "".join(
            content
            for name, content in FORMATS["files"].render(build(site)).items()
            if name.name.endswith(".rules.yaml")
        )
        for site in (installation(catalogue, written(text, tmp_path, monkeypatch)), installation(catalogue))
    ]

    assert len(taken) >= (3 if value else 15)
    idle, usual = (len(re.findall(r" > 1$| < 0$", text, re.MULTILINE)) for text in rules)
    assert idle == usual
