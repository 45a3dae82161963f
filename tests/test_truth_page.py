"""`make truth`: a page of a real server against the catalogue, with the lines that it lacks."""

from __future__ import annotations

import gzip
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from .conftest import ROOT

PAGES = ROOT / "tests" / "data" / "pages"

GATEWAY = gzip.decompress((PAGES / "agentgateway_1.4.1.prom.gz").read_bytes()).decode()


@pytest.fixture(scope="module")
def tool() -> dict[str, Any]:
    """The tool's names."""
    return runpy.run_path(str(ROOT / "tools" / "truth.py"))


@pytest.mark.parametrize("path", sorted(PAGES.glob("*.prom.gz")), ids=lambda path: path.name)
def test_the_saved_pages_are_in_the_catalogue(
    tool: dict[str, Any], path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every name, type, label, closed value and edge, and since when."""
    system, version = path.name.removesuffix(".prom.gz").rsplit("_", 1)

    assert tool["main"]([str(path), system, version]) == 0
    assert capsys.readouterr().out.endswith(", 0 differences\n")


def sharp(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t + '# TYPE agentgateway_news gauge\n# HELP agentgateway_news New.\nagentgateway_news{who="me"} 1\n', "agentgateway_news is in no entry"),
        (lambda t: sharp(t, 'reason="Upstream"', 'reason="Weather"'), 'values_since: {Weather: "1.4.1"}'),
        (lambda t: sharp(t, "agentgateway_build_info{", 'agentgateway_build_info{moon="full",'), "has the label moon"),
        (lambda t: sharp(t, "# TYPE agentgateway_tokio_num_workers gauge", "# TYPE agentgateway_tokio_num_workers untyped"), "is of the type untyped; type: untyped"),
        (lambda t: sharp(t, 'le="0.00025"', 'le="0.0003"'), "has other edges; buckets: [5e-05, 0.0001, 0.0003,"),
    ],
    ids=["family", "value", "label", "type", "edges"],
)  # fmt: skip
def test_what_differs_is_told_with_what_to_write(
    tool: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], change: Callable[[str], str], message: str
) -> None:
    """And ends with 1."""
    page = tmp_path / "page"
    page.write_text(change(GATEWAY), encoding="utf-8")

    assert tool["main"]([str(page), "agentgateway", "1.4.1"]) == 1
    assert message in capsys.readouterr().out


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("0.10.1", "protocol of agentgateway_requests_total is on a page of 0.10.1"),
        ("0.11.0", "reason of agentgateway_requests_total is Guardrail, MCP on a page of 0.11.0"),
        ("1.2.0", "action of agentgateway_guardrail_checks_total is FailOpen on a page of 1.2.0"),
        ("1.2.0", "agentgateway_config_synchronized is on a page of 1.2.0"),
    ],
)
def test_what_came_later_is_told_of_an_earlier_version(
    tool: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], version: str, message: str
) -> None:
    """Families, labels and values."""
    page = tmp_path / "page"
    page.write_text(GATEWAY, encoding="utf-8")

    assert tool["main"]([str(page), "agentgateway", version]) == 1
    assert message in capsys.readouterr().out


def test_an_entry_to_add_is_yaml(tool: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It can be pasted below `metrics:`."""
    page = tmp_path / "page"
    page.write_text(
        '# TYPE agentgateway_news histogram\nagentgateway_news_bucket{who="me",le="1"} 1\nagentgateway_news_bucket{who="me",le="+Inf"} 1\n'
        'agentgateway_news_sum{who="me"} 1\nagentgateway_news_count{who="me"} 1\n',
        encoding="utf-8",
    )  # fmt: skip
    tool["main"]([str(page), "agentgateway", "1.4.1"])
    text = capsys.readouterr().out.partition(":\n")[2].partition("generator/")[0]

    (entry,) = yaml.safe_load(text)
    assert (entry["name"], entry["type"], entry["buckets"], list(entry["labels"])) == (
        "news",
        "histogram",
        [1],
        ["who"],
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["/nowhere", "agentgateway", "1.4.1"], "cannot be read"), ([str(ROOT / "LICENSE"), "agentgateway", "1.4.1"], "has no sample"), ([str(ROOT), "agentgateway", "newest"], "'newest' is no version")],
)  # fmt: skip
def test_what_is_no_page_is_told(
    tool: dict[str, Any], capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    """One line, no traceback."""
    with pytest.raises(SystemExit):
        tool["main"](arguments)
    assert message in capsys.readouterr().err
