"""Pictures of boards in docs/images: which board each shows, and how that board looked when it was drawn.

A picture and its board belong together while rows, panels, their places, titles and columns are the same; other queries, limits or
words of a description change nothing that makes a picture wrong. `make render` takes them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
MANIFEST = IMAGES / "pictures.json"

#: Bytes of all pictures together at most: a repository keeps every version of each.
MOST = 6_000_000

Json = Any


def shape(board: Json) -> str:
    """Return a hash of what is seen of a board: its rows and panels, their kinds, titles, places and columns."""
    seen = [[board["title"]], *(_seen(panel) for top in board["panels"] for panel in (top, *top.get("panels", ())))]
    return hashlib.sha256(json.dumps(seen, sort_keys=True).encode()).hexdigest()[:16]


def _seen(panel: Json) -> Json:
    renamed = [one["options"].get("renameByName", {}) for one in panel.get("transformations", ())]
    return [panel["type"], panel["title"], panel["gridPos"], bool(panel.get("collapsed")), renamed]


def shapes() -> dict[str, str]:
    """Return the shape of every committed board by its stem."""
    paths = sorted((ROOT / "dashboards").glob("*.json"))
    return {path.stem: shape(json.loads(path.read_text(encoding="utf-8"))) for path in paths}


def note(pictures: Mapping[str, str]) -> None:
    """Write down which boards pictures show that were just taken: names below docs/images, each with the stem of its board."""
    known = json.loads(MANIFEST.read_text(encoding="utf-8")) if MANIFEST.exists() else {}
    now = shapes()
    known |= {name: {"board": stem, "shape": now[stem]} for name, stem in pictures.items()}
    hashes = {name: one for name, one in sorted(known.items()) if (IMAGES / name).exists()}
    MANIFEST.write_text(json.dumps(hashes, indent=1) + "\n", encoding="utf-8")


def stale() -> Iterator[str]:
    """Yield what does not belong together: pictures of another board than there is, boards without one, files that nobody noted."""
    noted = json.loads(MANIFEST.read_text(encoding="utf-8"))
    now = shapes()
    files = {path.relative_to(IMAGES).as_posix() for path in IMAGES.rglob("*") if path.is_file() and path != MANIFEST}
    for name, one in noted.items():
        if now.get(one["board"]) != one["shape"]:
            yield f"docs/images/{name} shows another {one['board']} than there is; `make render ARGS={one['board']}`"
    for name in sorted(files ^ noted.keys()):
        yield f"docs/images/{name} is {'in no list' if name in files else 'not there'}; `make render`"
    for stem in sorted(now.keys() - {one["board"] for name, one in noted.items() if "/" not in name}):
        yield f"{stem} has no picture; `make render ARGS={stem}`"
    size = sum((IMAGES / name).stat().st_size for name in files)
    if size > MOST:
        yield f"docs/images has {size:,} bytes, more than {MOST:,}; take smaller ones"
