"""Servers that mean no good to anyone who asks them: bytes without an end, without a pause, or without any sense."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from functools import lru_cache
from socketserver import BaseRequestHandler

from testbed.servers.fake import Listener

#: Bytes to send, one piece after another; a pause of so many seconds where it is a number.
Script = Callable[[], Iterator[bytes | float]]

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


class Hostile(Listener):
    """A server that plays a script to anyone who connects."""

    def __init__(self, script: Script) -> None:
        listener = self

        class Player(BaseRequestHandler):
            def handle(self) -> None:
                self.request.settimeout(30)
                self.request.recv(65_536)
                for piece in script():
                    if isinstance(piece, bytes):
                        self.request.sendall(piece)
                    elif listener.closing.wait(piece):
                        return
                    if listener.closing.is_set():
                        return
                listener.closing.wait(0.05)

        super().__init__(Player)


def again(piece: bytes, pause: float = 0.0) -> Iterator[bytes | float]:
    """One piece for ever."""
    while True:
        yield piece
        if pause:
            yield pause


def after(head: bytes, then: Callable[[], Iterator[bytes | float]]) -> Script:
    """A beginning, and what follows it."""

    def script() -> Iterator[bytes | float]:
        yield head
        yield from then()

    return script


@lru_cache(maxsize=8)
def zeros(megabytes: int) -> bytes:
    """So many megabytes of blanks, packed to a thousandth: the same member again and again."""
    return gzip.compress(b" " * (16 << 20), 6) * (megabytes // 16)


def chunked(body: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(body[n : n + 4096]), body[n : n + 4096]) for n in range(0, len(body), 4096))


def packed(encoding: str, body: Callable[[], bytes]) -> Script:
    """A whole answer in an encoding."""

    def script() -> Iterator[bytes | float]:
        yield OK + f"Content-Encoding: {encoding}\r\nContent-Length: {len(body())}\r\n\r\n".encode() + body()

    return script


#: By what is the matter with them.
SCRIPTS: dict[str, Script] = {
    "never answers": lambda: iter([600.0]),
    "closes at once": lambda: iter([]),
    "a status line that drips": lambda: again(b"H", 0.1),
    "a status line without an end": lambda: again(b"H" * 4096),
    "a header that drips": after(OK + b"X: ", lambda: again(b"x", 0.1)),
    "a header without an end": after(OK + b"X: ", lambda: again(b"x" * 4096)),
    "headers that drip": after(OK, lambda: again(b"X: y\r\n", 0.1)),
    "headers without an end": after(OK, lambda: again(b"X: y\r\n" * 100)),
    "headers of sixty kilobytes": after(OK, lambda: again(b"X: " + b"y" * 60_000 + b"\r\n")),
    "interim answers without an end": lambda: again(b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    "interim answers that drip": lambda: again(b"HTTP/1.1 100 Continue\r\n\r\n", 0.1),
    "interim answers with headers": lambda: again(b"HTTP/1.1 100 Continue\r\n" + b"X: y\r\n" * 50 + b"\r\n", 0.05),
    "other interim answers": lambda: again(b"HTTP/1.1 103 Early Hints\r\n\r\n", 0.1),
    "a body that drips": after(OK + b"Content-Length: 1000000\r\n\r\n", lambda: again(b" ", 0.1)),
    "a body without an end": after(OK + b"\r\n", lambda: again(b" " * 65_536)),
    "chunks that drip": after(OK + b"Transfer-Encoding: chunked\r\n\r\n", lambda: again(b"1\r\n \r\n", 0.1)),
    "chunks without an end": after(OK + b"Transfer-Encoding: chunked\r\n\r\n", lambda: again(b"1000\r\n" + b" " * 4096 + b"\r\n")),
    "a chunk's size without an end": after(OK + b"Transfer-Encoding: chunked\r\n\r\n1;", lambda: again(b"x" * 4096)),
    "a chunk of a wrong size": after(OK + b"Transfer-Encoding: chunked\r\n\r\n", lambda: iter([b"zz\r\n \r\n"])),
    "a negative length": lambda: iter([OK + b"Content-Length: -5\r\n\r\n{"]),
    "a length that is no number": lambda: iter([OK + b"Content-Length: many\r\n\r\n{"]),
    "less than it promised": lambda: iter([OK + b"Content-Length: 100\r\n\r\n{}"]),
    "two gigabytes packed": packed("gzip", lambda: zeros(2048)),
    "packed twice": packed("gzip, gzip", lambda: gzip.compress(zeros(4096))),
    "packed ten times": packed(", ".join(["gzip"] * 10), lambda: zeros(16)),
    "packed and in chunks": after(OK + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n", lambda: iter([chunked(zeros(1024)), b"0\r\n\r\n"])),
    "packed, without an end": after(OK + b"Content-Encoding: gzip\r\n\r\n", lambda: again(zeros(16))),
    "packed badly": packed("gzip", lambda: b"\x1f\x8b\x08nonsense"),
    "deflated": packed("deflate", lambda: zlib.compress(b" " * (128 << 20), 1)),
    "an encoding that nobody knows": packed("x" * 10_000, lambda: b"{}"),
    "a redirect with much in it": lambda: iter([b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Encoding: gzip\r\n\r\n" + zeros(2048)]),
    "a redirect without an end": after(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n", lambda: again(b"x" * 65_536)),
    "an error without an end": after(b"HTTP/1.1 500 Oh\r\n\r\n", lambda: again(b"x" * 65_536)),
    "lists in one another": lambda: iter([OK + b"\r\n" + b"[" * 1_000_000]),
    "ten million empty objects": lambda: iter([OK + b"\r\n[" + b"{}," * 10_000_000 + b"{}]"]),
    "a number with a million digits": lambda: iter([OK + b"\r\n" + b"9" * 1_000_000]),
    "bytes that are no text": lambda: iter([OK + b'\r\n"\xff\xfe"']),
    "another protocol": lambda: iter([b"SSH-2.0-OpenSSH_9.9\r\n"]),
    "nothing but zeros": lambda: again(b"\0" * 4096),
}  # fmt: skip
