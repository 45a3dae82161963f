"""Names of things in Grafana that a provisioning file refers to."""

from __future__ import annotations

import re
from collections.abc import Iterator

from generator.catalogue import Catalogue
from generator.errors import Problem
from generator.source import Document, short

#: Source: Grafana's `IsValidShortUID` and `IsShortUIDTooLong`.
_UID = re.compile(r"[a-zA-Z0-9_-]{1,40}")


def grafana(document: Document, catalogue: Catalogue) -> Iterator[Problem]:  # noqa: ARG001 - a check's signature
    """Yield uids that no data source can have, and a name that Grafana would fill from its environment."""
    where = ("formats", "grafana-alerting")
    own = document.data.get("formats", {}).get("grafana-alerting", {})
    for key in ("datasource_uid", "target_datasource_uid"):
        uid = own.get(key)
        if uid is not None and not _UID.fullmatch(uid) and (uid or key == "datasource_uid"):
            what = f"{key!r} is {short(uid)}, which is no uid of a data source"
            yield document.problem((*where, key), what, "write letters, digits, - and _, at most 40")
    name = own.get("default_contact_point", "x")
    if "$" in name or not name.strip() or not name.isprintable():
        what = f"'default_contact_point' is {short(name)}, which is no name of a contact point"
        yield document.problem((*where, "default_contact_point"), what, "write the name that Grafana lists, without $")
