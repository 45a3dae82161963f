"""One exchange with a server as a whole within its time, whatever the server does.

A time-out of a socket holds for one wait alone: names that do not resolve, headers, interim answers and bodies that drip
each begin it anew. Therefore an exchange runs in another thread than its caller's; when its time is over nobody waits for it
any more, and its connection is cut. A caller's exchanges share a thread, until one is late: that one keeps it.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError

T = TypeVar("T")

#: The longest wait in one piece, in seconds: one without a limit cannot be interrupted on every platform.
WAIT_SECONDS = 1.0

#: The exchange that a thread runs, and the helper of a thread that waits for exchanges.
_HERE = threading.local()


class LateError(Exception):
    """The time of an exchange is over."""


class Exchange(Generic[T]):
    """Some work with a server that is given up when its time is over."""

    def __init__(self, work: Callable[[Exchange[T]], T]) -> None:
        self._work = work
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._connection: HTTPConnection | None = None
        self._over = False
        self._result: T | None = None
        self._error: BaseException | None = None

    def within(self, seconds: float) -> T:
        """Return the work's result.

        Raises:
            LateError: It is not there within so many seconds.
            Exception: What the work raised.

        """
        helper = getattr(_HERE, "helper", None) or _Helper()
        _HERE.helper = None  # who is late keeps it
        helper.take(self._run)
        try:
            end = time.monotonic() + seconds
            while (left := end - time.monotonic()) > 0 and not self._done.wait(min(left, WAIT_SECONDS)):
                pass
        finally:
            late = not self._done.is_set()
            if late:
                self._cut()
        if late:
            raise LateError
        _HERE.helper = helper
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]  # it is what the work returned

    @property
    def over(self) -> bool:
        """Nobody waits for the result any more."""
        return self._over

    def through(self, connection: HTTPConnection) -> None:
        """Remember what the exchange goes through.

        Raises:
            ConnectTimeoutError: It is over.

        """
        with self._lock:
            self._connection = connection
            if self._over:
                raise ConnectTimeoutError(connection, "the time is over")

    def _run(self) -> None:
        _HERE.exchange = self
        try:
            self._result = self._work(self)
        except BaseException as error:  # noqa: BLE001 - handed over to the caller's thread
            self._error = error
        self._done.set()

    def _cut(self) -> None:
        with self._lock:
            self._over = True
            # Not through a method of the socket, which of TLS would speak once more.
            if self._connection is not None and isinstance(self._connection.sock, socket.socket):
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(self._connection.sock, socket.SHUT_RDWR)


class _Helper:
    """A thread that does one thing after the other, and ends when nobody refers to its helper any more."""

    def __init__(self) -> None:
        self._todo: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        threading.Thread(target=_work, args=(self._todo,), daemon=True).start()

    def take(self, work: Callable[[], None]) -> None:
        """Do this next."""
        self._todo.put(work)

    def __del__(self) -> None:
        self._todo.put(None)


def _work(todo: queue.SimpleQueue[Callable[[], None] | None]) -> None:
    while work := todo.get():
        work()
        del work  # what it returned is its caller's alone


def _note(connection: HTTPConnection) -> None:
    exchange: Exchange[Any] | None = getattr(_HERE, "exchange", None)
    if exchange is not None:
        exchange.through(connection)


class _Plain(HTTPConnection):
    def connect(self) -> None:
        _note(self)
        super().connect()
        _note(self)

    def request(self, *args: Any, **more: Any) -> None:
        _note(self)
        super().request(*args, **more)


class _Secured(_Plain, HTTPSConnection):
    pass


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecuredPool(HTTPSConnectionPool):
    ConnectionCls = _Secured


class _Adapter(HTTPAdapter):
    """Connections that tell the exchange of their thread; nothing is tried twice."""

    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        super().init_poolmanager(*args, **more)
        _cuttable(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **more: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **more)
        if not proxy.lower().startswith("socks"):  # a manager of its own kind, cut by its time-outs alone
            _cuttable(manager)
        return manager


def _cuttable(manager: Any) -> None:
    manager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecuredPool}


class _Session(requests.Session):
    def __init__(self) -> None:
        super().__init__()
        self._settings: dict[Any, Any] = {}

    def merge_environment_settings(self, url: Any, *args: Any) -> Any:
        """Return proxies and certificates, looked up once for a server: of all environment variables, that is a fifth of a request.

        Where none are needed there are none: they would be looked for at each request.
        """
        where = urlsplit(url)[:2]
        key = (where, repr(args))
        if key not in self._settings:
            found = super().merge_environment_settings(url, *args)
            plain = where[0] == "http" and not found["proxies"]
            self._settings[key] = {**found, **({"verify": True} if plain else {})}
        return dict(self._settings[key])

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return none: who looks for the next address reads all of the answer before."""


def session() -> requests.Session:
    """Return a session whose exchanges can be cut, and which follows no redirect."""
    made = _Session()
    for scheme in ("http://", "https://"):
        made.mount(scheme, _Adapter())
    return made
