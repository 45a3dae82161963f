"""Globs of files: what Prometheus takes, so that the configuration loads and something is found."""

from __future__ import annotations

import re
from collections.abc import Iterator

from generator.catalogue import Catalogue
from generator.errors import Problem
from generator.source import Document, Place, short

#: Prometheus, config/config.go and discovery/file/file.go: one asterisk at most, in the last part of the path.
_GLOB = re.compile(r"[^*]*(\*[^/]*)?")
_TARGETS = re.compile(r"[^*]*(\*[^/]*)?\.(json|yml|yaml|JSON|YML|YAML)")


def files(document: Document, catalogue: Catalogue) -> Iterator[Problem]:  # noqa: ARG001 - a check's signature
    """Yield globs that Prometheus refuses, and paths that lead elsewhere than it looks."""
    for place, path in _paths(document):
        if why := _unexpanded(path):
            yield document.problem(
                place, f"{short(path)} {why}", "write the whole path, from / on, or one beside prometheus.yml"
            )
    for number, glob in enumerate(document.data.get("rule_files", ())):
        if why := _wrong(glob):
            yield document.problem(
                ("rule_files", number), f"{short(glob)} {why}", "write one such as /etc/prometheus/rules/*.yaml"
            )
    for name, system in document.data.get("systems", {}).items():
        for number, glob in enumerate(system.get("scrape", {}).get("files", ())):
            why = _wrong(glob)
            if not why and not _TARGETS.fullmatch(glob):
                why = "does not end in .json, .yml or .yaml, and Prometheus reads no other target files"
            if why:
                place = ("systems", name, "scrape", "files", number)
                yield document.problem(
                    place, f"{short(glob)} {why}", f"write one such as /etc/prometheus/targets/{name}*.yaml"
                )


def _paths(document: Document) -> Iterator[tuple[Place, str]]:
    """Yield every path that a server opens, with its place."""
    alertmanager = document.data.get("alertmanager", {})
    for number, glob in enumerate(document.data.get("rule_files", ())):
        yield ("rule_files", number), glob
    for name, system in document.data.get("systems", {}).items():
        scrape, where = system.get("scrape", {}), ("systems", name, "scrape")
        yield from (((*where, "files", number), glob) for number, glob in enumerate(scrape.get("files", ())))
        yield (*where, "bearer_token_file"), scrape.get("bearer_token_file", "")
    for prefix in ("", "webhook_"):
        token, access = f"{prefix}bearer_token_file", f"{prefix}basic_auth"
        yield ("alertmanager", token), alertmanager.get(token, "")
        yield ("alertmanager", access, "password_file"), alertmanager.get(access, {}).get("password_file", "")


def _unexpanded(path: str) -> str:
    """Return what a shell would put into a path, and no server does; nothing when there is nothing of the kind."""
    if path == "~" or path.startswith("~/"):
        return "begins with ~, and no server knows whose home that is"
    variable = re.search(r"\$(\w+|\{[^}]*\}|\()", path)
    return f"has {variable[0]} in it, and no server puts a variable into a path" if variable else ""


def _wrong(glob: str) -> str:
    """Return why Prometheus refuses a glob; nothing when it takes it."""
    if not _GLOB.fullmatch(glob):
        return "has an asterisk before its last part, or two of them"
    if glob.endswith("/"):
        return "is a folder"
    return "has a [ without its ], or a backslash at its end" if _torn(glob) else ""


def _torn(glob: str) -> bool:
    """Say whether Go's `filepath.Match` finds a class or an escape that never ends."""
    rest = re.sub(r"\\.", "", glob)
    rest = re.sub(r"\[\^?[^\]\[-](-[^\]\[-])?([^\]\[-](-[^\]\[-])?)*\]", "", rest)
    return "[" in rest or rest.endswith("\\")
