"""`agentobs generate`: write the bundle."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from generator import writing
from generator.cli import selection, terminal
from generator.cli.command import Command, bundle
from generator.cli.parser import time_scale
from generator.errors import GeneratorError, Problem

if TYPE_CHECKING:
    from generator.bundle import Bundle

#: The file that says what is scraped.
_PROMETHEUS = PurePosixPath("scrape/prometheus.yml")


def _declare(parser: argparse.ArgumentParser) -> None:
    selection.declare_formats(parser)
    parser.add_argument("--out", "--output", type=Path, metavar="DIR", help="where to write; default: here")
    parser.add_argument(
        "--time-scale",
        type=time_scale,
        default=1.0,
        metavar="N",
        help="rules and scrape files for a reference server that plays N seconds in one; needs --out",
    )
    selection.declare_only(parser)


def _run(args: argparse.Namespace) -> int:
    root = args.out or Path()
    writing.mend(root, terminal.say)
    scaled = _scaled(bundle(args), args.time_scale, args.out)
    formats = selection.formats(args)
    every = selection.texts(scaled, formats)
    texts = selection.matching(every, args.only)
    args.exchange = writing.Exchange(texts, root)
    written = args.exchange.run(args.ending.check)
    left_out = () if args.only else [*scaled.left_out, *(out for one in formats for out in one.left_out(scaled))]
    for out in left_out:
        terminal.line(f"left out: {out.where}: {out.what}: {out.why}")
    for name, fix in _unnamed(scaled).items() if _PROMETHEUS in texts else ():
        terminal.line(f"not scraped: {name}: {fix}")
    if not args.only and (relative := _relative(scaled)):
        terminal.line(f"links of alerts are relative: {relative}")
    for path in writing.stale(every, root):
        terminal.say(f"stale: {path}: the generator does not make it; delete it")
    boards = sum(path.parts[0] == "dashboards" and path.suffix == ".json" for path in texts)
    counted = f"{boards} dashboards, {len(texts) - boards} other files" if boards else f"{len(texts)} files"
    terminal.line(f"{counted} below {root.resolve()}; {written} changed, {len(left_out)} things left out")
    return 0


def _unnamed(bundle: Bundle) -> Mapping[str, str]:
    from generator.discovery.scrape import unnamed

    return unnamed(bundle.site)


def _relative(bundle: Bundle) -> str:
    """Return what to set so that links of alerts lead somewhere from a notification; nothing where they do."""
    config = bundle.site.config
    lacking = {"docs_url or alerts.runbook_base_url": config.runbook_base_url, "alerts.grafana_url": config.grafana_url}
    keys = [key for key, url in lacking.items() if "://" not in url]
    return f"set {', and '.join(keys)} in bundle.yaml, and a click in a notification opens them" if keys else ""


def _scaled(bundle: Bundle, scale: float, out: Path | None) -> Bundle:
    """Return the bundle on another clock; never into the folder of the ordinary files."""
    if scale == 1:
        return bundle
    from generator.outputs.timescale import problem

    wrong = problem(bundle.site.config, scale)
    if out is None:
        wrong = Problem(
            "--time-scale", 1, "scaled files are for a reference server only", "name their folder with --out"
        )
    if wrong:
        raise GeneratorError([wrong])
    return replace(bundle, time_scale=scale)


COMMAND = Command(
    "generate",
    "Write dashboards/, alerts/ and scrape/, or the bundle in other formats.",
    _declare,
    _run,
    writes=True,
)
