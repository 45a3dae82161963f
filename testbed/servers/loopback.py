"""Servers on this machine: a port for them, a question to them, and waiting for them.

Nothing here talks to another machine.
"""

import http.client
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import cycle
from typing import TypeVar

from testbed.servers.processes import Child

Answer = TypeVar("Answer")

#: Ports for servers lie below those that the kernel gives to outgoing connections; each process begins at a hundred of its
#: own, so that tests which run side by side do not meet between the choice of a port and its use.
PORTS = range(10_000, 30_000)
OWN_PORTS = 100

#: Seconds between the first looks at a condition: a start takes 50 ms at best, a look less than one.
LOOK_SECONDS = 0.01

#: Longest pause between two looks. A look is work for the server, too: a pause is as long as the look was, and a
#: twentieth of what was waited so far.
PAUSE_SECONDS = 0.5

#: A cold start takes two seconds at most; a machine busy with other tests may need much longer.
START_SECONDS = 60

#: Longest wait for one answer: Prometheus gives up a query after two minutes by itself.
ANSWER_SECONDS = 150

OK = 200


class ServerError(Exception):
    """A server answered with an error; the text is the server's own."""


class StartError(ServerError):
    """A server did not come up; the text ends with the last lines of its log."""


@cache
def _numbers(process: int) -> Iterator[int]:
    """Numbers of ports without end, from the first one of a process."""
    first = process * OWN_PORTS % len(PORTS)
    return cycle([*PORTS[first:], *PORTS[:first]])


def free_port() -> int:
    """Number of a loopback TCP port that nobody listens on and that this process did not get lately."""
    return next(port for port in _numbers(os.getpid()) if _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one that was closed a moment ago is free
        try:
            taken.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def ask(
    port: int,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, bytes]:
    """Return status and body of one answer, whatever the status.

    Raises:
        OSError: Nobody listens, or there is no answer within 150 seconds.
        http.client.HTTPException: The answer breaks off or is not HTTP.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
    try:
        connection.request(method, path, body, dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def text_of(status: int, body: bytes) -> str:
    """Return the text of a good answer.

    Raises:
        ServerError: The status is not 200; has the answer's text.
    """
    text = body.decode("utf-8", errors="replace")
    if status != OK:
        raise ServerError(text.strip() or f"status {status}")
    return text


def wait_until(look: Callable[[], Answer], *, what: str, limit_seconds: float) -> Answer:
    """Look again and again until the answer is true in the sense of `if`.

    Args:
        look: What it raises passes through and ends the waiting.
        what: Completes the sentence "waited ... s in vain for ...".

    Returns:
        That answer.

    Raises:
        TimeoutError: The limit has passed; at least one look was taken after it.
    """
    begin = time.monotonic()
    while True:
        asked = time.monotonic()
        answer = look()
        if answer:
            return answer
        if asked >= begin + limit_seconds:
            message = f"waited {limit_seconds:g} s in vain for {what}"
            raise TimeoutError(message)
        now = time.monotonic()
        time.sleep(max(LOOK_SECONDS, min(PAUSE_SECONDS, max(now - asked, (now - begin) / 20))))


def wait_ready(child: Child, look: Callable[[], bool], *, what: str, limit_seconds: float = START_SECONDS) -> None:
    """Wait until a freshly started server answers as `look` wants.

    Args:
        look: May raise what `ask` raises: the server is then not ready yet.

    Raises:
        StartError: The process ended, or the time has passed.
    """

    def ready() -> bool:
        if not child.alive():
            message = f"{what} ended while starting:\n{child.log()}"
            raise StartError(message)
        try:
            return look()
        except (OSError, http.client.HTTPException, ServerError):
            return False

    try:
        wait_until(ready, what=f"{what} to get ready", limit_seconds=limit_seconds)
    except TimeoutError as error:
        message = f"{error}:\n{child.log()}"
        raise StartError(message) from error
