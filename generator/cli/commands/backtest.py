"""`agentobs backtest`: its options, and the run with its plan, its progress and its file of answers."""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from generator.cli import terminal
from generator.cli.command import Command, bundle
from generator.cli.delivery import deliver
from generator.cli.login import declare, login
from generator.cli.parser import seconds, time_scale
from generator.cli.progress import Progress
from generator.errors import GeneratorError, Problem

if TYPE_CHECKING:
    from generator.backtest import Asked
    from generator.backtest.incidents import Incident

#: What a month of a hundred alerts over ten deployments takes, a few times over.
BUDGET = 50e9

#: How long one query may take: Prometheus itself gives up after two minutes.
TIMEOUT = 130.0

#: How old a run may be to be gone on with, in seconds: a time that ended a day ago is another question.
RECENT = 86_400.0


def _declare(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--prometheus", default="http://127.0.0.1:9090", metavar="URL", help="default: http://127.0.0.1:9090")
    add("--since", default="30d", metavar="DURATION", help="how far back, such as 30d or 12h; default: 30d")
    add("--until", default="", metavar="TIME", help="when it ends, such as 2026-01-31T10:00:00Z; default: now")
    add("--alert", action="append", default=[], metavar="NAME", help="this one alone, or a pattern; may be repeated")
    add("--sweep", default="", metavar="THRESHOLD=A,B,...", help="a key of thresholds: and values to try it at")
    add("--incidents", type=Path, metavar="FILE", help="YAML or CSV of real ones: start, end, name, labels")
    add("--pending", action="store_true", help="find also all that is pending for less than its `for`; takes longer")
    add("--inline", action="store_true", help="read no recorded series, but what they are recorded from")
    add("--plan", action="store_true", help="say how many queries and samples it takes, and try nothing")
    add("--budget", type=float, default=BUDGET, metavar="SAMPLES", help=f"read at most so many; default: {BUDGET:.0e}")
    add("--state", type=Path, metavar="FILE", help="keep answers there, also beyond a run that came to its end")
    add("--format", choices=("text", "json"), default="text")
    add("--output", type=Path, metavar="FILE", help="write the report there instead of to standard output")
    add("--html", type=Path, metavar="FILE", help="write one page with a lane for each alert")
    declare(parser, "Prometheus")
    add("--timeout", type=seconds, default=TIMEOUT, metavar="SECONDS", help=f"for one query; default: {TIMEOUT:g}")
    add(
        "--time-scale", type=time_scale, default=1.0, metavar="N", help="the history was played N times as fast as life"
    )


def _asked(args: argparse.Namespace, now: float) -> Asked:
    """Return what is asked for: the span, the alerts, a threshold with its values, incidents and the budget.

    Raises:
        GeneratorError: Some option is wrong; carries every problem.

    """
    from generator.backtest import Asked
    from generator.backtest.incidents import moment, read
    from generator.config.timing import LONGEST_RETENTION
    from generator.units import seconds as length

    problems: list[Problem] = []
    end, span = now, 0.0
    if args.until:
        try:
            end = moment(args.until)
        except ValueError as error:
            problems.append(Problem("--until", 1, f"{args.until!r}: {error}", "write 2026-01-31T10:00:00Z"))
    try:
        span = length(args.since)
        if not span:
            problems.append(Problem("--since", 1, "no time at all", "write 30d or 12h"))
        elif span > length(LONGEST_RETENTION):
            problems.append(
                Problem(
                    "--since", 1, f"{args.since} is longer than samples are kept", f"use at most {LONGEST_RETENTION}"
                )
            )
    except ValueError as error:
        problems.append(Problem("--since", 1, str(error), "write 30d or 12h"))
    if not args.budget > 0 or math.isnan(args.budget):
        problems.append(Problem("--budget", 1, f"{args.budget:g} samples are none", "write a number such as 1e9"))
    name, values = _swept(args.sweep, problems)
    incidents: list[Incident] = []
    try:
        incidents = read(args.incidents) if args.incidents else []
    except GeneratorError as error:
        problems += error.problems
    if problems:
        raise GeneratorError(problems)
    return Asked(
        end - span, end, tuple(args.alert), name, values, tuple(incidents), args.pending, args.inline,
        args.budget, args.plan,
    )  # fmt: skip


def _swept(text: str, problems: list[Problem]) -> tuple[str, tuple[float, ...]]:
    """Return a threshold and the values to try it at."""
    name, _, listed = text.partition("=")
    values = []
    for one in listed.split(",") if listed else ():
        try:
            values.append(float(one))
        except ValueError:
            values.append(math.nan)
        if not math.isfinite(values[-1]):
            problems.append(Problem("--sweep", 1, f"{one!r} is no number", f"write {name or 'NAME'}=1,2,3"))
    if text and not (name and listed):
        problems.append(Problem("--sweep", 1, f"{text!r} is not THRESHOLD=A,B", "write pg_pool_used=0.8,0.9"))
    return name, tuple(dict.fromkeys(values))


def _run(args: argparse.Namespace) -> int:
    from generator import backtest
    from generator.backtest.journal import Journal, default
    from generator.validate.access import address
    from generator.validate.probe import Probe, ProbeError
    from generator.validate.prometheus import Prometheus

    url, access, now = address(args.prometheus, "--prometheus"), login(args), time.time()
    asked = _asked(args, now)
    made = replace(bundle(args), time_scale=args.time_scale)
    own = args.state is not None
    span = f"{args.since} {args.until} {args.time_scale:g}"
    answers = Journal(args.state or default(url, span), {"prometheus": url, "span": span})
    if not args.until and answers.end is not None and (own or now - answers.end < RECENT):
        asked = replace(asked, start=answers.end - (asked.end - asked.start), end=answers.end)
    answers.begin(asked.end)
    if answers.count:
        terminal.say(f"going on with {answers.count} answers that are kept in {answers.path}")
    probe = Probe("Prometheus", url, access, timeout=args.timeout or TIMEOUT, flag="--prometheus")
    progress = Progress()
    finished = False

    def planned(line: str) -> None:
        progress.end()
        terminal.say(access.hide(line))

    try:
        report = backtest.backtest(
            made, Prometheus(probe), asked, answers, lambda line: progress.show(access.hide(line)), planned
        )
        finished = not report.broken and not args.plan
    except ProbeError as error:
        progress.end()
        terminal.say(access.hide(str(error)))
        return 1
    finally:
        progress.end()
        probe.close()
        answers.close(forget=finished and not own)
        if not finished and not args.plan and answers.count:
            terminal.say(f"what was answered is kept in {answers.path}; the same command goes on from there")
    deliver(access.hide(backtest.FORMATS[args.format](report)), args.output)
    if args.html and not args.plan:
        deliver(access.hide(backtest.page(report)), args.html)
    return int(bool(report.broken) or any(t.state == "failed" for t in report.trials))


COMMAND = Command(
    "backtest", "Try the alerts over the past of your own Prometheus: what would have fired.", _declare, _run
)
