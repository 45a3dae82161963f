"""Where links and notifications go: URLs that lead somewhere, and credentials in files of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from generator.catalogue import Catalogue
from generator.config.checks.addresses import display, url
from generator.errors import Problem
from generator.source import Document, Place, short

#: A folder or an address to which the name of a page is added.
_RELATIVE = re.compile(r"/?[A-Za-z0-9._~-][A-Za-z0-9._~/-]*")


def links(document: Document, catalogue: Catalogue) -> Iterator[Problem]:  # noqa: ARG001 - a check's signature
    """Yield addresses of pages, of runbooks, of Grafana and of the webhook that lead nowhere, and credentials that nobody can use."""
    alerts, alertmanager = document.data.get("alerts", {}), document.data.get("alertmanager", {})
    if (grafana := alerts.get("grafana_url")) and (why := url(grafana)):
        fix = "write where Grafana answers, such as https://grafana.example.com"
        yield document.problem(("alerts", "grafana_url"), f"'grafana_url' is {display(grafana)}, which {why}", fix)
    if (docs := document.data.get("docs_url")) and (why := url(docs)):
        fix = "write a URL to which /metrics/SYSTEM.html can be added, such as https://docs.example.com"
        yield document.problem(("docs_url",), f"'docs_url' is {display(docs)}, which {why}", fix)
    runbooks = alerts.get("runbook_base_url", "docs")
    if not (_RELATIVE.fullmatch(runbooks) and "//" not in runbooks) and (why := url(runbooks)):
        what = f"'runbook_base_url' is {display(runbooks)}, which {why}"
        fix = "write a URL to which /NAME.md can be added, or a folder such as docs/runbooks"
        yield document.problem(("alerts", "runbook_base_url"), what, fix)
    yield from _webhook(document, alertmanager)
    yield from _path(document, alertmanager.get("path_prefix", ""))
    for key in ("basic_auth", "webhook_basic_auth"):
        yield from _user(document, alertmanager, key)
    yield from _one_of(document, alertmanager, "basic_auth", "bearer_token_file")
    yield from _one_of(document, alertmanager, "webhook_basic_auth", "webhook_bearer_token_file")


def _webhook(document: Document, alertmanager: Mapping[str, Any]) -> Iterator[Problem]:
    where, address = ("alertmanager", "webhook_url"), alertmanager.get("webhook_url", "")
    if address and (why := url(address, query=True)):
        fix = "write where notifications are posted, such as http://pager:9095/"
        if "password" in why:
            fix = "take it out and write webhook_basic_auth: {username: NAME, password_file: FILE}"
        yield document.problem(where, f"'webhook_url' is {display(address)}, which {why}", fix)
    for key in ("webhook_basic_auth", "webhook_bearer_token_file"):
        if alertmanager.get(key) and not address and not document.dropped(*where):
            yield document.problem(
                ("alertmanager", key), f"nothing uses {key}: there is no webhook_url", "add webhook_url"
            )


def _path(document: Document, path: str) -> Iterator[Problem]:
    if path and not (re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", path)):
        what = f"'path_prefix' is {short(path)}, which is no path"
        yield document.problem(
            ("alertmanager", "path_prefix"), what, "write it as /alertmanager, without a slash at its end"
        )


def _user(document: Document, alertmanager: Mapping[str, Any], key: str) -> Iterator[Problem]:
    user = alertmanager.get(key, {}).get("username", "")
    if ":" in user:
        what = "'username' has a colon in it, and a server takes what follows for the password"
        yield document.problem(
            ("alertmanager", key, "username"), what, "write the name alone; the password is in password_file"
        )


def _one_of(document: Document, alertmanager: Mapping[str, Any], one: str, other: str) -> Iterator[Problem]:
    if alertmanager.get(one) and alertmanager.get(other):
        place: Place = ("alertmanager", other)
        yield document.problem(place, f"{one} and {other} are both given, and a request has one of them", "keep one")
