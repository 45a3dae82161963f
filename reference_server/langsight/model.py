"""LangSight as one of the systems whose metrics follow from rates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from reference_server.core.rates.model import Model
from reference_server.langsight import settings
from reference_server.langsight.page import CONTENT_TYPE, write
from reference_server.langsight.routes import routes
from reference_server.langsight.work import LangSightWorkload, begin, ready, tick

#: Of the API, which has the page. Source: seed 002.
PORT = 8000


def adapt(workload: LangSightWorkload, environment: Mapping[str, str]) -> LangSightWorkload:
    """Let the environment decide what the code counts."""
    own = settings.read(environment)
    if own.feed_buffer != settings.FEED[True][1]:
        workload = replace(workload, sse_buffer=own.feed_buffer)
    return replace(workload, **own.switches)


MODEL = Model(
    system="langsight",
    roles={"": 1},
    workload=LangSightWorkload,
    begin=begin,
    tick=tick,
    job=lambda _: "langsight",
    port=lambda _: PORT,
    page=write,
    prefix="langsight_",
    content_type=CONTENT_TYPE,
    routes=routes,
    adapt=adapt,
    probes=ready,
)
