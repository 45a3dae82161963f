"""Traffic for a real Agent Server: every kind of ending a run has, streams, and mistakes.

Each job below checks that the server answers as the job intends; what its metrics make of that is
left to the tests.
"""

import functools
import itertools
import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Self

import requests

from testbed import exposition
from testbed.agent_server.websocket import Conversation, websocket
from testbed.servers.loopback import wait_until

#: Longest wait for one answer. The longest job is the run that times out, after five seconds.
ANSWER_SECONDS = 60

#: Longest wait for the metrics page to show everything. Gauges follow within a second, or within
#: a minute when the server's `STATS_INTERVAL_SECS` was left alone.
SHOW_SECONDS = 90

#: Seconds a run sleeps that is meant to time out: longer than the server lets it, and short enough
#: to end by itself on a server that was told to let it.
TOO_LONG_SECONDS = 8

#: Steps of a run that overflows the replay buffer of protocol version 2.
MANY_STEPS = 12

#: How a run can end in the words of protocol version 2.
ENDS = {"completed", "failed", "interrupted"}

#: Counters of which every attempt of a run raises exactly one when it ends.
OUTCOMES = (
    "run_success_counter_total",
    "run_failed_after_retry_counter_total",
    "run_failed_retriable_counter_total",
    "run_canceled_by_request_counter_total",
)

WAIT = "/runs/wait"
STREAM = "/runs/stream"
THREADS = "/threads"
THREAD = "/threads/{thread_id}"
THREAD_RUNS = "/threads/{thread_id}/runs"
THREAD_STREAM = "/threads/{thread_id}/runs/stream"
THREAD_EVENTS = "/threads/{thread_id}/stream/events"
THREAD_COMMANDS = "/threads/{thread_id}/commands"
RUN = "/threads/{thread_id}/runs/{run_id}"
CANCEL = "/threads/{thread_id}/runs/{run_id}/cancel"

#: Paths that the server knows. It counts every other one as "".
PATHS = {
    WAIT,
    STREAM,
    THREADS,
    THREAD,
    THREAD_RUNS,
    THREAD_STREAM,
    THREAD_EVENTS,
    THREAD_COMMANDS,
    RUN,
    CANCEL,
}


class Request(NamedTuple):
    """One request as the server's metrics tell it; an unknown URL has the path ""."""

    method: str
    path: str
    status: str


class Driven(NamedTuple):
    """The metrics page after the traffic, and how often each request was sent."""

    page: str
    sent: Counter[Request]


def drive(url: str) -> Driven:
    """Send all the traffic at once and wait until the metrics page shows its effects.

    Takes some seven seconds. A server may be driven more than once.

    Args:
        url: The server, without a slash at the end.

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
        lambda: _settled(url, before + sent),
        what="the metrics page to show all traffic",
        limit_seconds=SHOW_SECONDS,
    )
    return Driven(page, sent)


class _Client:
    """Sends requests to templates of paths and counts them as the server does."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.sent: Counter[Request] = Counter()
        self._session = requests.Session()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        stream: bool = False,
        **places: str,
    ) -> requests.Response:
        """Send `body` to `path`, whose `{...}` are filled from `places`."""
        answer = self._session.request(
            method,
            self.url + path.format(**places),
            json=body,
            params=query,
            stream=stream,
            timeout=ANSWER_SECONDS,
        )
        counted = path if path in PATHS else ""
        self.sent[Request(method, counted, str(answer.status_code))] += 1
        return answer

    def wait(self, act: str, **more: Any) -> Any:
        """Final state of a run without a thread, or what went wrong under `__error__`."""
        answer = self.send("POST", WAIT, _start(act, **more))
        assert answer.status_code == requests.codes.ok, answer.text
        return answer.json()

    def thread(self) -> str:
        """Make a thread; return its id."""
        return str(self.send("POST", THREADS, {}).json()["thread_id"])


def _start(act: str, amount: float = 3, **more: Any) -> dict[str, Any]:
    return {"assistant_id": "agent", "input": {"act": act, "amount": amount}, **more}


def _succeed(client: _Client) -> None:
    for _ in range(3):
        assert client.wait("succeed")["steps"] == 1


def _fail(client: _Client) -> None:
    assert client.wait("fail")["__error__"]["error"] == "ValueError"


def _recurse(client: _Client) -> None:
    end = client.wait("recurse", config={"recursion_limit": 4})
    assert end["__error__"]["error"] == "GraphRecursionError"


def _retry(client: _Client) -> None:
    # What the error is called at last differs between the eras.
    assert "__error__" in client.wait("retry")


def _time_out(client: _Client) -> None:
    client.wait("sleep", amount=TOO_LONG_SECONDS)


def _interrupt(client: _Client) -> None:
    _cancel(client, "interrupt")


def _roll_back(client: _Client) -> None:
    _cancel(client, "rollback")


def _cancel(client: _Client, action: str) -> None:
    thread = client.thread()
    answer = client.send("POST", THREAD_RUNS, _start("sleep", amount=60), thread_id=thread)
    run = {"thread_id": thread, "run_id": answer.json()["run_id"]}
    wait_until(
        lambda: client.send("GET", RUN, **run).json()["status"] == "running",
        what="a run to start",
        limit_seconds=ANSWER_SECONDS,
    )
    answer = client.send("POST", CANCEL, query={"wait": "1", "action": action}, **run)
    assert answer.status_code == requests.codes.ok, answer.text


def _stream(client: _Client) -> None:
    for act, modes in (
        ("stream", ["values", "updates"]),
        ("chat", ["messages-tuple"]),
        ("custom", ["custom"]),
        ("ask", ["events"]),
    ):
        answer = client.send("POST", STREAM, _start(act, stream_mode=modes))
        assert answer.status_code == requests.codes.ok, answer.text


