"""A client of a real Agent Server, which counts its requests as the server does."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

import requests

#: Longest wait for one answer. The longest job is the run that times out, after five seconds.
ANSWER_SECONDS = 60

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


class Client:
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
        answer = self.send("POST", WAIT, start(act, **more))
        assert answer.status_code == requests.codes.ok, answer.text
        return answer.json()

    def thread(self) -> str:
        """Make a thread; return its id."""
        return str(self.send("POST", THREADS, {}).json()["thread_id"])


def start(act: str, amount: float = 3, **more: Any) -> dict[str, Any]:
    """Return the body of a request for a run that does as `act` says."""
    return {"assistant_id": "agent", "input": {"act": act, "amount": amount}, **more}
