"""Runbooks: each page has the parts one needs at night, names what exists, and is about its own alert."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest

from generator.catalogue import load as load_catalogue
from generator.systems.any_system.alerts import RUNBOOK

from .conftest import ROOT

FOLDER = ROOT / "docs" / "runbooks"
#: Pages of the alerts, and those that serve every system of an operator's own.
PAGES = sorted(FOLDER.glob("*.md"))
NAMES = {page.stem for page in PAGES}

#: The parts of a page, in the order in which they are read.
HEADINGS = [
    "What it means",
    "What a user notices",
    "First five minutes",
    "How to tell it from its neighbours",
    "How it clears",
    "What to tune",
]

#: A paragraph above this many characters that two pages share is boilerplate.
LONGEST_SHARED = 160

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def written(page: Path) -> str:
    """Return what people wrote on a page: all that follows the generated facts."""
    return page.read_text(encoding="utf-8").split("<!-- /facts -->\n", 1)[1]


def parts(page: Path) -> list[tuple[str, str]]:
    """Return the headings of a page and the text below each, in order."""
    _, *rest = re.split(r"^##? (.*)$", _without_code(written(page)), flags=re.MULTILINE)
    return list(zip(rest[::2], rest[1::2], strict=True))


def part(page: Path, heading: str) -> str:
    """Return the text of one part of a page."""
    return dict(parts(page))[heading]


def paragraphs(text: str) -> list[str]:
    """Return the paragraphs and list items of a text, each on one line."""
    blocks = re.split(r"\n\s*\n|^\s*(?:\d+\.|-) ", text, flags=re.MULTILINE)
    return [" ".join(block.split()) for block in blocks if block.strip()]


def thresholds(text: str) -> set[str]:
    """Return the names in backticks that follow the word threshold, and those set in a `thresholds:` mapping."""
    named = re.findall(r"[Tt]hresholds?:?((?:(?:,| and| or)? ?`\w+`(?: \([^)]*\))?)+)", text)
    mapped = re.findall(r"thresholds: \{?(\w+)", text)
    return {name for names in named for name in re.findall(r"`(\w+)`", names)} | set(mapped)


def panels(board: Path) -> set[str]:
    """Return the titles of a board's panels."""
    return set(re.findall(r'"title": "([^"]+)"', board.read_text(encoding="utf-8")))


def _without_code(text: str) -> str:
    return re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL)


def test_there_are_pages() -> None:
    """The other tests are about something."""
    assert len(PAGES) > 60


@every_page
def test_a_page_is_titled_by_its_alert(page: Path) -> None:
    """The first line names the alert, as the file does."""
    assert page.read_text(encoding="utf-8").splitlines()[0] == f"# {page.stem}"


@every_page
def test_a_page_has_every_part_in_order(page: Path) -> None:
    """Anyone who is paged finds the same six parts on each page."""
    assert [heading for heading, _ in parts(page)] == HEADINGS


@every_page
def test_no_part_is_empty(page: Path) -> None:
    """A heading promises a text."""
    assert [heading for heading, text in parts(page) if not paragraphs(text)] == []


@every_page
def test_first_minutes_are_numbered(page: Path) -> None:
    """The steps come in an order, from one on without a hole."""
    numbers = [int(n) for n in re.findall(r"^(\d+)\. ", part(page, "First five minutes"), flags=re.MULTILINE)]

    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 3


@every_page
def test_neighbours_are_other_alerts(page: Path) -> None:
    """The part on neighbours leads to at least one other page, and never to itself."""
    linked = set(re.findall(r"\]\((\w+)\.md\)", part(page, "How to tell it from its neighbours")))

    assert linked
    assert page.stem not in linked


@every_page
def test_links_between_pages_name_their_page(page: Path) -> None:
    """A link shows the name of the alert that it leads to, and that page exists."""
    links = re.findall(r"\[(\w+)\]\((\w+)\.md\)", written(page))

    assert [(text, name) for text, name in links if text != name or name not in NAMES] == []


@every_page
def test_alerts_named_in_the_text_exist(page: Path) -> None:
    """An alert's name anywhere on a page, in an example for bundle.yaml too, is one of ours."""
    named = set(re.findall(r"\b(?:AgentServer|LangSight|Agentgateway|LangSmith|Observability)[A-Z]\w+", written(page)))

    assert named - NAMES == set()


@every_page
def test_board_links_exist(page: Path) -> None:
    """Every board that a page leads to is on disk, and is shown by its own title."""
    links = re.findall(r"\]\((\.\./\.\./dashboards/[^)]+)\)", page.read_text(encoding="utf-8"))

    assert links or page.stem.startswith(RUNBOOK)  # whose boards are as many as systems
    assert [link for link in links if not (FOLDER / link).is_file()] == []


@every_page
def test_panels_that_a_page_quotes_exist(page: Path) -> None:
    """A title in quotes is that of a panel, on a board that the page leads to."""
    text = page.read_text(encoding="utf-8")
    boards = set(re.findall(r"\]\(\.\./\.\./dashboards/(\w+\.json)\)", text))
    titles = {title for board in boards for title in panels(ROOT / "dashboards" / board)}
    quoted = re.findall(r'"([A-Z][^"]+)"', re.sub(r"`[^`]*`", "", _without_code(written(page))))

    assert set(quoted) - titles == set()


@every_page
def test_thresholds_exist(page: Path) -> None:
    """A threshold that a page says to set is one that bundle.yaml takes."""
    assert thresholds(written(page)) - set(load_catalogue().limits) == set()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Threshold `a_b` in seconds.", {"a_b"}),
        ("Thresholds `a_b` (milliseconds) and `c_d`; `other` is no threshold.", {"a_b", "c_d"}),
        ("`thresholds: {e_f: 3}` in bundle.yaml", {"e_f"}),
        ("thresholds: `g_h`", {"g_h"}),
    ],
)
def test_thresholds_are_found(text: str, names: set[str]) -> None:
    """The reader above reads what pages write."""
    assert thresholds(text) == names


def test_no_paragraph_is_on_two_pages() -> None:
    """A text that fits two alerts helps with neither."""
    seen: defaultdict[str, set[str]] = defaultdict(set)
    for page in PAGES:
        for paragraph in paragraphs(written(page)):
            if len(paragraph) > LONGEST_SHARED:
                seen[paragraph].add(page.stem)

    assert {text: pages for text, pages in seen.items() if len(pages) > 1} == {}