def _stream_thread(client: _Client) -> None:
    modes = ["values", "messages", "debug", "tasks", "checkpoints"]
    body = _start("chat", stream_mode=modes)
    answer = client.send("POST", THREAD_STREAM, body, thread_id=client.thread())
    assert set(re.findall("^event: (.*?)\r?$", answer.text, re.MULTILINE)) >= {*modes} - {"messages"} | {
        "messages/partial"
    }


def _read_thread(client: _Client) -> None:
    thread = client.thread()
    assert client.send("GET", THREAD, thread_id=thread).json()["status"] == "idle"


def _mistakes(client: _Client) -> None:
    assert client.send("GET", "/no/such/page").status_code == requests.codes.not_found
    answer = client.send("POST", WAIT, {"assistant_id": "nobody"})
    assert answer.status_code == requests.codes.unprocessable


def _events(client: _Client, acts: Iterable[str] = ("chat", "ask", "fail")) -> None:
    """Protocol version 2 over HTTP: one command, then the events of the thread."""
    for act in acts:
        thread = client.thread()
        command = {"id": 1, "method": "run.start", "params": _start(act)}
        answer = client.send("POST", THREAD_COMMANDS, command, thread_id=thread)
        assert answer.json()["type"] == "success", answer.text
        channels = {"channels": ["values", "messages", "lifecycle", "input"]}
        with client.send("POST", THREAD_EVENTS, channels, stream=True, thread_id=thread) as answer:
            assert any(_is_end(event) for event in _sse(answer))


def _socket(client: _Client) -> None:
    """Protocol version 2 over a WebSocket, with a reader that comes back too late."""
    thread = client.thread()
    where = client.url + THREAD_EVENTS.format(thread_id=thread)
    channels = {"channels": ["values", "lifecycle"]}
    with websocket(where, ANSWER_SECONDS) as talk:
        talk.send({"id": 1, "method": "subscription.subscribe", "params": channels})
        talk.send({"id": 2, "method": "run.start", "params": _start("stream", MANY_STEPS)})
        while not _is_end(talk.receive()):
            pass
        talk.send({"id": 3, "method": "subscription.subscribe", "params": channels})
        _answer(talk, 3)
        late = {**channels, "since": 1}
        talk.send({"id": 4, "method": "subscription.reconnect", "params": late})
        # A gap, unless the server was told to keep more than this run's events.
        assert _answer(talk, 4).get("error") in {"resume_gap", None}


JOBS = (
    _succeed,
    _fail,
    _recurse,
    _retry,
    _time_out,
    _interrupt,
    _roll_back,
    _stream,
    _stream_thread,
    _read_thread,
    _mistakes,
    _events,
    _socket,
)


#: What a day without any fault is made of: runs that succeed, streams, threads that are read, a cancelled run, a client's
#: mistake. Sent in turn.
ORDINARY: tuple[Callable[[_Client], None], ...] = (
    _succeed, _stream, _stream_thread, _read_thread, _succeed, functools.partial(_events, acts=("chat", "ask")), _interrupt,
    _succeed, _stream, _read_thread, _succeed, _mistakes,
)  # fmt: skip

#: Seconds between two of these.
PAUSE_SECONDS = 0.5


def ordinary(url: str, ended: threading.Event) -> Counter[Request]:
    """Send ordinary traffic until told that it has ended; return how often each request was sent.

    Raises:
        AssertionError: The server answers otherwise than it should.
    """
    sent: Counter[Request] = Counter()
    for job in itertools.cycle(ORDINARY):
        if ended.wait(PAUSE_SECONDS):
            break
        sent += _run(job, url)
    return sent


def _run(job: Callable[[_Client], None], url: str) -> Counter[Request]:
    with _Client(url) as client:
        job(client)
        return client.sent


def _sse(answer: requests.Response) -> Iterator[Any]:
    """Events of a stream of server-sent events, parsed, until the server ends it."""
    for line in answer.iter_lines():
        if line.startswith(b"data: "):
            yield json.loads(line.removeprefix(b"data: "))


def _is_end(event: Mapping[str, Any]) -> bool:
    """Tell the event that ends a run, though not the end of a graph within the graph."""
    if event.get("method") != "lifecycle":
        return False
    params = event["params"]
    return not params["namespace"] and params["data"]["event"] in ENDS


def _answer(talk: Conversation, number: int) -> dict[str, Any]:
    """Answer to the command with that number; events that come before it are dropped."""
    while True:
        message: dict[str, Any] = talk.receive()
        if message.get("id") == number:
            return message


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


def _settled(url: str, wanted: Counter[Request]) -> str:
    """Metrics page, once it shows all that is wanted and nothing runs any more; else nothing.

    A request is counted after its answer, an attempt after its end, and busy job slots now and
    then. Durations come last, unless the server was told to keep them to itself.
    """
    page = _read(url)
    families = exposition.parse(page)
    started = _family(families, "run_attempt_started_counter_total").total()
    ended = sum(_family(families, outcome).total() for outcome in OUTCOMES)
    durations = _family(families, "run_execution_latency")
    slots = _family(families, "workers_active")
    settled = (
        wanted <= _counts(page)
        and started == ended
        and (durations.total("_count") == started or not durations.samples)
        and slots.samples
        and slots.total() == 0
    )
    return page if settled else ""


def _family(families: Mapping[str, exposition.Family], name: str) -> exposition.Family:
    """Family of that name behind whatever prefix the server was given; empty if there is none."""
    found = [family for key, family in families.items() if key.endswith(name)]
    return found[0] if found else exposition.Family(name)
