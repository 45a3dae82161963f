"""What clients of an Agent Server do: every kind of ending a run has, streams, and mistakes.

Each job checks that the server answers as the job intends.
"""

import functools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import requests

from testbed.agent_server.client import (
    ANSWER_SECONDS,
    CANCEL,
    RUN,
    STREAM,
    THREAD,
    THREAD_COMMANDS,
    THREAD_EVENTS,
    THREAD_RUNS,
    THREAD_STREAM,
    WAIT,
    Client,
    start,
)
from testbed.agent_server.websocket import Conversation, websocket
from testbed.servers.loopback import wait_until

#: Seconds a run sleeps that is meant to time out: longer than the server lets it, and short enough
#: to end by itself on a server that was told to let it.
TOO_LONG_SECONDS = 8

#: Steps of a run that overflows the replay buffer of protocol version 2.
MANY_STEPS = 12

#: How a run can end in the words of protocol version 2.
ENDS = {"completed", "failed", "interrupted"}


def _succeed(client: Client) -> None:
    for _ in range(3):
        assert client.wait("succeed")["steps"] == 1


def _fail(client: Client) -> None:
    assert client.wait("fail")["__error__"]["error"] == "ValueError"


def _recurse(client: Client) -> None:
    end = client.wait("recurse", config={"recursion_limit": 4})
    assert end["__error__"]["error"] == "GraphRecursionError"


def _retry(client: Client) -> None:
    # What the error is called at last differs between the eras.
    assert "__error__" in client.wait("retry")


def _time_out(client: Client) -> None:
    client.wait("sleep", amount=TOO_LONG_SECONDS)


def _interrupt(client: Client) -> None:
    _cancel(client, "interrupt")


def _roll_back(client: Client) -> None:
    _cancel(client, "rollback")


def _cancel(client: Client, action: str) -> None:
    thread = client.thread()
    answer = client.send("POST", THREAD_RUNS, start("sleep", amount=60), thread_id=thread)
    run = {"thread_id": thread, "run_id": answer.json()["run_id"]}
    wait_until(
        lambda: client.send("GET", RUN, **run).json()["status"] == "running",
        what="a run to start",
        limit_seconds=ANSWER_SECONDS,
    )
    answer = client.send("POST", CANCEL, query={"wait": "1", "action": action}, **run)
    assert answer.status_code == requests.codes.ok, answer.text


def _stream(client: Client) -> None:
    for act, modes in (
        ("stream", ["values", "updates"]),
        ("chat", ["messages-tuple"]),
        ("custom", ["custom"]),
        ("ask", ["events"]),
    ):
        answer = client.send("POST", STREAM, start(act, stream_mode=modes))
        assert answer.status_code == requests.codes.ok, answer.text


def _stream_thread(client: Client) -> None:
    modes = ["values", "messages", "debug", "tasks", "checkpoints"]
    body = start("chat", stream_mode=modes)
    answer = client.send("POST", THREAD_STREAM, body, thread_id=client.thread())
    assert set(re.findall("^event: (.*?)\r?$", answer.text, re.MULTILINE)) >= {*modes} - {"messages"} | {
        "messages/partial"
    }


def _read_thread(client: Client) -> None:
    thread = client.thread()
    assert client.send("GET", THREAD, thread_id=thread).json()["status"] == "idle"


def _mistakes(client: Client) -> None:
    assert client.send("GET", "/no/such/page").status_code == requests.codes.not_found
    answer = client.send("POST", WAIT, {"assistant_id": "nobody"})
    assert answer.status_code == requests.codes.unprocessable


def _events(client: Client, actions: Iterable[str] = ("chat", "ask", "fail")) -> None:
    """Protocol version 2 over HTTP: one command, then the events of the thread."""
    for act in actions:
        thread = client.thread()
        command = {"id": 1, "method": "run.start", "params": start(act)}
        answer = client.send("POST", THREAD_COMMANDS, command, thread_id=thread)
        assert answer.json()["type"] == "success", answer.text
        channels = {"channels": ["values", "messages", "lifecycle", "input"]}
        with client.send("POST", THREAD_EVENTS, channels, stream=True, thread_id=thread) as answer:
            assert any(_is_end(event) for event in _sse(answer))


def _socket(client: Client) -> None:
    """Protocol version 2 over a WebSocket, with a reader that comes back too late."""
    thread = client.thread()
    where = client.url + THREAD_EVENTS.format(thread_id=thread)
    channels = {"channels": ["values", "lifecycle"]}
    with websocket(where, ANSWER_SECONDS) as talk:
        talk.send({"id": 1, "method": "subscription.subscribe", "params": channels})
        talk.send({"id": 2, "method": "run.start", "params": start("stream", MANY_STEPS)})
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
ORDINARY: tuple[Callable[[Client], None], ...] = (
    _succeed, _stream, _stream_thread, _read_thread, _succeed, functools.partial(_events, actions=("chat", "ask")), _interrupt,
    _succeed, _stream, _read_thread, _succeed, _mistakes,
)  # fmt: skip


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
