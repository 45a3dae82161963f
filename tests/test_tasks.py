"""The pages of docs/tasks, followed as a newcomer would: their commands run, in order, in an empty folder.

What stands in a block `sh` is run, its addresses being those of a live installation. What stands in a block `bash` needs a
program or an account that is not here: of that, the files that it names have to be there.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from generator.cli.main import main
from testbed.servers.fake import FakeServer, always
from tests.validating import Installation

from .conftest import ROOT

pytestmark = pytest.mark.real

PAGES = sorted((ROOT / "docs" / "tasks").glob("*.md"))

#: Pages whose commands are mostly those of others: `make matrix` follows them.
REPEATED = ("blank", "kubernetes", "other_engines", "upgrade")

#: A page of a program that nobody knows.
SHOP = b"# TYPE shop_orders_total counter\nshop_orders_total 3\n# TYPE shop_waiting gauge\nshop_waiting 1\n"

#: Commands whose exit code 1 is what they found; 2 is a mistake of the page.
VERDICT = """\
agentobs() {
  command agentobs "$@" && return 0
  code=$?
  case $1 in validate|diff|doctor|upgrade|backtest) [ $code = 1 ] && return 0 ;; esac
  echo "agentobs $*: exit code $code" >&2
  exit $code
}
"""

_BLOCK = re.compile(r"^( *)```(sh|bash)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[tuple[str, str]]:
    """The kind and the commands of each block of a page, in order, without the indentation of a list."""
    found = _BLOCK.findall(page.read_text(encoding="utf-8"))
    return [(kind, re.sub(rf"^{indent}", "", text, flags=re.MULTILINE)) for indent, kind, text in found]


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, id=page.stem, marks=[pytest.mark.matrix] * (page.stem in REPEATED)) for page in PAGES],
)
def test_commands_of_a_page_do_what_it_says(page: Path, live: Installation, tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with FakeServer(always(200, {"Content-Type": "text/plain; version=0.0.4"}, SHOP)) as shop:
        places = {
            "http://127.0.0.1:9090": live.monitoring.prometheus.url,
            "http://127.0.0.1:9093": live.monitoring.alertmanager.url,
            "http://127.0.0.1:8123": live.api.url,
            "http://127.0.0.1:9100": f"http://{shop.address}",
        }
        for kind, text in blocks(page):
            if kind == "bash":
                named = re.findall(r"my-bundle/[\w./*-]+", text)
                assert [name for name in named if not list(tmp_path.glob(name))] == []
                continue
            for place, here in places.items():
                text = text.replace(place, here)  # noqa: PLW2901 - the same text at another address
            done = subprocess.run(
                ["bash", "-euc", VERDICT + text],
                cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False, timeout=120,
            )  # fmt: skip
            assert done.returncode == 0, f"{text}\n{done.stdout[-1500:]}{done.stderr[-1500:]}"
            assert "Traceback" not in done.stderr
            assert done.stdout.strip()


def test_every_command_of_these_pages_is_one_that_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    """Also of those that are not run: the options are ours."""
    scripts = "".join(text for page in PAGES for _, text in blocks(page))
    commands = re.findall(r"^agentobs (\w+)((?: .*(?:\\\n.*)*)?)$", scripts, re.MULTILINE)
    used: dict[str, set[str]] = {}
    for name, words in commands:
        used.setdefault(name, set()).update(re.findall(r"(?<!\S)(--[a-z-]+)", words.partition("|")[0]))

    assert len(commands) > 25
    for name, options in used.items():
        with pytest.raises(SystemExit):
            main([name, "--help"])
        assert options - set(re.findall(r"--[a-z-]+", re.sub(r"-\n\s+", "-", capsys.readouterr().out))) == set(), name
