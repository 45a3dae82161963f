"""The command line: what is asked for, what is printed, and the exit code.

Exit codes: 0 all is well; 1 something is wrong with catalogue, configuration, boards, rules or files; 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from generator import writing
from generator.cli import arguments, interruption, terminal
from generator.cli.progress import Progress
from generator.errors import GeneratorError, Problem

if TYPE_CHECKING:
    from generator import validate
    from generator.bundle import Bundle
    from generator.config.site import Site
    from generator.outputs import Format

#: The file that says what is scraped.
PROMETHEUS = PurePosixPath("scrape/prometheus.yml")


INFER = "Draft a catalogue file from a metrics page, for a system of your own."
SCHEMA = "Print a JSON Schema, for editors: of bundle.yaml, or of a catalogue file."


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    args = _parser().parse_args(argv)
    args.exchange = None
    try:
        with interruption.ending() as args.ending:
            code = int(args.run(args))
            terminal.finish()
    except GeneratorError as error:
        terminal.say(str(error))
        return 1
    except interruption.Ended as end:
        terminal.say("; ".join(_ended(args, end)))
        return end.code
    return code


def _ended(args: argparse.Namespace, end: interruption.Ended) -> Iterator[str]:
    """Say what ended the command, and what of its files is true."""
    yield "interrupted" if end.number == signal.SIGINT else f"ended by {end}"
    if args.run is _generate:
        yield args.exchange.state if args.exchange else "no file was changed"


def _parser() -> argparse.ArgumentParser:
    parser = arguments.Parser(
        prog="agentobs", description="Dashboards, rules and scrape configurations for AI agent servers."
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: Any, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.add_argument("--config", type=Path, metavar="FILE", help="your bundle.yaml; without it the defaults hold")
        sub.set_defaults(run=run)
        return sub

    generate = command("generate", _generate, "Write dashboards/, alerts/ and scrape/, or the bundle in other formats.")
    _formats(generate)
    generate.add_argument("--out", "--output", type=Path, metavar="DIR", help="where to write; default: here")
    generate.add_argument(
        "--time-scale",
        type=arguments.time_scale,
        default=1.0,
        metavar="N",
        help="rules and scrape files for a reference server that plays N seconds in one; needs --out",
    )
    _only(generate)
    check = command("check", _check, "Say which files differ from what the generator makes; write nothing.")
    check.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="where the files are; default: here")
    _formats(check)
    _only(check)
    lint = command("lint", _lint, "Run the named checks over catalogue, rules, dashboards and scrape files.")
    lint.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="where the files are; default: here")
    lint.add_argument("--format", choices=("text", "json", "github"), default="text")
    lint.add_argument("--list", action="store_true", help="list the checks and what each is for")
    listing = command("list", _list, "List what there is.")
    listing.add_argument("what", choices=("metrics", "boards", "rules", "formats"))
    listing.add_argument("--format", choices=("text", "json"), default="text")
    infer = commands.add_parser("infer", help=INFER, description=INFER)
    infer.add_argument(
        "source", metavar="PAGE", help="a file, an address (http://…/metrics), or - for the standard input"
    )
    infer.add_argument("--prefix", metavar="P", help="what its names begin with; found by most of them when left out")
    infer.add_argument(
        "--system", default="", metavar="NAME", help="what to call the system; by the prefix when left out"
    )
    infer.add_argument("--out", type=Path, metavar="FILE", help="where to write; default: the standard output")
    infer.add_argument("--bearer-token-file", type=Path, metavar="FILE", help="file with the token that the page wants")
    infer.set_defaults(run=_infer)
    schema = commands.add_parser("schema", help=SCHEMA, description=SCHEMA)
    schema.add_argument("what", choices=("bundle", "catalogue"))
    schema.set_defaults(run=_schema)
    arguments.declare(command("validate", _validate, "Judge running servers by everything that the bundle promises."))
    return parser


def _formats(parser: argparse.ArgumentParser) -> None:
    from generator.outputs import FORMATS

    parser.add_argument(
        "--format",
        action="append",
        choices=tuple(FORMATS),
        dest="formats",
        metavar="NAME",
        help="a form of the bundle, see `agentobs list formats`; may be repeated; default: files",
    )


def _only(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="GLOB",
        help="these files alone, such as scrape/prometheus.yml or 'alerts/*'; may be repeated",
    )


def _site(args: argparse.Namespace) -> Site:
    from generator.bundle import installation
    from generator.catalogue import load

    return installation(load(), args.config)


def _bundle(args: argparse.Namespace) -> Bundle:
    from generator.bundle import build

    return build(_site(args))


def _chosen_formats(args: argparse.Namespace) -> Sequence[Format]:
    from generator.outputs import FORMATS

    return [FORMATS[name] for name in dict.fromkeys(args.formats or ("files",))]


def _texts(bundle: Bundle, formats: Sequence[Format]) -> Mapping[PurePosixPath, str]:
    return {path: text for one in formats for path, text in one.render(bundle).items()}


def _chosen(texts: Mapping[PurePosixPath, str], globs: Sequence[str]) -> Mapping[PurePosixPath, str]:
    """Return the files that one of the globs has; all of them when there is no glob.

    Raises:
        GeneratorError: No file is called as some glob says.

    """
    lost = [glob for glob in globs if not any(path.match(glob) for path in texts)]
    if lost:
        fix = "see below --out what the files are called"
        raise GeneratorError([Problem("--only", 1, f"no file is called {glob!r}", fix) for glob in lost])
    return {path: text for path, text in texts.items() if not globs or any(path.match(glob) for glob in globs)}


def _generate(args: argparse.Namespace) -> int:
    root = args.out or Path()
    writing.mend(root, _tell)
    bundle = _timed(_bundle(args), args.time_scale, args.out)
    formats = _chosen_formats(args)
    every = _texts(bundle, formats)
    texts = _chosen(every, args.only)
    args.exchange = writing.Exchange(texts, root)
    written = args.exchange.run(args.ending.check)
    left_out = () if args.only else [*bundle.left_out, *(out for one in formats for out in one.left_out(bundle))]
    for out in left_out:
        terminal.line(f"left out: {out.where}: {out.what}: {out.why}")
    for name, fix in _unnamed(bundle).items() if PROMETHEUS in texts else ():
        terminal.line(f"not scraped: {name}: {fix}")
    for path in writing.strangers(every, root):
        terminal.say(f"stale: {path}: the generator does not make it; delete it")
    boards = sum(path.parts[0] == "dashboards" and path.suffix == ".json" for path in texts)
    counted = f"{boards} dashboards, {len(texts) - boards} other files" if boards else f"{len(texts)} files"
    terminal.line(f"{counted} below {root.resolve()}; {written} changed, {len(left_out)} things left out")
    return 0


def _tell(text: str) -> None:
    terminal.say(text)


def _unnamed(bundle: Bundle) -> Mapping[str, str]:
    from generator.discovery.scrape import unnamed

    return unnamed(bundle.site)


def _timed(bundle: Bundle, scale: float, out: Path | None) -> Bundle:
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


def _check(args: argparse.Namespace) -> int:
    every = _texts(_bundle(args), _chosen_formats(args))
    texts = _chosen(every, args.only)
    problems = writing.differences(texts, args.out, every)
    if problems:
        raise GeneratorError(problems)
    terminal.line(f"{len(texts)} files are what the generator makes")
    return 0


def _lint(args: argparse.Namespace) -> int:
    from generator.lint import CHECKS, run

    if args.list:
        for check in CHECKS:
            terminal.line(f"{check.name:34} {check.about}")
        return 0
    findings = run(_site(args), args.out)
    if args.format == "json":
        terminal.line(json.dumps([f.as_json() for f in findings], indent=2))
    else:
        for finding in findings:
            terminal.line(finding.as_github() if args.format == "github" else str(finding))
    if args.format == "text" and not findings:
        terminal.line(f"{len(CHECKS)} checks, nothing found")
    return 1 if findings else 0


def _list(args: argparse.Namespace) -> int:
    from generator.cli.listing import LISTS, formats

    if args.what == "formats":
        rows = formats()
    else:
        from generator.bundle import build

        make, kind = LISTS[args.what]
        rows = make(build(_site(args), kinds=(kind,)))
    if args.format == "json":
        terminal.line(json.dumps(rows, indent=2))
        return 0
    if rows:
        heads = [k for k in rows[0] if not isinstance(rows[0][k], (list, dict))]
        widths = [max(len(str(r[h])) for r in (*rows, dict(zip(heads, heads, strict=True)))) for h in heads]
        for row in ({h: h for h in heads}, *rows):
            terminal.line("  ".join(f"{row[h]!s:{w}}" for h, w in zip(heads, widths, strict=True)).rstrip())
    return 0


def _infer(args: argparse.Namespace) -> int:
    from urllib.parse import urlsplit

    from generator import infer
    from generator.catalogue import load
    from generator.config.own import misnamed

    port = (urlsplit(args.source).port or 0) if args.source.startswith(("http://", "https://")) else 0
    problems = []
    if args.prefix and not args.prefix.endswith("_"):
        problems.append(
            Problem("--prefix", 1, f"{args.prefix!r} does not end in an underscore", f"write {args.prefix}_")
        )
    if args.system and (wrong := misnamed(args.system, load())):
        problems.append(Problem("--system", 1, *wrong))
    if problems:
        raise GeneratorError(problems)
    families = infer.read(args.source, infer.page(args.source, args.bearer_token_file))
    made = infer.text(infer.draft(families, system=args.system, prefix=args.prefix, port=port))
    if args.out:
        arguments.deliver(made, args.out)
        terminal.say(f"{args.out}: written; name it in bundle.yaml: systems: {{NAME: {{catalogue: {args.out}}}}}")
    else:
        terminal.line(made.rstrip("\n"))
    return 0


def _schema(args: argparse.Namespace) -> int:
    from generator import catalogue, config

    path = {"bundle": config.SCHEMA, "catalogue": catalogue.SCHEMA}[args.what]
    terminal.line(path.read_text(encoding="utf-8").rstrip("\n"))
    return 0


def _validate(args: argparse.Namespace) -> int:
    from generator import validate

    options = arguments.options(args)
    bundle = replace(_bundle(args), time_scale=args.time_scale)
    options = replace(options, systems=arguments.systems(args, bundle))
    verdicts: list[validate.Verdict] = []
    begin, broken, code = time.monotonic(), "", 0
    progress = Progress()

    def told(line: str) -> None:
        progress.show(options.clean(line))

    try:
        with validate.prepared(bundle, options, told) as context:
            for verdict in validate.run(context):
                verdicts.append(verdict)
                told(f"{verdict.category}: {len(verdicts)} judged")
    except validate.ProbeError as error:
        broken, code = options.clean(str(error)), 1
    except KeyboardInterrupt:
        broken, code = "interrupted", 130
    progress.end()
    outcome = validate.Outcome(tuple(verdicts), options.prometheus, time.monotonic() - begin, broken)
    if verdicts or args.format != "text":
        arguments.deliver(validate.FORMATS[args.format](outcome), args.output)
    if broken:
        terminal.say(broken)
    return code or int(validate.failed(verdicts, pending=args.fail_on_pending))
