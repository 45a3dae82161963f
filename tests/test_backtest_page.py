"""The page of a backtest in a real browser: all of it is seen, in light and dark, by pointer and by keyboard, and nothing is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from generator.backtest import Asked, Report, page
from generator.backtest.incidents import Incident, Outcome
from generator.backtest.plan import Cost
from generator.backtest.rules import Alert
from generator.backtest.trial import Interval, Trial
from testbed import browser
from testbed.servers import missing

pytestmark = pytest.mark.real

DAY = 86_400.0
START = 20_000 * DAY

#: The width at which boards are read too.
WIDTH = 1_400

#: The longest name of an alert, about.
LONG = "AgentServerRunsFailedAfterRetryTimeoutsHigh"


def alert(name: str, severity: str) -> Alert:
    return Alert(name, "x > 1", 300.0, 0.0, 30.0, {"severity": severity}, "group", "stem")


def interval(day: float, seconds: float, *, firing: bool = True, deployment: str = "shop") -> Interval:
    labels = (("deployment", deployment), ("severity", "critical"))
    return Interval(labels, firing, START + day * DAY, START + day * DAY + seconds, before=False, after=False)


REPORT = Report(
    "http://prometheus:9090", Asked(START, START + 30 * DAY), Cost(10, 1000), (),
    (
        Trial(alert("QueueStalled", "critical"), "fired", "", (interval(2, 300, firing=False), interval(2.5, 60), interval(20, 3 * DAY)), 0.98),
        Trial(alert(LONG, "warning"), "fired", "", tuple(interval(n, 7200, deployment=f"<b>{n}") for n in range(30)), 0.98),
        Trial(alert("PoolNearlyFull", "info"), "pending", "", (interval(9, 120, firing=False),), 0.98),
        Trial(alert("Calm", "warning"), "quiet", covered=0.5),
        Trial(alert("Blind", "warning"), "no data", "never there in this time: lg_api_num_pending_runs"),
        Trial(alert("Broken", "warning"), "failed", "one evaluation is too large for the server: <script>alert(1)</script>"),
    ),
    (Outcome(Incident("database away", START + 5 * DAY, START + 6 * DAY), "missed", None, ()),),
    away=((START + 13 * DAY, START + 13 * DAY + 3600),), queries=12, samples=900,
)  # fmt: skip

#: Pairs of texts of one line that stand in each other's place; texts beyond the edge; text that a column cuts.
UNREADABLE = """(() => {
  const texts = [...document.querySelectorAll('h1, h2, p, .lane > span, .axis span, td, th')].filter(e => e.checkVisibility() && e.textContent.trim());
  const box = e => { const r = document.createRange(); r.selectNodeContents(e); return r.getBoundingClientRect(); };
  const wrong = texts.filter(e => box(e).right > innerWidth || e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== 'inline').map(e => 'cut: ' + e.textContent);
  const leaves = texts.filter(e => !texts.some(o => o !== e && e.contains(o)));
  leaves.forEach((a, n) => leaves.slice(n + 1).forEach(b => {
    const p = box(a), q = box(b);
    if (Math.min(p.right, q.right) - Math.max(p.left, q.left) > 1 && Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top) > 1)
      wrong.push('one over another: ' + a.textContent + ' | ' + b.textContent);
  }));
  return wrong;
})()"""

#: The least contrast of a text with what is behind it: 4.5 is readable, https://www.w3.org/TR/WCAG21/#contrast-minimum
CONTRAST = """(() => {
  const rgb = c => c.match(/[\\d.]+/g).map(Number);
  const light = c => { const [r, g, b] = rgb(c).map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
  const behind = e => { const c = getComputedStyle(e).backgroundColor; return rgb(c)[3] === 0 ? behind(e.parentElement) : c; };
  return Math.min(...[...document.querySelectorAll('h1, p, .lane > span, .lane > span > span, .key span')].filter(e => e.textContent.trim()).map(e => {
    const [a, b] = [light(getComputedStyle(e).color), light(behind(e))];
    return (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
  }));
})()"""

#: What a pointer finds in the middle of each bar of an alert: what it would be told.
HOVERED = """[...document.querySelectorAll('[data-alert=QueueStalled] rect:not(.away):not(.incident)')].map(bar => {
  const box = bar.getBoundingClientRect();
  const seen = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
  return [box.width >= 1, seen.querySelector('title').textContent];
})"""


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Browser]:
    """A browser that shows the page."""
    program = browser.found()
    if not program:
        missing("no Chromium on this machine (Debian: apt-get install chromium)")
    path: Path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(page(REPORT), encoding="utf-8")
    with browser.Browser(program) as one:
        one.show(WIDTH, 900, "light")
        one.open(path.as_uri())
        yield one


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_is_readable_in_either_scheme(tab: browser.Browser, scheme: str) -> None:
    """Nothing is cut, nothing covers anything, and every text stands out; dark is dark."""
    tab.show(WIDTH, 900, scheme)

    assert tab.run("document.documentElement.scrollWidth <= innerWidth") is True
    assert tab.run(UNREADABLE) == []
    assert tab.run(CONTRAST) >= 4.5
    assert (tab.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)") is (scheme == "light")


def test_there_is_a_lane_for_each_alert(tab: browser.Browser) -> None:
    """What fired has bars, the shortest too; of what nothing is known the reason stands where bars would be."""
    lanes = tab.run("[...document.querySelectorAll('[data-alert]')].map(e => [e.dataset.alert, e.querySelectorAll('rect:not(.away):not(.incident)').length])")  # fmt: skip

    assert lanes == [[LONG, 30], ["QueueStalled", 3], ["PoolNearlyFull", 1], ["Calm", 0], ["Blind", 0], ["Broken", 0]]
    reason = "document.querySelector('[data-alert=Broken] > :nth-child(3)').textContent"
    assert tab.run(reason) == "one evaluation is too large for the server: <script>alert(1)</script>"


def test_a_bar_says_when_for_how_long_and_for_whom(tab: browser.Browser) -> None:
    """To the pointer."""
    assert tab.run(HOVERED) == [
        [True, "pending from 2024-10-06 00:00:00Z, until 2024-10-06 00:05:00Z, 5m: deployment=shop"],
        [True, "critical from 2024-10-06 12:00:00Z, until 2024-10-06 12:01:00Z, 1m: deployment=shop"],
        [True, "critical from 2024-10-24 00:00:00Z, until 2024-10-27 00:00:00Z, 3d: deployment=shop"],
    ]


def test_a_lane_is_opened_with_the_keyboard(tab: browser.Browser) -> None:
    """Tab goes from lane to lane, Enter opens one, and its table says the same as the bars."""
    tab.press("Tab")
    tab.press("Tab")
    tab.press("Enter")
    tab.until("document.querySelectorAll('details[open]').length === 1")

    rows = tab.run("[...document.querySelectorAll('[open] td')].map(e => e.textContent)")
    assert rows[:5] == ["2024-10-06 00:00:00Z", "2024-10-06 00:05:00Z", "5m", "pending", "deployment=shop"]
    assert rows[10:] == ["2024-10-24 00:00:00Z", "2024-10-27 00:00:00Z", "3d", "firing", "deployment=shop"]
    assert tab.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert tab.run(UNREADABLE) == []


def test_the_page_asks_nobody_and_has_nothing_to_complain_of(tab: browser.Browser) -> None:
    """But for itself, and in all that was done with it."""
    assert [one for one in tab.requests if not one.startswith("file:")] == []
    assert len(tab.requests) == 1
    assert (tab.failed, tab.errors) == ([], [])
