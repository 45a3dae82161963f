"""Build the documentation as a site: what is in README.md and docs/, with the boards, rules and scrape files that they link to.

Usage: `make site`, which writes build/site; with CONFIG=bundle.yaml the pages of that installation (the format docs) stand in
place of those of the defaults. Strict: a link or an anchor that leads nowhere ends the build. No page asks another host for
anything. What pages link to in the code is no part of the site: there the link becomes its text.
"""

from __future__ import annotations

import argparse
import logging
import posixpath
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]

#: Files that pages link to, as globs from the root.
FILES = (
    "*.md",
    "LICENSE",
    "docs/**/*.md",
    "docs/images/**/*",
    "dashboards/*",
    "alerts/*",
    "scrape/*",
    "docker-compose.yml",
)

#: The parts of the site in order: what each is called, and its pages in docs/.
PARTS: Mapping[str, tuple[str, ...]] = {
    "Tasks": (
        "tasks/first_look", "tasks/prometheus", "tasks/kubernetes", "tasks/other_engines", "tasks/grafana_cloud", "tasks/datadog",
        "tasks/thresholds", "tasks/upgrade", "tasks/own_system", "tasks/blank", "tasks/on_call",
    ),
    "Use": ("configuration", "doctor", "cost", "validate", "own_system", "upgrade", "diff", "backtest", "exposure", "logs", "docker", "release"),
    "Boards and alerts": ("boards", "boards_compared", "faults", "alerts"),
    "Systems": ("agentgateway", "langsmith", "versions"),
    "Formats": ("formats",),
    "Proof": (
        "proof", "fidelity", "scenarios", "engines", "checks", "coverage", "refused", "performance", "live", "reference_server",
    ),
    "About": ("glossary",),
}  # fmt: skip

#: Folders of docs/ whose pages have an index, with its title and the part that it is in.
FOLDERS = {
    "tasks": ("Tasks", ""),  # each is in its own part
    "runbooks": ("Runbooks", "Boards and alerts"),
    "metrics": ("Metrics", "Systems"),
    "formats": ("Formats", "Formats"),
}

_LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\((?!https?://|#|mailto:)([^()\s]+)\)")
_FENCE = re.compile(r"^(```|~~~).*?^\1\s*$", re.MULTILINE | re.DOTALL)


def staged() -> dict[str, Path]:
    """Return every file of the site by its path there; README.md is the first page."""
    found = {path.relative_to(ROOT).as_posix(): path for glob in FILES for path in ROOT.glob(glob) if path.is_file()}
    found["index.md"] = found.pop("README.md")
    return found


def installed(config: Path, folder: Path) -> dict[str, Path]:
    """Write the pages of an installation below a folder.

    Returns:
        The pages, by their path in the site.

    Raises:
        GeneratorError: The configuration is wrong.

    """
    from generator.bundle import build as bundle
    from generator.bundle import installation
    from generator.catalogue import load
    from generator.outputs import FORMATS

    out = {}
    for path, text in FORMATS["docs"].render(bundle(installation(load(), config))).items():
        out[str(path)] = folder / path
        out[str(path)].parent.mkdir(parents=True, exist_ok=True)
        out[str(path)].write_text(text, encoding="utf-8")
    return out


def page(name: str, text: str, known: Mapping[str, Path]) -> str:
    """Return the text of a page whose links lead to pages and files of the site; other links are text."""
    folder = posixpath.dirname(name)

    def linked(match: re.Match[str]) -> str:
        path, mark, anchor = match[2].partition("#")
        target = posixpath.normpath(posixpath.join(folder, path))
        target = "index.md" if target == "README.md" else target
        if target not in known and f"{target}/index.md" in known:
            target = f"{target}/index.md"
        if target not in known:
            return match[1]
        return f"[{match[1]}]({posixpath.relpath(target, folder or '.')}{mark}{anchor})"

    out, end = [], 0
    for fence in _FENCE.finditer(text):
        out += [_LINK.sub(linked, text[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join((*out, _LINK.sub(linked, text[end:])))


def index(folder: str, title: str, known: Mapping[str, Path]) -> str:
    """Return a page that lists those of a folder."""
    names = sorted(n for n in known if posixpath.dirname(n) == f"docs/{folder}" and n.endswith(".md"))
    return "".join((f"# {title}\n\n", *(f"- [{heading(known[n])}]({posixpath.basename(n)})\n" for n in names)))


def heading(path: Path) -> str:
    """Return the first heading of a page."""
    found = re.search(r"^# (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return found[1] if found else path.stem


def navigation(known: Mapping[str, Path]) -> Iterator[dict[str, Any]]:
    """Yield the entries of the navigation; folders of many pages are one entry, their index."""
    yield {"Start": "index.md"}
    if "docs/limits.md" in known:
        yield {"This installation": ["docs/index.md", "docs/limits.md", "docs/left_out.md"]}
    for part, names in PARTS.items():
        pages: list[Any] = [f"docs/{name}.md" for name in names]
        for folder, (title, where) in FOLDERS.items():
            if where == part and folder == "runbooks":
                pages.append({title: f"docs/{folder}/index.md"})
            elif where == part:
                pages += sorted(n for n in known if posixpath.dirname(n) == f"docs/{folder}" and n.endswith(".md"))
        yield {part: pages + (["CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"] if part == "About" else [])}


def configuration(source: Path, out: Path, known: Mapping[str, Path]) -> dict[str, Any]:
    """Return what MkDocs is told."""
    schemes = (("default", "slate", "dark"), ("slate", "default", "light"))
    return {
        "site_name": "agent-observability",
        "docs_dir": str(source),
        "site_dir": str(out),
        "use_directory_urls": False,  # it can be read from a folder too
        "nav": list(navigation(known)),
        "theme": {
            "name": "material",
            "font": False,
            "features": ["navigation.tabs", "navigation.top", "toc.follow", "content.code.copy", "search.highlight"],
            "palette": [
                {"scheme": scheme, "primary": "indigo", "toggle": {"icon": "material/brightness-6", "name": f"Switch to {name}"}}
                for scheme, _, name in schemes
            ],
        },
        "plugins": ["search"],
        "markdown_extensions": [
            "tables", "attr_list", "sane_lists", {"toc": {"permalink": True}}, "pymdownx.superfences", {"pymdownx.highlight": {"pygments_lang_class": True}},
        ],
        "extra": {"generator": False},
        "validation": {
            "omitted_files": "ignore", "absolute_links": "warn", "unrecognized_links": "warn", "anchors": "warn",
        },
    }  # fmt: skip


def build(out: Path, config: Path | None = None) -> int:
    """Build the site below a folder.

    Args:
        out: The folder.
        config: The bundle.yaml whose pages stand in place of those of the defaults.

    Returns:
        How many pages it has.

    Raises:
        mkdocs.exceptions.Abort: A link or an anchor leads nowhere.
        GeneratorError: The configuration is wrong.

    """
    from mkdocs.commands.build import build as made
    from mkdocs.config import load_config

    with tempfile.TemporaryDirectory() as folder:
        known = staged() | (installed(config, Path(folder) / "made") if config else {})
        known |= {f"docs/{name}/index.md": Path() for name in FOLDERS}
        source = Path(folder) / "source"
        for name, path in known.items():
            place = source / name
            place.parent.mkdir(parents=True, exist_ok=True)
            if path == Path():
                stem = posixpath.basename(posixpath.dirname(name))
                real = {n: p for n, p in known.items() if p != Path()}
                place.write_text(index(stem, FOLDERS[stem][0], real), encoding="utf-8")
            elif name.endswith(".md"):
                place.write_text(page(name, path.read_text(encoding="utf-8"), known), encoding="utf-8")
            else:
                shutil.copyfile(path, place)
        mkdocs_file = Path(folder) / "mkdocs.yml"
        real = {n: p for n, p in known.items() if p != Path()}
        mkdocs_file.write_text(
            yaml.safe_dump(configuration(source, out.resolve(), real), sort_keys=False), encoding="utf-8"
        )
        made(load_config(str(mkdocs_file), strict=True))
    return sum(name.endswith(".md") for name in known)


def main() -> int:
    """Build the site, and tell where it is. Returns 1 where the configuration is wrong."""
    from generator.errors import GeneratorError

    parser = argparse.ArgumentParser(description="Build the documentation as a site.")
    parser.add_argument("out", nargs="?", type=Path, default=ROOT / "build" / "site", help="default: build/site")
    parser.add_argument(
        "--config", type=Path, help="the bundle.yaml whose pages stand in place of those of the defaults"
    )
    args = parser.parse_args()
    try:
        pages = build(args.out, args.config)
    except GeneratorError as error:
        sys.stderr.write("".join(f"{problem}\n" for problem in error.problems))
        return 1
    sys.stdout.write(f"{pages} pages: {args.out / 'index.html'}\n")
    return 0


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    sys.exit(main())
