"""A backtest as one static page: a lane for each alert over time. Needs no network, no script and no other file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from generator.backtest.asking import Report
from generator.backtest.figures import figures, firings, lasting
from generator.backtest.report import LIMITS, NOISE, STATES, aside, stamp
from generator.backtest.trial import Interval, Trial

#: Width of a lane in units of its drawing, and the least width of a bar: a firing of a minute in a month is seen.
WIDTH, LEAST = 2000, 3

#: Height of a lane, and of the bars within.
HEIGHT, BAR = 22, 14

#: Days between two marks of the time, the first that gives at most so many of them.
MARKS, MOST_MARKS = (1 / 24, 1 / 8, 1 / 4, 1, 2, 7, 14, 28, 91, 365), 16

#: Rows of the table of one alert.
MOST_ROWS = 200

STYLE = """
body { font: 14px/1.4 system-ui, sans-serif; margin: 2rem; color: #1b1f24; background: #fff; }
h1 { font-size: 1.3rem; } h2 { font-size: 1.05rem; margin: 1.6rem 0 .3rem; } p { margin: .3rem 0; max-width: 70rem; }
.lane { display: grid; grid-template-columns: 20rem 9rem 1fr; align-items: center; border-top: 1px solid #e4e7eb; }
.lane > :first-child { overflow-wrap: anywhere; } svg { width: 100%; height: 22px; display: block; background: #f6f7f9; }
.critical { fill: #c4162a; } .warning { fill: #e0752d; } .info { fill: #3274d9; } .pending { fill: #f2cc0c; opacity: .8; }
.incident { fill: #8f3bb8; opacity: .25; } .away { fill: #9aa3ad; opacity: .6; } .mark { stroke: #d5dae0; }
.none svg { background: repeating-linear-gradient(45deg, #eceef1 0 6px, #fff 6px 12px); }
table { border-collapse: collapse; margin: .4rem 0 1rem; } td, th { text-align: left; padding: .1rem .8rem .1rem 0; }
details { border-top: 1px solid #e4e7eb; } details .lane { border: 0; } summary { list-style: none; cursor: pointer; }
.axis text { font-size: 26px; fill: #57606a; } .key span { padding: 0 .5rem; margin-right: .7rem; color: #fff; }
@media (prefers-color-scheme: dark) { body { color: #d5dae0; background: #15181c; } svg { background: #22262b; }
 .lane, details { border-color: #30363d; } .mark { stroke: #3a4149; } }
"""


KEY = (
    '<p class="key"><span style="background:#c4162a">critical</span><span style="background:#e0752d">warning</span>'
    '<span style="background:#3274d9">info</span><span style="background:#b59700">pending</span>'
    '<span style="background:#8f3bb8">incident</span><span style="background:#6b747e">Prometheus away</span></p>'
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
        yield f'<div class="lane"><span></span><span></span>{_axis(report)}</div>'
        for trial in sorted(found, key=lambda t: (-len(firings(t)), t.alert.name)):
            yield from _lane(report, trial)


def _lane(report: Report, trial: Trial) -> Iterator[str]:
    told = _told(report, trial)
    kind = ' class="lane none"' if trial.state in ("no data", "failed", "unseen") else ' class="lane"'
    lane = f'<div{kind} data-alert="{escape(trial.alert.name)}"><span>{escape(trial.alert.name)}</span><span>{escape(told)}</span>{_drawn(report, trial)}</div>'
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


def _told(report: Report, trial: Trial) -> str:
    if trial.why:
        return trial.why if len(trial.why) <= 60 else f"{trial.why[:57]}..."  # noqa: PLR2004 - what fits beside a lane
    f = figures(trial, report.asked.seconds)
    return f"{f.fired} times, {f.weekly:.2f} a week" if f.fired else f"data {trial.covered:.0%}"


def _drawn(report: Report, trial: Trial) -> str:
    top = (HEIGHT - BAR) / 2
    parts = [
        _rect(report, a, b, 0, HEIGHT, "away", f"Prometheus away, {stamp(a)} to {stamp(b)}") for a, b in report.away
    ]
    parts += [
        _rect(report, o.incident.start, o.incident.end, 0, HEIGHT, "incident", f"{o.incident.name}: {o.state}")
        for o in report.outcomes
    ]
    for kind, found in (("pending", [i for i in trial.intervals if not i.firing]), (_color(trial), firings(trial))):
        for start, end, count in _gathered(report, found):
            title = f"{kind}, {stamp(start)} to {stamp(end)}" + (f", {count} label sets" if count > 1 else "")
            parts.append(_rect(report, start, end, top, BAR, kind, title))
    return _svg(trial.alert.name, parts)


def _color(trial: Trial) -> str:
    return trial.alert.severity if trial.alert.severity in ("critical", "warning", "info") else "info"


def _gathered(report: Report, found: Sequence[Interval]) -> Iterable[tuple[float, float, int]]:
    """Return bars: what would overlap in the drawing is one, with the number of intervals in it."""
    near = report.asked.seconds / WIDTH * LEAST
    out: list[tuple[float, float, int]] = []
    for one in sorted(found, key=lambda i: i.start):
        if out and one.start - out[-1][1] <= near:
            out[-1] = (out[-1][0], max(out[-1][1], one.end), out[-1][2] + 1)
        else:
            out.append((one.start, one.end, 1))
    return out


def _rect(report: Report, start: float, end: float, top: float, height: float, kind: str, title: str) -> str:
    x, width = _place(report, start), max(_place(report, end) - _place(report, start), LEAST)
    return f'<rect class="{kind}" x="{x:.1f}" y="{top:g}" width="{width:.1f}" height="{height:g}"><title>{escape(title)}</title></rect>'


def _place(report: Report, at: float) -> float:
    share = (at - report.asked.start) / report.asked.seconds
    return min(max(share, 0.0), 1.0) * WIDTH


def _axis(report: Report) -> str:
    asked = report.asked
    days = next((d for d in MARKS if asked.seconds / 86_400 / d <= MOST_MARKS), MARKS[-1])
    size = days * 86_400
    first = -(-asked.start // size) * size
    parts = []
    for number in range(int((asked.end - first) // size) + 1):
        at = first + number * size
        shown = stamp(at)[5:10] if days >= 1 else stamp(at)[11:16]
        parts.append(
            f'<line class="mark" x1="{_place(report, at):.1f}" x2="{_place(report, at):.1f}" y1="0" y2="{HEIGHT}"/>'
        )
        parts.append(
            f'<text x="{_place(report, at) + 4:.1f}" y="18" textLength="70" lengthAdjust="spacingAndGlyphs">{shown}</text>'
        )
    return _svg("time, in UTC", parts, "axis")


def _svg(label: str, parts: Iterable[str], kind: str = "bars") -> str:
    return (
        f'<svg class="{kind}" role="img" aria-label="{escape(label)}" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none">'
        f"{''.join(parts)}</svg>"
    )
