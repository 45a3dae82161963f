"""The HTTP interface that Prometheus and VictoriaMetrics share. Each function takes the loopback port of a running server.

Targets, rule groups and alerts are read by the client of `agentobs validate`. Queries are not: their values are what that
client, the panels and the alerts are judged by, so they are read without it. Besides, it keeps no times of a range, and
bounds what it reads below what a history of days has.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlencode

from generator.validate.access import Access
from generator.validate.probe import Probe, ProbeError
from generator.validate.prometheus import ActiveTarget, Alert, Prometheus, RuleGroup
from testbed.servers.loopback import ANSWER_SECONDS, OK, ServerError, ask
from testbed.servers.remote_write import History, write_request

Found = TypeVar("Found")

#: Samples in one remote-write request. At 18 bytes each this stays far below every size limit.
PUSH_SAMPLES = 200_000

#: An accepted write is answered with this.
NO_CONTENT = 204


class Sample(NamedTuple):
    """One series at one instant."""

    labels: dict[str, str]
    value: float


class Series(NamedTuple):
    """One series over a range; `values` maps unix seconds to values, in order of time."""

    labels: dict[str, str]
    values: dict[float, float]


def query(port: int, expr: str, time: float | None, **further: object) -> list[Sample]:
    """Return the result of an instant query, in the server's order; a scalar is a sample without labels.

    Args:
        time: Unix seconds; None means now.
        further: Further parameters.

    Raises:
        ServerError: The server refuses the query.
    """
    data = call(port, "POST", "query", query=expr, **({} if time is None else {"time": time}), **further)
    if data["resultType"] == "scalar":
        return [Sample({}, float(data["result"][1]))]
    return [Sample(one["metric"], float(one["value"][1])) for one in data["result"]]


def query_range(port: int, expr: str, start: float, end: float, step: float, **further: object) -> list[Series]:
    """Return the result of a range query from `start` to `end`, both included; all three in seconds.

    Raises:
        ServerError: The server refuses the query.
    """
    data = call(port, "POST", "query_range", query=expr, start=start, end=end, step=step, **further)
    return [Series(one["metric"], {float(at): float(value) for at, value in one["values"]}) for one in data["result"]]


def targets(port: int) -> list[ActiveTarget]:
    """Return the active targets.

    Raises:
        ServerError: The server does not say.
    """
    return _by_client(port, Prometheus.targets)


def groups(port: int) -> list[RuleGroup]:
    """Return the loaded rule groups in their order, with each rule's health and last error.

    Raises:
        ServerError: The server does not say.
    """
    return _by_client(port, Prometheus.groups)


def alerts(port: int) -> list[Alert]:
    """Return the alerts that are pending or firing at this moment.

    Raises:
        ServerError: The server does not say.
    """
    return _by_client(port, Prometheus.alerts)


def _by_client(port: int, read: Callable[[Prometheus], Found]) -> Found:
    with closing(Probe("the server", f"http://127.0.0.1:{port}", Access(), timeout=ANSWER_SECONDS)) as probe:
        try:
            return read(Prometheus(probe))
        except ProbeError as error:
            raise ServerError(str(error)) from error


def push(port: int, series: Iterable[History], times: Sequence[float], path: str = "/api/v1/write") -> None:
    """Write histories, as if they had been scraped.

    Args:
        series: Labels with `__name__`, and one value for each time: a number, None where a
            scrape is missing, or STALE where the series ends.
        times: Unix seconds, ascending.
        path: Where the server takes remote writes.

    Raises:
        ServerError: The server refuses a sample, for example one too far in the past.
        ValueError: The numbers of values and times differ, or a time cannot be written.
    """
    for part in _batches(series, max(1, PUSH_SAMPLES // max(1, len(times)))):
        status, body = ask(
            port,
            "POST",
            path,
            write_request(part, times),
            {
                "Content-Encoding": "snappy",
                "Content-Type": "application/x-protobuf",
                "X-Prometheus-Remote-Write-Version": "0.1.0",
            },
        )
        if status not in (OK, NO_CONTENT):
            raise ServerError(body.decode().strip())


def call(port: int, method: str, name: str, **form: object) -> Any:
    """Return the `data` of an answer of `/api/v1/<name>`.

    Raises:
        ServerError: The answer is an error.
    """
    text = urlencode(form)
    path = f"/api/v1/{name}"
    if method == "GET":
        return data_of(*ask(port, "GET", f"{path}?{text}"))
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    return data_of(*ask(port, "POST", path, text.encode(), kind))


def data_of(status: int, body: bytes) -> Any:
    """Return the `data` of an answer in JSON.

    Raises:
        ServerError: The status is not 200; has the server's own words.
    """
    try:
        answer = json.loads(body)
    except ValueError:
        answer = {"error": body.decode(errors="replace").strip()}
    if status != OK:
        raise ServerError(answer.get("error", status))
    return answer["data"]


def _batches(series: Iterable[History], size: int) -> Iterator[list[History]]:
    batch: list[History] = []
    for history in series:
        batch.append(history)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
