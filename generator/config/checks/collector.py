"""Where a Collector hands series to, and by which component: none that renames them."""

from __future__ import annotations

from collections.abc import Iterator

from generator.catalogue import Catalogue
from generator.config.checks.addresses import display, url
from generator.errors import Problem
from generator.source import Document

#: The exporter whose page is scraped. It adds units and `_total`, and the labels of a target come back as `exported_…`.
_RENAMES = "prometheus"


def collector(document: Document, catalogue: Catalogue) -> Iterator[Problem]:  # noqa: ARG001 - a check's signature
    """Yield an exporter that renames, and an endpoint that is none."""
    where = ("formats", "collector")
    own = document.data.get("formats", {}).get("collector", {})
    if own.get("exporter") == _RENAMES:
        what = (
            f"the exporter '{_RENAMES}' of the Collector adds units and _total to names, and shows all targets as one"
        )
        fix = "use prometheus_remote_write or otlp_http, which leave names and labels as they are"
        yield document.problem((*where, "exporter"), what, fix)
    if (endpoint := own.get("endpoint")) and (why := url(endpoint, query=True)):
        what = f"'endpoint' is {display(endpoint)}, which {why}"
        yield document.problem((*where, "endpoint"), what, "write a URL, such as http://prometheus:9090/api/v1/write")
