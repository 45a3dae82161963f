"""Write the generated parts of README.md and docs/: boards, limits, checks. `--check` only says what differs.

A generated part stands between two comments, `<!-- name ... -->` and `<!-- /name -->`.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from generator.bundle import build
from generator.catalogue import load
from generator.catalogue.lint import RULES, slug
from generator.config import read
from generator.limits import LIMITS
from generator.lint import CHECKS
from generator.listing import boards
from generator.site import Site
from generator.units import number

ROOT = Path(__file__).parent.parent


def parts() -> dict[str, list[str]]:
    """Return the lines of each generated part by its name."""
    catalogue = load()
    bundle = build(Site(catalogue, read(catalogue)))
    return {
        "boards": [
            "| board | answers |",
            "| --- | --- |",
            *(f"| [{row['title']}](dashboards/{row['board']}.json) | {row['about']} |" for row in boards(bundle)),
        ],
        "limits": [
            "| threshold | default | unit | why |",
            "| --- | --- | --- | --- |",
            *(f"| `{limit.name}` | {number(limit.value)} | {limit.unit} | {limit.why} |" for limit in LIMITS),
        ],
        "checks": [
            "| check | what it wants |",
            "| --- | --- |",
            *(f"| `{check.name}` | {check.about} |" for check in CHECKS),
        ],
        "rules": [
            "| rule | what it wants |",
            "| --- | --- |",
            *(f"| `{slug(rule)}` | {(rule.__doc__ or '').splitlines()[0]} |" for rule in RULES),
        ],
    }


def written(text: str, made: dict[str, list[str]]) -> str:
    """Return a document with its generated parts as they must be."""
    for name, lines in made.items():
        body = "\n".join(lines)
        text = re.sub(
            rf"(<!-- {name}\b[^>]*-->\n).*?(<!-- /{name} -->)", rf"\g<1>{_literal(body)}\n\g<2>", text, flags=re.DOTALL
        )
    return text


def _literal(text: str) -> str:
    return text.replace("\\", "\\\\")


def main() -> int:
    """Write, or check, every document."""
    made = parts()
    stale = []
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        text = path.read_text(encoding="utf-8")
        new = written(text, made)
        if new != text:
            stale.append(path)
            if "--check" not in sys.argv:
                path.write_text(new, encoding="utf-8")
    for path in stale:
        print(f"{path.relative_to(ROOT)}: {'differs; run `make docs`' if '--check' in sys.argv else 'written'}")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
