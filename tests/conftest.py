"""What tests share: the real catalogue, and sites by configuration."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from generator import config
from generator.catalogue import Catalogue, load
from generator.config.site import Site
from testbed.servers import pins
from testbed.servers.cache import cache_root
from tests.validating import Installation, installed

ROOT = Path(__file__).parent.parent

#: Both eras of the Agent Server in the field at once.
MIXED = "systems: {agent_server: {versions: mixed}}\n"

#: Modules that take a minute or more, begun first, so that no process is left alone with one of them at the end. What plays
#: against the clock stands beside what only waits for Docker's end, or only computes: two plays at once slow each other down.
LONG = (
    "test_compose",
    "test_fidelity",
    "test_real_prometheus",
    "test_live",
    "test_agent_server_harness",
    "test_survival",
    "test_real_pages",
    "test_validate_real",
)


def pytest_configure() -> None:
    """Hear SIGINT where a shell started the tests in its background and so ignored it: their processes would ignore it, too."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put long modules first, in their order; all others stay where they are."""
    order = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: order.get(item.path.stem, len(LONG)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say when the newest servers are not those that are named."""
    for line in pins.moved(cache_root() / "servers"):
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


@pytest.fixture(scope="module")
def live() -> Iterator[Installation]:
    """A live installation that is well, for the tests of `agentobs validate`; no test changes it.

    One of each module: what ran on beside all that comes after would slow that down.
    """
    with installed() as made:
        yield made
