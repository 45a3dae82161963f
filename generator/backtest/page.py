"""A backtest as one static page: a lane for each alert over time. Needs no network, no script and no other file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from generator.backtest.asking import Report
from generator.backtest.figures import figures, firings, lasting
from generator.backtest.incidents import Outcome
from generator.backtest.report import LIMITS, NOISE, STATES, aside, stamp
from generator.backtest.trial import Interval, Trial

#: Width of a lane in units of its drawing, and the least width of a bar: a firing of a minute in a month is seen.
WIDTH, LEAST = 2000, 3

#: Height of a lane, and of the bars within.
HEIGHT, BAR = 22, 14

#: Days between two marks of the time, the first that gives at most so many of them.
MARKS, MOST_MARKS = (1 / 24, 1 / 8, 1 / 4, 1, 2, 7, 14, 28, 91, 365), 16

#: Share of a lane from which on a mark is not written any more.
LAST = 0.96

#: Rows of the table of one alert.
MOST_ROWS = 200

#: States of which there is nothing to draw.
UNKNOWN = ("unseen", "no data", "failed")

STYLE = """
:root { color-scheme: light dark; --text: #1b1f24; --dim: #57606a; --back: #fff; --lane: #f3f5f7; --line: #dfe3e8; --hatch: #e3e7eb; }
@media (prefers-color-scheme: dark) { :root { --text: #d5dae0; --dim: #9aa3ad; --back: #15181c; --lane: #20252b; --line: #343b43;
 --hatch: #2b3138; } }
body { font: 14px/1.4 system-ui, sans-serif; margin: 2rem; color: var(--text); background: var(--back); }
h1 { font-size: 1.3rem; } h2 { font-size: 1.05rem; margin: 1.6rem 0 .3rem; } p { margin: .3rem 0; max-width: 70rem; }
.lane { display: grid; grid-template-columns: 22rem 11rem 1fr; align-items: center; border-top: 1px solid var(--line); }
.lane > * { padding: .1rem .6rem .1rem 0; } .lane > :first-child { padding-left: 1.1rem; overflow-wrap: anywhere; }
.lane > :nth-child(2) { color: var(--dim); white-space: nowrap; } .lane > :nth-child(3) { padding: 0; }
svg { width: 100%; height: 22px; display: block; background: var(--lane); } .mark { stroke: var(--line); stroke-width: 1; }
.mark, rect { vector-effect: non-scaling-stroke; } rect:hover { stroke: var(--text); stroke-width: 1; }
.critical { fill: #c4162a; } .warning { fill: #e0752d; } .info { fill: #3274d9; } .pending { fill: #d9b30c; }
.incident { fill: #8f3bb8; opacity: .35; } .away { fill: #7d8793; opacity: .6; }
.none > :nth-child(3) { padding: .1rem .6rem; color: var(--dim);
 background: repeating-linear-gradient(45deg, var(--hatch) 0 4px, transparent 4px 12px); }
.none > :nth-child(3) span { background: var(--back); padding: 0 .4rem; }
.axis { position: relative; height: 1.4rem; color: var(--dim); font-size: 12px; }
.axis span { position: absolute; border-left: 1px solid var(--line); padding-left: .25rem; line-height: 1.4rem; white-space: nowrap; }
table { border-collapse: collapse; margin: .4rem 0 1rem 1.1rem; } td, th { text-align: left; padding: .1rem .8rem .1rem 0; vertical-align: top; }
td { font-variant-numeric: tabular-nums; } td:last-child { overflow-wrap: anywhere; }
summary { list-style: none; cursor: pointer; position: relative; } summary::-webkit-details-marker { display: none; }
summary::before { content: "\\25B8"; position: absolute; left: .1rem; top: .1rem; color: var(--dim); } [open] > summary::before { content: "\\25BE"; }
summary:focus-visible { outline: 2px solid #3274d9; outline-offset: -2px; } summary:hover { background: var(--lane); }
.key span { padding: 0 .5rem; margin-right: .7rem; color: #fff; } .key .dark { color: #1b1f24; }
"""


KEY = (
    '<p class="key"><span style="background:#c4162a">critical</span><span class="dark" style="background:#e0752d">warning</span>'
    '<span style="background:#3274d9">info</span><span class="dark" style="background:#d9b30c">pending</span>'
    '<span style="background:#8f3bb8">incident</span><span style="background:#6b747e">Prometheus away</span></p>'
    "<p>A bar says when and for how long when the pointer rests on it; a lane that is opened, by a click or the Enter key, lists all.</p>"
)


def page(report: Report) -> str:
    """Return the page."""
    asked = report.asked
    body = [
        f"<h1>Backtest of {len(report.trials)} alerts</h1>",
        f"<p>{escape(report.url)}, {stamp(asked.start)} to {stamp(asked.end)}. {LIMITS}</p>",
        f"<p>{escape(_incidents(report))}</p>",
        *(f"<p><strong>Not whole: {escape(report.broken)}</strong></p>" for _ in [0] if report.broken),
        KEY,
        *_lanes(report),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>agentobs backtest</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def _incidents(report: Report) -> str:
    if not report.outcomes:
        return NOISE
    states = [o.state for o in report.outcomes]
    counted = ", ".join(f"{states.count(s)} {s}" for s in ("caught", "late", "missed"))
    return (
        f"{len(states)} incidents: {counted}; {aside(report.outcomes, report.trials)} firings were during none of them."
    )


def _lanes(report: Report) -> Iterator[str]:
    for state, meaning in STATES.items():
        found = [t for t in report.trials if t.state == state]
        if not found:
            continue
        yield f"<h2>{len(found)} {escape(meaning)}</h2>"
        if state not in UNKNOWN:
            yield f'<div class="lane"><span></span><span></span>{_axis(report)}</div>'
        for trial in sorted(found, key=lambda t: (-len(firings(t)), t.alert.name)):
            yield from _lane(report, trial)


def _lane(report: Report, trial: Trial) -> Iterator[str]:
    unknown = trial.state in UNKNOWN
    kind, drawn = (
        ("lane none", f"<span><span>{escape(trial.why)}</span></span>") if unknown else ("lane", _drawn(report, trial))
    )
    name = escape(trial.alert.name)
    lane = f'<div class="{kind}" data-alert="{name}"><span>{name}</span><span>{escape(_summary(report, trial))}</span>{drawn}</div>'
    if not trial.intervals:
        yield lane
        return
    yield f"<details><summary>{lane}</summary>"
    yield "<table><tr><th>from</th><th>to</th><th>for</th><th>state</th><th>labels</th></tr>"
    for one in trial.intervals[:MOST_ROWS]:
        labels = ", ".join(f"{k}={v}" for k, v in one.labels if trial.alert.labels.get(k) != v)
        yield (
            f"<tr><td>{stamp(one.start)}</td><td>{'goes on' if one.after else stamp(one.end)}</td><td>{lasting(one.seconds)}</td>"
            f"<td>{'firing' if one.firing else 'pending'}</td><td>{escape(labels)}</td></tr>"
        )
    yield "</table>"
    if len(trial.intervals) > MOST_ROWS:
        yield f"<p>and {len(trial.intervals) - MOST_ROWS} more, see --format json</p>"
    yield "</details>"


def _summary(report: Report, trial: Trial) -> str:
    if trial.state in UNKNOWN:
        return trial.state
    f = figures(trial, report.asked.seconds)
    return f"{times(f.fired)}, {f.weekly:.2f} a week" if f.fired else f"data {trial.covered:.0%}"


def times(count: int) -> str:
    """Return how often something was, in words: `once`, `3 times`."""
    return "once" if count == 1 else f"{count} times"


def _drawn(report: Report, trial: Trial) -> str:
    top = (HEIGHT - BAR) / 2
    parts = [
        _rect(report, a, b, 0, HEIGHT, "away", f"Prometheus away from {stamp(a)} until {stamp(b)}, {lasting(b - a)}")
        for a, b in report.away
    ]
    parts += [
        _rect(report, o.incident.start, o.incident.end, 0, HEIGHT, "incident", _incident(o)) for o in report.outcomes
    ]
    for kind, found in (("pending", [i for i in trial.intervals if not i.firing]), (_color(trial), firings(trial))):
        for several in _gathered(report, found):
            start, end = several[0].start, max(i.end for i in several)
            parts.append(_rect(report, start, end, top, BAR, kind, _title(trial, kind, start, end, several)))
    return _svg(trial.alert.name, [*_marks(report), *parts])


def _incident(outcome: Outcome) -> str:
    one = outcome.incident
    return f"incident {one.name}, {outcome.state}: from {stamp(one.start)} until {stamp(one.end)}, {lasting(one.end - one.start)}"


def _title(trial: Trial, kind: str, start: float, end: float, several: Sequence[Interval]) -> str:
    """Return what a bar says: when, for how long, and for whom."""
    until = "goes on" if any(i.after for i in several) else f"until {stamp(end)}"
    title = f"{kind} from {stamp(start)}, {until}, {lasting(end - start)}"
    if len(several) > 1:
        return f"{title}: {times(len(several))}"
    labels = ", ".join(f"{k}={v}" for k, v in several[0].labels if trial.alert.labels.get(k) != v)
    return f"{title}: {labels}" if labels else title


def _color(trial: Trial) -> str:
    return trial.alert.severity if trial.alert.severity in ("critical", "warning", "info") else "info"


def _gathered(report: Report, found: Sequence[Interval]) -> Iterable[list[Interval]]:
    """Return what is one bar: intervals that would overlap in the drawing."""
    near = report.asked.seconds / WIDTH * LEAST
    out: list[list[Interval]] = []
    until = 0.0
    for one in sorted(found, key=lambda i: i.start):
        if out and one.start - until <= near:
            out[-1].append(one)
        else:
            out.append([one])
            until = one.end
        until = max(until, one.end)
    return out


def _rect(report: Report, start: float, end: float, top: float, height: float, kind: str, title: str) -> str:
    x, width = _place(report, start), max(_place(report, end) - _place(report, start), LEAST)
    return f'<rect class="{kind}" x="{x:.1f}" y="{top:g}" width="{width:.1f}" height="{height:g}"><title>{escape(title)}</title></rect>'


def _place(report: Report, at: float) -> float:
    share = (at - report.asked.start) / report.asked.seconds
    return min(max(share, 0.0), 1.0) * WIDTH


def _times(report: Report) -> Iterator[tuple[float, str]]:
    """Yield the marks of the time: unix seconds, and how they are written."""
    asked = report.asked
    days = next((d for d in MARKS if asked.seconds / 86_400 / d <= MOST_MARKS), MARKS[-1])
    size = days * 86_400
    first = -(-asked.start // size) * size
    for number in range(int((asked.end - first) // size) + 1):
        at = first + number * size
        yield at, stamp(at)[5:10] if days >= 1 else stamp(at)[11:16]


def _axis(report: Report) -> str:
    parts = []
    for at, shown in _times(report):
        place = _place(report, at) / WIDTH
        # The last one may have no room beside it.
        parts.append(f'<span style="left:{place:.2%}">{shown if place < LAST else ""}</span>')
    return f'<span class="axis" role="img" aria-label="time, in UTC">{"".join(parts)}</span>'


def _marks(report: Report) -> Iterator[str]:
    for at, _ in _times(report):
        yield f'<line class="mark" x1="{_place(report, at):.1f}" x2="{_place(report, at):.1f}" y1="0" y2="{HEIGHT}"/>'


def _svg(label: str, parts: Iterable[str]) -> str:
    return (
        f'<svg role="img" aria-label="{escape(label)}" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none">'
        f"{''.join(parts)}</svg>"
    )
