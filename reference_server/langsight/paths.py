"""The `path` label: what becomes `{id}` by the documentation, and what does in the code.

Source: seed 002, path normalization; `api/metrics.py` of LangSight.
"""

from __future__ import annotations

import string

#: Segments of more characters than this, all of them hex digits or hyphens, are identifiers.
LONGEST_WORD = 8

#: Paths that are not counted, by exact match.
SKIPPED = frozenset({"/metrics", "/api/liveness", "/api/readiness"})

_HEX = frozenset(string.hexdigits + "-")


def normalised(path: str, *, documented: bool) -> str:
    """Return the label of a URL path.

    Args:
        path: The raw path.
        documented: A slug with a number, such as `proj-xyz-789`, is an identifier too. The code leaves it as it is, so
            nothing bounds the number of paths.

    """
    parts = path.strip("/").split("/")
    return "/" + "/".join("{id}" if _identifies(part, documented=documented) else part for part in parts)


def _identifies(part: str, *, documented: bool) -> bool:
    if len(part) > LONGEST_WORD and set(part) <= _HEX:
        return True
    return documented and "-" in part and any(c.isdigit() for c in part)
