"""What Perses calls the project, and where it asks Prometheus."""

from __future__ import annotations

import re
from collections.abc import Iterator

from generator.catalogue import Catalogue
from generator.config.checks.addresses import display, url
from generator.errors import Problem
from generator.source import Document, short

#: How Perses' own names are. Source: `pkg/model/api/v1/common/validate.go`.
_NAME = re.compile(r"[a-zA-Z0-9_.-]{1,75}")


def perses(document: Document, catalogue: Catalogue) -> Iterator[Problem]:  # noqa: ARG001 - a check's signature
    """Yield a project that Perses does not take, and an address that it cannot ask."""
    where, own = ("formats", "perses"), document.data.get("formats", {}).get("perses", {})
    if "project" in own and not _NAME.fullmatch(own["project"]):
        what = f"'project' is {short(own['project'])}, which is no name in Perses"
        yield document.problem((*where, "project"), what, "write letters, digits, _, . and -, at most 75")
    if "prometheus" in own and (why := url(own["prometheus"])):
        what = f"'prometheus' is {display(own['prometheus'])}, which {why}"
        yield document.problem((*where, "prometheus"), what, "write a URL, such as http://prometheus:9090")
