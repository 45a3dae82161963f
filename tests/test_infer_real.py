"""The round trip: a page becomes a draft, the draft a bundle, and a real Prometheus that scrapes the page finds nothing wrong."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from generator import config
from generator.bundle import Bundle, build
from generator.catalogue import load
from generator.config.site import Site
from generator.infer import draft, read, text
from generator.lint import run as lint
from generator.systems import SHIPPED
from generator.validate import Options, Verdict, prepared, run
from generator.validate.verdict import State
from testbed.servers import Webhook, missing, wait_until
from testbed.servers.fake import FakeServer
from testbed.stack.monitoring import Monitoring, binaries
from tests import langsmith
from tests.validating import settled

from .conftest import ROOT

pytestmark = pytest.mark.real

#: The pages of our own systems, and of software that was never seen before: files in these folders are all that a page needs.
SAVED = {path.name.removesuffix(".prom.gz"): path for path in sorted((ROOT / "tests/data/pages").rglob("*.prom.gz"))}

#: Rules and scrapes pass twenty times as fast.
SCALE = 20.0


def named(page: str) -> str:
    """Return what a page's system is called; those of our own would be taken for theirs."""
    return "seen_" + "".join(c if c.isalnum() else "_" for c in page.replace("exporter", "x"))[:19].strip("_")


def title(page: str) -> str:
    """Return how boards call a page's system."""
    return named(page).replace("_", " ").capitalize()


def form(page: bytes) -> str:
    """Return the content type that the server of a page gives it."""
    open_metrics = page.rstrip().endswith(b"# EOF")
    return "application/openmetrics-text; version=1.0.0; charset=utf-8" if open_metrics else "text/plain; version=0.0.4"


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    """Every page by its name; LangSmith's is that of a simulated backend."""
    found = {name: gzip.decompress(path.read_bytes()).decode() for name, path in SAVED.items()}
    with langsmith.serving(role="backend", time_scale=60) as (url, _):
        return found | {"langsmith": langsmith.text(url)}


@pytest.fixture(scope="module")
def judged(
    pages: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Bundle, list[Verdict], Path]]:
    """The bundle of all drafts, what `validate` says of it, and the folder of its files."""
    programs = binaries()
    if isinstance(programs, str):
        missing(programs)
    folder = tmp_path_factory.mktemp("drafts")
    with ExitStack() as stack:
        answers = {f"/{named(page)}": body.encode() for page, body in pages.items()}
        server = stack.enter_context(
            FakeServer(lambda asked: (200, {"Content-Type": form(answers[asked.path])}, answers[asked.path]))
        )
        address = server.address
        systems: dict[str, Any] = {name: {"enabled": False} for name in SHIPPED}
        for page, body in pages.items():
            name = named(page)
            made = text(draft(read(page, body), system=name))
            port = f"port: {address.rpartition(':')[2]}"
            (folder / f"{name}.yaml").write_text(
                made.replace("port: 9100", f"{port}\n  path: /{name}"), encoding="utf-8"
            )
            static = [{"deployment": "seen", "targets": [address]}]
            systems[name] = {"catalogue": str(folder / f"{name}.yaml"), "scrape": {"static": static}}
        webhook = stack.enter_context(Webhook())
        monitoring = stack.enter_context(Monitoring(programs, {"systems": systems}, scale=SCALE, webhook=webhook.url))
        catalogue = load()
        bundle = build(Site(catalogue, config.read(catalogue, monitoring.config)))
        prometheus = monitoring.prometheus
        wait_until(
            lambda: (
                len(prometheus.query('count by (system) (up{system!=""} == 1)')) == len(pages)
                and len(prometheus.query('count by (__name__) ({__name__=~"agentobs_.*_targets:count"})')) == len(pages)
            ),
            what="every page and its record",
            limit_seconds=120,
        )
        options = Options(
            prometheus=prometheus.url, alertmanager=f"http://{monitoring.alertmanager.address}", scale=SCALE
        )
        with prepared(replace(bundle, time_scale=SCALE), options, lambda _: None) as context:
            yield bundle, list(run(settled(context))), monitoring.folder / "out"


def test_validate_finds_nothing_wrong(judged: tuple[Bundle, list[Verdict], Path]) -> None:
    """Every panel has its data or a reason, every rule is loaded and evaluated, every target is up."""
    _, verdicts, _ = judged

    wrong = [f"{v.category}: {v.item}: {v.why}" for v in verdicts if v.state in (State.WRONG, State.WARNING)]
    assert wrong == []
    assert {v.category for v in verdicts} >= {"targets", "panels", "rules", "metrics"}


@pytest.mark.parametrize("page", [*SAVED, "langsmith"])
def test_its_boards_have_data(judged: tuple[Bundle, list[Verdict], Path], page: str) -> None:
    """Every panel of its metrics shows something, but quantiles and means of a page that stands still, and what it calls NaN."""
    _, verdicts, _ = judged
    own = [v for v in verdicts if v.category == "panels" and v.item.startswith(f"{title(page)} / All metrics")]

    assert own
    assert [v for v in own if v.state is State.OK]
    still = ("nothing was observed", "nothing happened", "the page itself gives NaN")
    assert [(v.item, v.why) for v in own if v.state is not State.OK and not v.why.startswith(still)] == []


def test_lint_finds_nothing(judged: tuple[Bundle, list[Verdict], Path], tmp_path: Path) -> None:
    """What is made of the drafts keeps every check, on life's own clock."""
    from generator.outputs import FORMATS

    bundle, _, _ = judged
    for path, content in FORMATS["files"].render(bundle).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(content, encoding="utf-8")

    assert [str(finding) for finding in lint(bundle.site, tmp_path)] == []
