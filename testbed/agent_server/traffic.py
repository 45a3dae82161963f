"""Traffic for a real Agent Server. What its metrics make of it is left to the tests."""

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import requests

from testbed import exposition
from testbed.agent_server.client import ANSWER_SECONDS, Client, Request
from testbed.agent_server.jobs import JOBS, ORDINARY
from testbed.servers.loopback import wait_until

#: Longest wait for the metrics page to show everything. Gauges follow within a second, or within
#: a minute when the server's `STATS_INTERVAL_SECS` was left alone.
SHOW_SECONDS = 90

#: Counters of which every attempt of a run raises exactly one when it ends.
OUTCOMES = (
    "run_success_counter_total",
    "run_failed_after_retry_counter_total",
    "run_failed_retriable_counter_total",
    "run_canceled_by_request_counter_total",
)


class Driven(NamedTuple):
    """The metrics page after the traffic, and how often each request was sent."""

    page: str
    sent: Counter[Request]


def drive(url: str) -> Driven:
    """Send all the traffic at once and wait until the metrics page shows its effects.

    Takes some seven seconds. A server may be driven more than once.

    Args:
        url: The server, without a slash at the end.

    Returns:
        The metrics page, and how often each request was sent.

    Raises:
        AssertionError: The server answers otherwise than it should.
        TimeoutError: Something does not end, or does not show.
    """
    before = _counts(_read(url))
    sent: Counter[Request] = Counter()
    pool = ThreadPoolExecutor(len(JOBS))
    try:
        for done in [pool.submit(_run, job, url) for job in JOBS]:
            sent += done.result()
    finally:
        # After Ctrl-C the server is about to be killed, which ends the jobs that still wait.
        pool.shutdown(wait=False, cancel_futures=True)
    page = wait_until(
        lambda: _complete_page(url, before + sent),
        what="the metrics page to show all traffic",
        limit_seconds=SHOW_SECONDS,
    )
    return Driven(page, sent)


#: Seconds between two of these.
PAUSE_SECONDS = 0.5


def ordinary(url: str, end: threading.Event) -> Counter[Request]:
    """Send ordinary traffic until `end` is set.

    Returns:
        How often each request was sent.

    Raises:
        AssertionError: The server answers otherwise than it should.
    """
    sent: Counter[Request] = Counter()
    for job in itertools.cycle(ORDINARY):
        if end.wait(PAUSE_SECONDS):
            break
        sent += _run(job, url)
    return sent


def _run(job: Callable[[Client], None], url: str) -> Counter[Request]:
    with Client(url) as client:
        job(client)
        return client.sent


def _read(url: str) -> str:
    answer = requests.get(f"{url}/metrics", timeout=ANSWER_SECONDS)
    answer.raise_for_status()
    return answer.text


def _counts(page: str) -> Counter[Request]:
    """How often the page says that each request came."""
    family = _family(exposition.parse(page), "http_requests_total")
    counts: Counter[Request] = Counter()
    for sample in family.samples:
        labels = sample.labels
        counts[Request(labels["method"], labels["path"], labels["status"])] += int(sample.value)
    return counts


def _complete_page(url: str, wanted: Counter[Request]) -> str:
    """Return the metrics page, once it shows all that is wanted and nothing runs any more; else nothing.

    A request is counted after its answer, an attempt after its end, and busy job slots now and
    then. Durations come last, unless the server was told to keep them to itself.
    """
    page = _read(url)
    families = exposition.parse(page)
    started = _family(families, "run_attempt_started_counter_total").total()
    ended = sum(_family(families, outcome).total() for outcome in OUTCOMES)
    durations = _family(families, "run_execution_latency")
    slots = _family(families, "workers_active")
    complete = (
        wanted <= _counts(page)
        and started == ended
        and (durations.total("_count") == started or not durations.samples)
        and slots.samples
        and slots.total() == 0
    )
    return page if complete else ""


def _family(families: Mapping[str, exposition.Family], name: str) -> exposition.Family:
    """Family of that name behind whatever prefix the server was given; empty if there is none."""
    found = [family for key, family in families.items() if key.endswith(name)]
    return found[0] if found else exposition.Family(name)
