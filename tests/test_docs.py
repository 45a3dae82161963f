"""The documents are true: their generated parts are current, their example loads, their links lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from generator.config import SCHEMA
from generator.site import Site

from .conftest import ROOT

DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]


def test_generated_parts_are_current() -> None:
    """Boards, limits, checks and rules in the documents are those of the code."""
    done = subprocess.run(
        [sys.executable, "tools/docs.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": "."},
    )

    assert (done.stdout, done.returncode) == ("", 0), done.stderr


def example() -> str:
    (text,) = re.findall(
        r"```yaml\n(.*?)```", (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8"), re.DOTALL
    )
    return str(text)


def test_the_documented_defaults_are_the_defaults(configured: Callable[[str], Site], site: Site) -> None:
    """The example of the configuration page, loaded, is the same as no file at all."""
    assert replace(configured(example()).config, document=None) == replace(site.config, document=None)


def test_every_key_is_documented() -> None:
    """A key of the schema that the page does not name is one that nobody finds."""
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")

    def keys(node: dict[str, object]) -> set[str]:
        found = set()
        for name, inner in node.get("properties", {}).items():  # type: ignore[attr-defined]
            found |= {name} | keys(inner)
        return found

    assert {k for k in keys(schema) if not re.search(rf"\b{k}\b", text)} == set()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_links_lead_somewhere(path: Path) -> None:
    """Every relative link of a document is a file or a folder."""
    targets = re.findall(r"\]\((?!https?://)([^)#]+)", path.read_text(encoding="utf-8"))

    assert [t for t in targets if not (path.parent / t).exists()] == []


def test_no_document_names_a_package_host() -> None:
    """Packages are named, their hosts are the reader's own business."""
    text = "".join(p.read_text(encoding="utf-8") for p in DOCUMENTS)

    assert [h for h in ("pypi" + ".org", "npmjs" + ".", "deb." + "debian") if h in text] == []
