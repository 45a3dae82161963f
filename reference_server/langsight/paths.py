"""The `path` label: what becomes `{id}` by the documentation, and what does in the code.

Source: seed 002, path normalization; `api/metrics.py` of LangSight.
"""

from __future__ import annotations

import string
from urllib.parse import urlsplit

#: Segments of more characters than this, all of them hex digits or hyphens, are identifiers.
LONGEST_WORD = 8

#: Longest path that is a label value as it is, in characters; of a longer one the beginning is.
LONGEST = 256

#: Different pairs of method and path that one process tells apart: the real server has no bound, so its page grows until
#: nobody can scrape it. From here on this one counts all further paths of a method as one.
MOST = 1_000

#: What these are counted as, and verbs that HTTP does not know.
OTHER, OTHER_METHOD = "/{other}", "OTHER"

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})

#: Paths that are not counted, by exact match.
SKIPPED = frozenset({"/metrics", "/api/liveness", "/api/readiness"})

_HEX = frozenset(string.hexdigits + "-")


def parsed(path: str) -> str:
    """Return the path of a request as the code sees it: decoded, and then read as a part of a URL once more.

    So what follows a `?` or a `#` that was escaped is cut off, and line breaks are gone.
    """
    return urlsplit(f"http://langsight{path}").path


def normalised(path: str, *, documented: bool) -> str:
    """Return the label of a URL path.

    Args:
        path: The raw path.
        documented: A slug with a number, such as `proj-xyz-789`, is an identifier too. The code leaves it as it is, so
            nothing bounds the number of paths.

    """
    parts = path[:LONGEST].strip("/").split("/")
    return "/" + "/".join("{id}" if _identifies(part, documented=documented) else part for part in parts)


def bounded_labels(method: str, path: str, known: set[tuple[str, str]]) -> tuple[str, str]:
    """Return the labels of a request as a process counts it that has seen the pairs in `known`; a new pair is added."""
    pair = method if method in METHODS else OTHER_METHOD, path
    if pair not in known:
        if len(known) >= MOST:
            return pair[0], OTHER
        known.add(pair)
    return pair


def _identifies(part: str, *, documented: bool) -> bool:
    if len(part) > LONGEST_WORD and set(part) <= _HEX:
        return True
    return documented and "-" in part and any(c.isdigit() for c in part)
