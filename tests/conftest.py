"""What tests share: the real catalogue, and sites by configuration."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from generator import config
from generator.catalogue import Catalogue, load
from generator.config.site import Site
from testbed.servers import missing, pins
from testbed.servers.cache import cache_root
from testbed.stack import binaries
from tests.validating import Installation, Shared

ROOT = Path(__file__).parent.parent

#: Both eras of the Agent Server in the field at once.
MIXED = "systems: {agent_server: {versions: mixed}}\n"

#: Modules that take half a minute or more, begun first, so that no process is left alone with one of them at the end. What
#: plays against the clock stands beside what only waits for Docker's end, or only computes: two plays at once slow each
#: other down.
LONG = (
    "test_compose",
    "test_fidelity",
    "test_real_prometheus",
    "test_live",
    "test_agent_server_harness",
    "test_stack",
    "test_survival",
    "test_real_pages",
    "test_validate_real",
    "test_reference_load",
    "test_matrix",
    "test_replicas",
    "test_infer_real",
    "test_kubernetes",
    "test_validate_fuzzed",
    "test_servers",
)


#: Modules whose tests look at one live installation.
LIVE = (
    "test_validate_real",
    "test_validate_alertmanager",
    "test_validate_cli",
    "test_validate_grafana",
    "test_validate_systems",
    "test_tasks",
)

#: Modules that read the page of one driven Agent Server of each era.
AGENT_SERVERS = ("test_agent_server_harness", "test_truth")

SHARED = Shared()


def pytest_configure() -> None:
    """Hear SIGINT where a shell started the tests in its background, and SIGHUP under `nohup`: their processes ignore it, too."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put long modules first, in their order, and those of `LIVE` together; all others stay where they are."""
    order = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: order.get(_together(item.path.stem), len(LONG)))


def _together(module: str) -> str:
    """Return what stands for a module where work is shared out: the first of those that share servers."""
    return next((group[0] for group in (LIVE, AGENT_SERVERS) if module in group), module)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return one process more than there are cores where real servers run: half of the time those are waited for."""
    return (os.cpu_count() or 1) + ("not real" not in (config.option.markexpr or ""))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Give each process one module after the other, and modules that share servers to one process."""
    from xdist.scheduler.loadscope import LoadScopeScheduling  # type: ignore[import-untyped]

    class Modules(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
        def _split_scope(self, nodeid: str) -> str:
            return _together(Path(nodeid.partition("::")[0]).stem)

    return Modules(config, log)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Close the live installation behind the last module that uses it."""
    if item.path.stem in LIVE and (nextitem is None or nextitem.path.stem not in LIVE):
        SHARED.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say when the newest servers are not those that are named."""
    for line in pins.outdated(cache_root() / "servers"):
        terminalreporter.write_line(line, yellow=True)


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """The catalogue that the package ships."""
    return load()


@pytest.fixture(scope="session")
def site(catalogue: Catalogue) -> Site:
    """An installation without a configuration file."""
    return Site(catalogue, config.read(catalogue))


@pytest.fixture(scope="session")
def demo(catalogue: Catalogue) -> Site:
    """The installation of docker-compose.yml."""
    return Site(catalogue, config.read(catalogue, ROOT / "docker" / "bundle.yaml"))


@pytest.fixture
def configured(catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Site]:
    """An installation with the given text as its bundle.yaml."""

    def make(text: str) -> Site:
        monkeypatch.chdir(tmp_path)
        path = tmp_path / "bundle.yaml"
        path.write_text(text, encoding="utf-8")
        return Site(catalogue, config.read(catalogue, path))

    return make


@pytest.fixture(scope="session")
def programs() -> tuple[Path, Path]:
    """The newest Prometheus and Alertmanager."""
    found = binaries()
    if isinstance(found, str):
        missing(found)
    return found


@pytest.fixture
def live() -> Installation:
    """A live installation that is well, for the tests of `agentobs validate`; no test changes it.

    One for all modules of `LIVE`, which one process runs one after the other; behind the last of them it is closed: what ran
    on beside all that comes after would slow that down.
    """
    return SHARED.get()
