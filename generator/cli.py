"""The command line: the one module that reads arguments, writes files, prints and exits.

Exit codes: 0 all is well; 1 something is wrong with catalogue, configuration, boards, rules or files; 2 wrong usage.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import secrets
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from generator.errors import GeneratorError, Problem

if TYPE_CHECKING:
    from generator import validate
    from generator.bundle import Bundle
    from generator.site import Site

#: Folders that belong to the generator alone.
OWNED = ("dashboards", "alerts", "scrape")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    args = _parser().parse_args(argv)
    try:
        return int(args.run(args))
    except GeneratorError as error:
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except KeyboardInterrupt:
        print("interrupted; nothing was half-written", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="agentobs", description="Dashboards, rules and scrape configurations for AI agent servers."
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: Any, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.add_argument("--config", type=Path, metavar="FILE", help="your bundle.yaml; without it the defaults hold")
        sub.set_defaults(run=run)
        return sub

    generate = command("generate", _generate, "Write dashboards/, alerts/ and scrape/.")
    generate.add_argument("--out", "--output", type=Path, metavar="DIR", help="where to write; default: here")
    generate.add_argument(
        "--time-scale",
        type=_time_scale,
        default=1.0,
        metavar="N",
        help="rules and scrape files for a reference server that plays N seconds in one; needs --out",
    )
    check = command("check", _check, "Say which files differ from what the generator makes; write nothing.")
    check.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="where the files are; default: here")
    lint = command("lint", _lint, "Run the named checks over catalogue, rules, dashboards and scrape files.")
    lint.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="where the files are; default: here")
    lint.add_argument("--format", choices=("text", "json", "github"), default="text")
    lint.add_argument("--list", action="store_true", help="list the checks and what each is for")
    listing = command("list", _list, "List what there is.")
    listing.add_argument("what", choices=("metrics", "boards", "rules"))
    listing.add_argument("--format", choices=("text", "json"), default="text")
    _validate_options(command("validate", _validate, "Judge running servers by everything that the bundle promises."))
    return parser


def _time_scale(text: str) -> float:
    value = float(text)
    if not 1 <= value < math.inf:
        raise ValueError(text)
    return value


def _validate_options(validate: argparse.ArgumentParser) -> None:
    add = validate.add_argument
    add("--prometheus", default="http://127.0.0.1:9090", metavar="URL", help="default: http://127.0.0.1:9090")
    add(
        "--rules-url",
        default="",
        metavar="URL",
        help="who evaluates the rules, where it is another server: vmalert, a ruler",
    )
    add("--alertmanager", default="", metavar="URL")
    add("--grafana", default="", metavar="URL")
    add("--format", choices=("text", "json", "junit"), default="text")
    add("--output", type=Path, metavar="FILE", help="write the report there instead of to standard output")
    add(
        "--systems",
        action="append",
        default=[],
        metavar="NAME,...",
        help="judge only these, which then have to be there; `all` that are enabled; or AGENTOBS_SYSTEMS",
    )
    for prefix, whom in (("", "Prometheus, ruler and Alertmanager"), ("grafana-", "Grafana")):
        add(f"--{prefix}bearer-token-file", type=Path, metavar="FILE", help=f"token for {whom}")
        add(f"--{prefix}basic-auth-file", type=Path, metavar="FILE", help=f"user:password for {whom}")
        add(f"--{prefix}ca-file", type=Path, metavar="FILE", help=f"certificates to trust for {whom}")
        add(
            f"--{prefix}header",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help=f"for {whom}; NAME=@FILE reads the value",
        )
    add("--tenant", default="", metavar="ID", help="X-Scope-OrgID for Prometheus, ruler and Alertmanager")
    add("--timeout", type=_positive, default=10.0, metavar="SECONDS", help="for one request; default: 10")
    add(
        "--wait",
        type=_positive,
        default=0.0,
        metavar="SECONDS",
        help="first wait so long at most until all is scraped and evaluated twice (what has its turn once a minute)",
    )
    add(
        "--time-scale",
        type=_time_scale,
        default=1.0,
        metavar="N",
        help="the loaded rules were generated with the same --time-scale",
    )
    add(
        "--reference",
        action="append",
        default=[],
        metavar="URL",
        help="a reference server that --scenario drives; may be repeated, one for each system",
    )
    add(
        "--scenario",
        action="append",
        default=[],
        metavar="ID",
        help="play it there, and wait for its alerts; may be repeated",
    )
    add(
        "--webhook",
        default="127.0.0.1:0",
        metavar="HOST:PORT",
        help="where to listen for Alertmanager; port 0 takes a free one",
    )


def _positive(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1e9:  # noqa: PLR2004 - thirty years
        raise ValueError(text)
    return value


def _site(args: argparse.Namespace) -> Site:
    from generator.catalogue import load
    from generator.config import read
    from generator.site import Site

    catalogue = load()
    return Site(catalogue, read(catalogue, args.config))


def _bundle(args: argparse.Namespace) -> Bundle:
    from generator.bundle import build

    return build(_site(args))


def _texts(bundle: Bundle) -> Mapping[PurePosixPath, str]:
    from generator.render import FORMATS

    return FORMATS["files"](bundle)


def _generate(args: argparse.Namespace) -> int:
    bundle = _timed(_bundle(args), args.time_scale, args.out)
    args.out = args.out or Path()
    texts = _texts(bundle)
    written = _write(texts, args.out)
    for out in bundle.left_out:
        print(f"left out: {out.where}: {out.what}: {out.why}")
    for path in _strangers(texts, args.out):
        print(f"stale: {path}: the generator does not make it; delete it", file=sys.stderr)
    boards = len(bundle.boards)
    print(
        f"{boards} dashboards, {len(texts) - boards} other files below {args.out.resolve()}; {written} changed, {len(bundle.left_out)} things left out"
    )
    return 0


def _timed(bundle: Bundle, scale: float, out: Path | None) -> Bundle:
    """Return the bundle on another clock; never into the folder of the ordinary files."""
    if scale == 1:
        return bundle
    from generator.timescale import problem

    wrong = problem(bundle.site.config, scale)
    if out is None:
        wrong = Problem(
            "--time-scale", 1, "scaled files are for a reference server only", "name their folder with --out"
        )
    if wrong:
        raise GeneratorError([wrong])
    return replace(bundle, time_scale=scale)


def _write(texts: Mapping[PurePosixPath, str], root: Path) -> int:
    """Write what changed. Every text is on disk before the first file is replaced, so a full disk leaves the old ones."""
    staged: list[tuple[Path, Path]] = []
    try:
        for name, text in texts.items():
            path = root / name
            if _same(path, text):
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
            staged.append((temporary, path))  # first, so that it goes whatever comes
            with temporary.open("x", encoding="utf-8") as file:
                file.write(text)
            temporary.chmod(0o644)
        for temporary_path, path in staged:
            temporary_path.replace(path)
    except OSError as error:
        where = str(error.filename or root)
        raise GeneratorError(
            [
                Problem(
                    where, 1, f"cannot be written: {error.strerror}", "make room, or name a writable folder with --out"
                )
            ]
        ) from error
    finally:
        for temporary_path, _ in staged:
            with contextlib.suppress(OSError):
                temporary_path.unlink(missing_ok=True)
    return len(staged)


def _check(args: argparse.Namespace) -> int:
    texts = _texts(_bundle(args))
    fix = "run `make dashboards`"
    problems = [Problem(str(args.out / name), 1, "missing", fix) for name in texts if not (args.out / name).is_file()]
    problems += [
        Problem(
            str(args.out / name), _first_difference(args.out / name, text), "differs from what the generator makes", fix
        )
        for name, text in texts.items()
        if (args.out / name).is_file() and not _same(args.out / name, text)
    ]
    problems += [
        Problem(str(path), 1, "the generator does not make it", "delete it") for path in _strangers(texts, args.out)
    ]
    if problems:
        raise GeneratorError(problems)
    print(f"{len(texts)} files are what the generator makes")
    return 0


def _same(path: Path, text: str) -> bool:
    try:
        return path.read_bytes() == text.encode()
    except OSError:  # not there, or not readable: writing it will tell
        return False


def _first_difference(path: Path, text: str) -> int:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((n for n, (a, b) in enumerate(zip(lines, text.splitlines(), strict=False), 1) if a != b), 1)


def _strangers(texts: Mapping[PurePosixPath, str], root: Path) -> list[Path]:
    made = {root / name for name in texts}
    return [
        p for folder in OWNED for p in sorted((root / folder).glob("*")) if p not in made and not p.name.startswith(".")
    ]


def _lint(args: argparse.Namespace) -> int:
    from generator.lint import CHECKS, run

    if args.list:
        for check in CHECKS:
            print(f"{check.name:34} {check.about}")
        return 0
    findings = run(_site(args), args.out)
    if args.format == "json":
        print(json.dumps([f.as_json() for f in findings], indent=2))
    else:
        for finding in findings:
            print(finding.as_github() if args.format == "github" else finding)
    if args.format == "text" and not findings:
        print(f"{len(CHECKS)} checks, nothing found")
    return 1 if findings else 0


def _list(args: argparse.Namespace) -> int:
    from generator.listing import LISTS

    rows = LISTS[args.what](_bundle(args))
    if args.format == "json":
        print(json.dumps(rows, indent=2))
        return 0
    if rows:
        heads = [k for k in rows[0] if not isinstance(rows[0][k], (list, dict))]
        widths = [max(len(str(r[h])) for r in (*rows, dict(zip(heads, heads, strict=True)))) for h in heads]
        for row in ({h: h for h in heads}, *rows):
            print("  ".join(f"{row[h]!s:{w}}" for h, w in zip(heads, widths, strict=True)).rstrip())
    return 0


def _validate(args: argparse.Namespace) -> int:
    from generator import validate

    options = _options(args)
    bundle = replace(_bundle(args), time_scale=args.time_scale)
    options = replace(options, systems=_systems(args, bundle))
    verdicts: list[validate.Verdict] = []
    begin, broken, code = time.monotonic(), "", 0
    progress = _Progress()
    try:
        with validate.prepared(bundle, options, progress.show) as context:
            for verdict in validate.run(context):
                verdicts.append(verdict)
                progress.show(f"{verdict.category}: {len(verdicts)} judged")
    except validate.ProbeError as error:
        broken = options.access.hide(options.grafana_access.hide(str(error)))
    except KeyboardInterrupt:
        broken, code = "interrupted", 130
    progress.end()
    outcome = validate.Outcome(tuple(verdicts), options.prometheus, time.monotonic() - begin, broken)
    if verdicts or args.format != "text":
        _deliver(validate.FORMATS[args.format](outcome), args.output)
    if broken:
        print(broken, file=sys.stderr)
        return code or 1
    return 1 if validate.failed(verdicts) else 0


def _systems(args: argparse.Namespace, bundle: Bundle) -> tuple[str, ...]:
    from generator.validate.systems import chosen

    if args.systems:
        return chosen(args.systems, bundle.site.config, "--systems")
    return chosen([os.environ.get("AGENTOBS_SYSTEMS", "")], bundle.site.config, "AGENTOBS_SYSTEMS")


def _options(args: argparse.Namespace) -> validate.Options:
    """Read the options and the secrets; `AGENTOBS_*` variables stand in for files that are not given."""
    from generator import validate
    from generator.validate.access import access, address, secret

    def secrets(path: Path | None, flag: str, *variables: str) -> str:
        given = next((os.environ[name] for name in variables if os.environ.get(name)), "")
        return secret(path, flag) if path else given.strip()

    if args.scenario and not (args.reference and args.alertmanager):
        raise _usage(
            "--scenario",
            "plays on a reference server and waits for an Alertmanager",
            "name both: --reference URL --alertmanager URL",
        )
    host, _, port = args.webhook.rpartition(":")
    if not (host and port.isdecimal() and int(port) < 65_536):  # noqa: PLR2004 - ports end there
        raise _usage("--webhook", f"{args.webhook!r} is not HOST:PORT", "write 127.0.0.1:9095")
    plain = not (args.bearer_token_file or args.basic_auth_file)
    grafana_plain = not (args.grafana_bearer_token_file or args.grafana_basic_auth_file)
    urls = {flag: address(url, f"--{flag}") if url else "" for flag, url in (
        ("prometheus", args.prometheus), ("rules-url", args.rules_url), ("alertmanager", args.alertmanager),
        ("grafana", args.grafana),
    )}  # fmt: skip
    return validate.Options(
        prometheus=urls["prometheus"], rules=urls["rules-url"], alertmanager=urls["alertmanager"], grafana=urls["grafana"],
        access=access(
            bearer=secrets(args.bearer_token_file, "--bearer-token-file", *(["AGENTOBS_PROMETHEUS_TOKEN"] if plain else [])),
            basic=secrets(args.basic_auth_file, "--basic-auth-file", *(["AGENTOBS_PROMETHEUS_BASIC"] if plain else [])),
            ca_file=args.ca_file, tenant=args.tenant, headers=args.header,
        ),
        grafana_access=access(
            bearer=secrets(args.grafana_bearer_token_file, "--grafana-bearer-token-file", *(["AGENTOBS_GRAFANA_TOKEN"] if grafana_plain else [])),
            basic=secrets(args.grafana_basic_auth_file, "--grafana-basic-auth-file", *(["AGENTOBS_GRAFANA_BASIC"] if grafana_plain else [])),
            ca_file=args.grafana_ca_file, headers=args.grafana_header,
            token_flag="--grafana-bearer-token-file or --grafana-basic-auth-file",  # noqa: S106 - the name of an option
        ),
        timeout=args.timeout or 10.0, wait=args.wait, scale=args.time_scale,
        references=tuple(address(url, "--reference") for url in args.reference), scenarios=tuple(args.scenario), webhook=(host.strip("[]"), int(port)),
    )  # fmt: skip


def _usage(flag: str, what: str, fix: str) -> GeneratorError:
    return GeneratorError([Problem(flag, 1, what, fix)])


def _deliver(text: str, path: Path | None) -> None:
    if path is None:
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise _usage(str(path), f"cannot be written: {error.strerror}", "name a writable file with --output") from error


class _Progress:
    """One line on standard error: rewritten on a terminal, and elsewhere a plain line now and then."""

    #: Seconds between two lines where nothing can be rewritten.
    _QUIET = 5.0

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._next = time.monotonic() + self._QUIET
        self._width = 0

    def show(self, line: str) -> None:
        if self._live:
            print(f"\r{line:{self._width}}", end="", file=sys.stderr, flush=True)
            self._width = len(line)
        elif time.monotonic() >= self._next:
            print(line, file=sys.stderr, flush=True)
            self._next = time.monotonic() + self._QUIET

    def end(self) -> None:
        if self._live and self._width:
            print(f"\r{'':{self._width}}\r", end="", file=sys.stderr, flush=True)
