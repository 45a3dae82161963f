"""One alert over a time: coarse first, and every round where something shows.

An alert with a `for` of H rounds fires only after H + 1 rounds in a row at which its expression has a result. Every (H + 1)th
round is one of them, so whatever fires is seen when only those are asked. Where one has a result, all rounds around it are
asked, as far as anything is pending, firing or kept firing. An alert without `for` is asked at every round, and any alert only
where its sign has a result, a cheaper expression that has one wherever the alert's own has.

So nothing that fires is missed. What is pending for less than its `for` is no alert to anybody; it is found as well when
every round is asked (`full`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from generator.backtest.plan import Sign
from generator.backtest.rules import Alert, Labels
from generator.backtest.runs import Grid, Run, joined, within, without
from generator.backtest.server import SLICE_SECONDS, BacktestError, History, slices
from generator.backtest.state import Episode, episodes

#: Rounds that are asked beyond what is still active, at least.
FURTHER = 20

#: Signs of something that are at most so many steps apart are asked about at once.
APART = 20

#: A sign of more than this share of a time is of no use there, and is not asked for any further.
USELESS = 0.5


@dataclass(frozen=True, slots=True)
class Course:
    """What one alert did.

    Attributes:
        episodes: Pending and firing by label set, in order of time; label sets that did nothing have no entry.
        failed: Rounds at which its expression ended in an error.

    """

    episodes: Mapping[Labels, Sequence[Episode]]
    failed: Sequence[int] = ()


def coarse(alert: Alert, grid: Grid, *, full: bool) -> int:
    """Return every how manyth round is enough to see all that fires."""
    return 1 if full else max(1, grid.rounds(alert.hold) + 1)


def course(
    history: History,
    alert: Alert,
    expr: str,
    grid: Grid,
    span: Run,
    *,
    sign: Sign | None = None,
    gaps: Sequence[Run] = (),
    back: float = 0.0,
    full: bool = False,
) -> Course:
    """Return what an alert did.

    Args:
        history: The server.
        alert: The alert.
        expr: Its expression as the server can answer it.
        grid: When it is evaluated.
        span: First and last round.
        sign: What is asked first; none where nothing is.
        gaps: Rounds at which nothing was evaluated, each stretch followed by a restart.
        back: How far the expression looks back, in seconds.
        full: Find also what is pending for less than its `for`.

    Raises:
        BacktestError: It cannot be tried.
        BudgetError: The budget is gone.
        ProbeError: The server does not answer.

    """
    step = coarse(alert, grid, full=full)
    found, failed = _seen(history, expr, sign, grid, span, step, back)
    if step == 1:
        return _made(alert, grid, span, found, failed, gaps)
    around = grid.rounds(alert.keep) + FURTHER
    seen = [(a - step + 1, b + step - 1) for runs in found.values() for a, b in runs]
    seen += [(n - step + 1, n + step - 1) for n in failed]
    # An alert may be restored after a restart and fire sooner; these are few.
    seen += [(a - step, b + step) for a, b in gaps]
    asked: list[Run] = []
    truth: dict[Labels, list[Run]] = {}
    broken: set[int] = set()
    todo = joined(within(seen, span))
    while todo:
        for part in todo:
            more, lost = history.truth(expr, grid, part, back=back)
            broken |= set(lost)
            for labels, runs in more.items():
                truth[labels] = joined([*truth.get(labels, []), *runs])
        asked = joined([*asked, *todo])
        made = _made(alert, grid, span, truth, sorted(broken), gaps)
        # What is active at the end of what was asked goes on beyond it.
        open_ = [last for _, last in asked if last < span[1] and any(_active(made, last + 1))]
        todo = joined(within(without([(last + 1, last + around) for last in open_], asked), span))
    return _only_firing(_made(alert, grid, span, truth, sorted(broken), gaps))


def _seen(
    history: History, expr: str, sign: Sign | None, grid: Grid, span: Run, step: int, back: float
) -> tuple[dict[Labels, list[Run]], list[int]]:
    """Return what `History.truth` does for an expression that is asked only where its sign has a result."""
    if sign is None:
        return history.truth(expr, grid, span, step=step, back=back)
    found: dict[Labels, list[Run]] = {}
    failed: list[int] = []
    use = True
    length = max(SLICE_SECONDS, 2 * back)
    # A wide sign is asked at the end of the rounds that it stands for.
    first, before = (span[0] + sign.step - 1, sign.step - 1) if sign.wide else (span[0], 0)
    for a, b in slices(grid, (first, span[1] + before), sign.step, length):
        part = (a - before, min(b, span[1]))
        todo = [part]
        if use:
            todo = _signs(history, sign, grid, (a, b), before, back, part, step)
            use = sum(y - x + 1 for x, y in todo) <= USELESS * (part[1] - part[0] + 1)
        for some in todo:
            more, broken = history.truth(expr, grid, some, step=step, back=back)
            failed += broken
            for labels, runs in more.items():
                found[labels] = joined([*found.get(labels, []), *runs], step)
    return found, failed


def _signs(
    history: History, sign: Sign, grid: Grid, asked: Run, before: int, back: float, part: Run, step: int
) -> list[Run]:
    """Return the rounds of a part at which a sign says that there may be something; all where it cannot be asked for."""
    try:
        there, lost = history.truth(sign.expr, grid, asked, step=sign.step, back=back)
    except BacktestError:
        return [part]
    runs = [*(run for runs in there.values() for run in runs), *((n, n) for n in lost)]
    return joined(within([(a - before, b) for a, b in runs], part), APART * step)


def _active(made: Course, at: int) -> list[Episode]:
    """Return the episodes that go on at a round, or end with it."""
    return [e for found in made.episodes.values() for e in found if e.start < at and (e.end is None or e.end >= at)]


def _made(
    alert: Alert,
    grid: Grid,
    span: Run,
    truth: Mapping[Labels, Sequence[Run]],
    failed: Sequence[int],
    gaps: Sequence[Run],
) -> Course:
    own: dict[Labels, list[Episode]] = {}
    for labels, runs in truth.items():
        identity = tuple(sorted({**dict(labels), **alert.labels}.items()))
        made = episodes(_carried(runs, failed), grid, alert.hold, alert.keep, span[1], gaps)
        if made:
            own[identity] = sorted([*own.get(identity, []), *made], key=lambda e: e.start)
    return Course(own, failed)


def _carried(runs: Sequence[Run], failed: Sequence[int]) -> Sequence[Run]:
    """Return the runs with what follows them while the rule fails: an error leaves its alerts as they are."""
    if not failed:
        return runs
    out, bad = [], set(failed)
    for a, b in runs:
        last = b
        while last + 1 in bad:
            last += 1
        out.append((a, last))
    return joined(out)


def _only_firing(made: Course) -> Course:
    """Return the course without what was pending and did not fire: of such, some was not asked for."""
    firing = {}
    for labels, found in made.episodes.items():
        starts = {e.start for e in found if e.firing}
        left = [e for e in found if e.firing or e.end in starts]
        if left:
            firing[labels] = left
    return Course(firing, made.failed)
