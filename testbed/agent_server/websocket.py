"""Just enough of a WebSocket client to exchange short JSON texts with a server on this machine.

No fragments, no compression, no TLS; sends no texts over 64 KiB.

Source: https://www.rfc-editor.org/rfc/rfc6455
"""

import base64
import contextlib
import json
import os
import socket
import struct
from collections.abc import Iterator
from typing import Any, Protocol
from urllib.parse import urlsplit

#: First byte of a frame that is a whole text, and of one that closes the connection.
TEXT = 0x81
CLOSE = 0x88

#: What an endpoint that switches to the WebSocket protocol answers.
SWITCHING = 101

#: A length of 126 says that the true one follows in two bytes; 127 says the same of eight.
TWO_BYTES = 126

#: Bit of the length byte that says that four bytes of mask follow.
MASKED = 0x80


class Conversation(Protocol):
    """An open connection."""

    def send(self, message: object) -> None:
        """Send `message` as JSON."""

    def write(self, data: bytes) -> None:
        """Send bytes that need not be a message, nor a frame."""

    def receive(self) -> Any:
        """Next message, parsed.

        Raises:
            TimeoutError: Nothing came in time.
            ConnectionError: The server closed the connection.
        """


@contextlib.contextmanager
def websocket(url: str, limit_seconds: float) -> Iterator[Conversation]:
    """Open a connection to `url`, which starts with `http://`; close it in the end.

    Args:
        limit_seconds: Longest wait for one message.

    Raises:
        ConnectionError: The server does not speak WebSocket there.
    """
    where = urlsplit(url)
    with socket.create_connection((where.hostname, where.port), timeout=limit_seconds) as link:
        key = base64.b64encode(os.urandom(16)).decode()
        link.sendall(
            f"GET {where.path} HTTP/1.1\r\nHost: {where.netloc}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        with link.makefile("rb") as stream:
            status = stream.readline().decode()
            if status.split()[1:2] != [str(SWITCHING)]:
                message = f"{url} answers {status.strip()!r} to a WebSocket"
                raise ConnectionError(message)
            while stream.readline().strip():
                pass
            yield _Open(link, stream)


class _Open:
    def __init__(self, link: socket.socket, stream: Any) -> None:
        self._link = link
        self._stream = stream

    def send(self, message: object) -> None:
        body = json.dumps(message).encode()
        short = len(body) < TWO_BYTES
        length = bytes((len(body),)) if short else struct.pack(">BH", TWO_BYTES, len(body))
        # A client has to mask; a mask of zeros changes nothing.
        head = bytes((TEXT, length[0] | MASKED)) + length[1:] + bytes(4)
        self.write(head + body)

    def write(self, data: bytes) -> None:
        self._link.sendall(data)

    def receive(self) -> Any:
        while True:
            kind, size = self._read(2)
            if size >= TWO_BYTES:
                size = int.from_bytes(self._read(2 if size == TWO_BYTES else 8), "big")
            body = self._read(size)
            if kind == CLOSE:
                message = "the server closed the WebSocket"
                raise ConnectionError(message)
            if kind == TEXT:
                return json.loads(body)

    def _read(self, size: int) -> bytes:
        data: bytes = self._stream.read(size)
        if len(data) < size:
            message = "the WebSocket broke off"
            raise ConnectionError(message)
        return data
