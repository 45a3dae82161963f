"""The documentation as a site: it builds strictly, its links hold, it asks no other host, and a runbook is found by its alert."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import ExitStack
from html.parser import HTMLParser
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from testbed import browser
from testbed.servers import Child, free_port, missing, wait_until
from testbed.servers.loopback import ask, text_of
from testbed.stack import binaries
from testbed.stack.monitoring import Monitoring

from .conftest import ROOT
from .test_format_docs import OWN
from .test_own_system import CATALOGUE

pytestmark = pytest.mark.long


class Page(HTMLParser):
    """What a page loads and links to, and the anchors that it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.anchors |= {found[key] for key in ("id", "name") if key in found}
        if tag in ("script", "img", "iframe", "source") and "src" in found:
            self.loads.append(found["src"])
        elif tag == "link" and found.get("rel") not in ("canonical", "next", "prev"):
            self.loads.append(found.get("href", ""))
        elif tag == "a" and "href" in found:
            self.links.append(found["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "tools/site.py", str(folder)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": "."}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html") if path.name != "404.html"}


def test_every_page_of_the_documentation_is_there(site: Path, pages: dict[Path, Page]) -> None:
    written = {path.relative_to(ROOT).with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")}

    assert {path.relative_to(site) for path in pages} >= written
    assert len(written) > 150


def test_nothing_is_loaded_from_elsewhere(site: Path, pages: dict[Path, Page]) -> None:
    loads = {(path.name, load) for path, page in pages.items() for load in page.loads if urlsplit(load).netloc}
    styles = [
        path.name
        for path in site.rglob("*.css")
        if re.search(r"url\(['\"]?(https?:)?//", path.read_text(encoding="utf-8"))
    ]

    assert loads == set()
    assert styles == []


def test_every_link_leads_to_a_page_and_to_a_place_on_it(site: Path, pages: dict[Path, Page]) -> None:
    lost = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.exists() or (
                parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors | {"__skip"}
            ):
                lost.append(f"{path.relative_to(site)}: {link}")

    assert lost == []


def test_an_alert_is_found_by_the_search(site: Path) -> None:
    found = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))["docs"]

    assert [
        one["location"] for one in found if one["title"] == "AgentServerQueueStalled" and "#" not in one["location"]
    ] == ["docs/runbooks/AgentServerQueueStalled.html"]


def test_a_link_into_the_code_becomes_its_text(site: Path) -> None:
    text = (site / "index.html").read_text(encoding="utf-8")

    assert "<code>generator/</code> is the code" in text


def test_pages_of_an_installation_are_a_site(tmp_path: Path) -> None:
    """As their page says it: generated for a changed configuration with a system of its own, built strictly."""
    (tmp_path / "shop.yaml").write_text(CATALOGUE, encoding="utf-8")
    (tmp_path / "bundle.yaml").write_text(OWN, encoding="utf-8")
    page = (ROOT / "docs" / "formats" / "docs.md").read_text(encoding="utf-8")
    commands = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    done = subprocess.run(
        ["bash", "-ec", "\n".join(commands)],
        cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")
    made = tmp_path / "my-bundle" / "site"
    text = (made / "runbooks" / "ShopTargetDown.html").read_text(encoding="utf-8")
    assert "<h1" in text
    assert len(list((made / "runbooks").glob("*.html"))) > 100
    assert 'id="acme_http_requests_total"' in (made / "metrics" / "agent_server.html").read_text(encoding="utf-8")


@pytest.mark.real
def test_a_browser_follows_an_alert_to_its_runbook_and_finds_it_by_the_search(site: Path) -> None:
    """Alerts of a real Alertmanager, from real rules, lead to the site that is served as the stack in Docker serves it.

    Nothing that a page asks for fails, and nothing is asked of another host.
    """
    programs, program = binaries(), browser.found()
    if isinstance(programs, str):
        missing(programs)
    if not program:
        missing("no Chromium on this machine (Debian: apt-get install chromium)")
    port = free_port()
    config = {"docs_url": f"http://127.0.0.1:{port}/docs", "alerts": {"grafana_url": "http://127.0.0.1:3000"}}
    command = (
        (ROOT / "Dockerfile").read_text(encoding="utf-8").partition('CMD ["python", "-ISBm", ')[2].partition("]")[0]
    )
    served = json.loads(f"[{command}]".replace("8000", str(port)).replace("/opt/site", str(site)))
    with ExitStack() as stack:
        log = Path(stack.enter_context(TemporaryDirectory()))
        server = Child([sys.executable, "-ISBm", *served, "--bind", "127.0.0.1"], log=log / "log", folder=log)
        stack.callback(server.kill)
        monitoring = stack.enter_context(Monitoring(programs, config, scale=20, webhook="http://127.0.0.1:9/"))
        tab = stack.enter_context(browser.Browser(program))
        alerts: list[dict[str, Any]] = []

        def firing() -> bool:
            alerts[:] = json.loads(text_of(*ask(monitoring.alertmanager.port, "GET", "/api/v2/alerts")))
            return bool(alerts)

        wait_until(firing, what="an alert", limit_seconds=90)
        alert = alerts[0]
        name = alert["labels"]["alertname"]
        assert alert["annotations"]["dashboard"].startswith("http://127.0.0.1:3000/d/")
        tab.open(alert["annotations"]["runbook_url"])
        assert tab.run("document.querySelector('h1').innerText").startswith(name)

        tab.open(f"http://127.0.0.1:{port}/index.html")
        tab.run("document.querySelector('input.md-search__input').focus()")
        tab.write("AgentServerQueueStalled")
        tab.until("document.querySelector('a[href*=\"runbooks/AgentServerQueueStalled.html\"]') !== null")
        tab.run("document.querySelector('a[href*=\"runbooks/AgentServerQueueStalled.html\"]').click()")
        tab.until(
            "location.pathname === '/docs/runbooks/AgentServerQueueStalled.html' && document.readyState === 'complete'"
        )

        assert {urlsplit(address).netloc for address in tab.requests if urlsplit(address).scheme == "http"} == {
            f"127.0.0.1:{port}"
        }
        assert tab.failed == []


@pytest.mark.matrix
def test_the_site_of_the_stack_has_its_runbooks(tmp_path: Path) -> None:
    """As the image of the stack in Docker builds it, strictly: pages of that installation in place of those of the defaults."""
    done = subprocess.run(
        [sys.executable, "tools/site.py", str(tmp_path), "--config", "docker/bundle.yaml"],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": "."}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")
    assert "http://127.0.0.1:3000/d/agent-server-queue" in (
        tmp_path / "docs/runbooks/AgentServerQueueStalled.html"
    ).read_text(encoding="utf-8")
