"""The command line: the one module that reads arguments, writes files, prints and exits.

Exit codes: 0 all is well; 1 something is wrong with catalogue, configuration, boards, rules or files; 2 wrong usage.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from generator.errors import GeneratorError, Problem

if TYPE_CHECKING:
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
    generate.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="where to write; default: here")
    check = command("check", _check, "Say which files differ from what the generator makes; write nothing.")
    check.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="where the files are; default: here")
    lint = command("lint", _lint, "Run the named checks over catalogue, rules, dashboards and scrape files.")
    lint.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="where the files are; default: here")
    lint.add_argument("--format", choices=("text", "json", "github"), default="text")
    lint.add_argument("--list", action="store_true", help="list the checks and what each is for")
    listing = command("list", _list, "List what there is.")
    listing.add_argument("what", choices=("metrics", "boards", "rules"))
    listing.add_argument("--format", choices=("text", "json"), default="text")
    return parser


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
    bundle = _bundle(args)
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


def _write(texts: Mapping[PurePosixPath, str], root: Path) -> int:
    """Write what changed. Every text is on disk before the first file is replaced, so a full disk leaves the old ones."""
    staged: list[tuple[Path, Path]] = []
    try:
        for name, text in texts.items():
            path = root / name
            if _same(path, text):
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
            staged.append((Path(temporary), path))
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(temporary).chmod(0o644)
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
