"""What is handed out: from an empty folder, with nothing but the wheel, everything works and gives the checkout's bytes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import pytest

from generator import version
from generator.bundle import build, installation
from generator.catalogue import load
from generator.outputs import FORMATS
from testbed.servers import Child, free_port, wait_until

from .conftest import ROOT

pytestmark = pytest.mark.long

PAGE = """\
# HELP shop_requests_total Requests.
# TYPE shop_requests_total counter
shop_requests_total{route="/"} 3
# HELP shop_orders_open Orders that nobody packed yet.
# TYPE shop_orders_open gauge
shop_orders_open 2
"""


@dataclass(frozen=True, slots=True)
class Installed:
    """An environment that has the wheel; what else it needs, it borrows from the one that runs the tests.

    Attributes:
        wheel: What was built.
        programs: Folder of its commands.
        folder: An empty folder to run them in.

    """

    wheel: Path
    programs: Path
    folder: Path

    def run(self, *words: str | Path, code: int = 0) -> str:
        """Output of a command that ends as told; what it complains of, where it ends otherwise than well."""
        done = subprocess.run(
            [self.programs / str(words[0]), *words[1:]],
            cwd=self.folder, env=CLEAN, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr if code else done.stdout


CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel, made of the sdist as an index would get it, in an environment of its own."""
    folder = tmp_path_factory.mktemp("release")
    made, home, empty = folder / "dist", folder / "venv", folder / "empty"
    empty.mkdir()
    quietly("-m", "build", "--quiet", "--no-isolation", "--outdir", made, ROOT)
    (wheel,) = made.glob("*.whl")
    quietly("-m", "venv", "--without-pip", home)
    quietly("-m", "pip", "--quiet", "--python", home, "install", "--no-index", "--no-deps", "--no-compile", wheel)
    (packages,) = home.glob("lib/python*/site-packages")
    # A folder named in a .pth file is searched last, and its own .pth files, where the checkout is, are not read.
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return Installed(wheel, home / "bin", empty)


def quietly(*words: str | Path) -> None:
    """Run Python with these arguments."""
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, env=CLEAN, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_commands_are_the_wheels_and_tell_the_version(installed: Installed) -> None:
    where = installed.run("python", "-c", "import generator, reference_server; print(generator.__file__)")

    assert where.startswith(str(installed.programs.parent))
    assert installed.run("agentobs", "--version") == f"agentobs {version()}\n"
    assert installed.run("agent-reference-server", "--version") == f"agent-reference-server {version()}\n"
    assert installed.wheel.name == f"agent_observability_bundle-{version()}-py3-none-any.whl"


def test_every_format_has_the_bytes_of_the_checkout(installed: Installed) -> None:
    bundle = build(installation(load()))
    wanted = {str(path): text for one in FORMATS.values() for path, text in one.render(bundle).items()}
    every = [word for name in FORMATS for word in ("--format", name)]

    installed.run("agentobs", "generate", "--out", "every", *every)
    out = installed.folder / "every"
    there = {str(path.relative_to(out)): path.read_bytes().decode() for path in out.rglob("*") if path.is_file()}

    assert sorted(there) == sorted(wanted)
    assert [path for path, text in there.items() if text != wanted[path]] == []
    assert "files are what the generator makes" in installed.run("agentobs", "check", "--out", "every", *every)
    assert "nothing found" in installed.run("agentobs", "lint", "--out", "every")


def test_schemas_drafts_and_an_own_system(installed: Installed) -> None:
    (installed.folder / "page.prom").write_text(PAGE, encoding="utf-8")
    (installed.folder / "bundle.yaml").write_text("systems: {shop: {catalogue: shop.yaml}}\n", encoding="utf-8")

    installed.run("agentobs", "infer", "page.prom", "--system", "shop", "--out", "shop.yaml")
    output = installed.run(
        "agentobs", "generate", "--config", "bundle.yaml", "--format", "files", "--format", "docs", "--out", "own"
    )

    assert "things left out" in output
    assert (installed.folder / "own/docs/metrics/shop.md").is_file()
    assert '"$schema"' in installed.run("agentobs", "schema", "catalogue")
    assert '"$schema"' in installed.run("agentobs", "schema", "bundle")
    assert installed.run("agentobs", "runbook", "ShopTargetDown", "--config", "bundle.yaml").startswith(
        "# AnySystemTargetDown\n"
    )


def test_runbooks_are_those_of_docs(installed: Installed) -> None:
    pages = sorted(path.stem for path in (ROOT / "docs/runbooks").glob("*.md"))
    with zipfile.ZipFile(installed.wheel) as wheel:
        packed = {Path(n).stem: wheel.read(n) for n in wheel.namelist() if n.startswith("generator/runbooks/pages/")}

    assert packed == {name: (ROOT / f"docs/runbooks/{name}.md").read_bytes() for name in pages}
    listed = installed.run("agentobs", "runbook", "--list").splitlines()
    assert [line.split()[0] for line in listed] == pages
    assert [line for line in listed if len(line.split()) < 3] == []
    assert installed.run("agentobs", "runbook", "AgentServerNoWorkers").startswith("# AgentServerNoWorkers\n")
    assert "did you mean 'AgentServerNoWorkers'?" in installed.run("agentobs", "runbook", "AgentServerNoWorker", code=1)


@pytest.fixture(scope="module")
def server(installed: Installed) -> Iterator[str]:
    """The wheel's reference server."""
    port = free_port()
    log = installed.folder.parent / "server.log"
    child = Child(
        [installed.programs / "agent-reference-server", "--port", str(port)],
        log=log, folder=installed.folder, env=CLEAN,
    )  # fmt: skip
    try:
        wait_until(lambda: f":{port}" in log.read_text(encoding="utf-8"), what="the reference server", limit_seconds=60)
        yield f"http://127.0.0.1:{port}"
    finally:
        child.kill()


def test_the_reference_server_starts_and_its_page_is_read(installed: Installed, server: str) -> None:
    def shown() -> bool:
        with urlopen(f"{server}/metrics") as answer:  # noqa: S310 - our own server
            return bool(re.search(r"^lg_api_num_running_runs\{.*\} \d", answer.read().decode(), re.MULTILINE))

    assert wait_until(shown, what="a metric of the Agent Server", limit_seconds=60)
    assert "lg_api_" in installed.run("agentobs", "infer", f"{server}/metrics", "--prefix", "lg_api_")


def test_validate_runs_and_says_who_does_not_answer(installed: Installed) -> None:
    address = f"http://127.0.0.1:{free_port()}"

    assert address in installed.run("agentobs", "validate", "--prometheus", address, code=1)
