"""HTTP to one server: time-outs, bounds, one clear sentence when it does not work. No judgement of what it answers."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3

from generator.cli.terminal import fold
from generator.validate.access import Access
from generator.validate.answer import Answer
from generator.validate.http import Exchange, LateError, session

#: Largest answer that is read. A list of all targets of a large fleet is some ten megabytes; results of queries are small.
MOST_BYTES = 64 * 1024 * 1024
CHUNK_BYTES = 65_536

#: Most values of an answer, each up to a hundred bytes once parsed. A list of all targets of a large fleet has a million;
#: a graph of three hundred series with a point for each pixel has as many.
MOST_VALUES = 3_000_000

#: Answers above this size are parsed one at a time.
LARGE_BYTES = 1024 * 1024

#: How an answer may be compressed: in one step, of which no more is unpacked at once than is read.
ENCODINGS = ("", "identity", "gzip", "deflate")

#: A host of this machine: to compress an answer takes both of us longer than to hand it over.
HERE = re.compile(r"localhost|127(\.\d+){3}|::1")

#: So many requests in a row without an answer, and the server is taken for gone.
PATIENCE = 5

#: Most characters of a server's own error text that are shown, and most bytes of it that are looked at.
SHOWN, READ_BYTES = 300, 16_384

#: Grafana answers 207 where some queries of a request work and others do not.
OK, MULTI_STATUS, MULTIPLE, UNAUTHORIZED, FORBIDDEN = 200, 207, 300, 401, 403
#: What answers that way, and says that it took too long: Prometheus itself, or a proxy before it.
UNAVAILABLE, GATEWAY = 503, 504
TIMED_OUT = re.compile("tim(?:ed|e)[ -]?out", re.IGNORECASE)
#: The server has no such endpoint. VictoriaMetrics answers 400 with `unsupported path`.
ABSENT = (404, 405, 501)


class ProbeError(Exception):
    """A request did not work. The text is `what; fix`."""

    def __init__(self, what: str, fix: str = "") -> None:
        self.what, self.fix = what, fix
        super().__init__(f"{what}; {fix}" if fix else what)


class RefusedError(ProbeError):
    """The server answered with an error; `what` is its own text."""


class AbsentError(ProbeError):
    """The server has no such endpoint."""


class DeniedError(ProbeError):
    """The server wants another login."""


class SilentError(ProbeError):
    """There was no answer that could be used: no connection, no end, or not JSON."""


class SlowError(SilentError):
    """The server, or the one behind it, does not answer in time."""


class GoneError(ProbeError):
    """The server stopped answering; it makes no sense to go on."""


class Probe:
    """One server. Safe to use from several threads."""

    def __init__(self, name: str, url: str, access: Access, *, timeout: float = 10.0, flag: str = "") -> None:
        """Prepare to ask; nothing is sent yet.

        Args:
            name: What to call the server.
            url: Its address without a slash at the end.
            access: How it may be asked.
            timeout: Seconds that one request may take as a whole.
            flag: The option that names it.

        """
        self.name, self.url, self.access = name, url, access
        self._timeout, self._flag = timeout, flag
        self._own = threading.local()
        self._lock, self._parsing = threading.Lock(), threading.Lock()
        self._sessions: list[requests.Session] = []
        self._failures = 0

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            for session in self._sessions:
                session.close()
            self._sessions.clear()

    def get(self, path: str, params: Any = None) -> Answer:
        """Return the JSON that a GET of `path` answers.

        Raises:
            ProbeError: The kind of it says why not.

        """
        return self._json("GET", path, params=params)

    def post(self, path: str, *, form: Any = None, body: Any = None) -> Answer:
        """Return the JSON that a POST of a form, or of a JSON body, answers.

        Raises:
            ProbeError: The kind of it says why not.

        """
        return self._json("POST", path, data=form, json=body)

    def odd(self, path: str, what: str) -> SilentError:
        """Return the error for an answer of another shape than the server's API has."""
        return self._silent(f"answers {path} in another shape than its API: {what}")

    def _json(self, method: str, path: str, **sent: Any) -> Answer:
        status, headers, text = self._ask(method, path, sent)
        if status not in (OK, MULTI_STATUS):
            raise self._refusal(status, headers, path, text)
        if sum(map(text.count, (b",", b"[", b"{"))) > MOST_VALUES:
            self._failed()
            raise self._silent(f"answers {path} with more than {MOST_VALUES:,} values")
        try:
            with self._parsing if len(text) > LARGE_BYTES else contextlib.nullcontext():
                value = json.loads(text)
        except (ValueError, RecursionError):
            self._failed()
            kind = headers.get("Content-Type", "no type")
            raise self._silent(f"answers {path} with something that is not JSON ({self._cut(kind)})") from None
        self._failures = 0
        return Answer(value, "", lambda what: self.odd(path, what))

    def _refusal(self, status: int, headers: Mapping[str, str], path: str, text: bytes) -> ProbeError:
        self._failures = 0
        message = self._cut(_message(text)) or "no text"
        if status in (UNAUTHORIZED, FORBIDDEN):
            fix = f"check {self.access.token_flag}" if self.access.headers else f"give {self.access.token_flag}"
            return DeniedError(f"{self.name} at {self.url} refuses {path} with status {status}", fix)
        if status in ABSENT or "unsupported path" in message:
            return AbsentError(f"{self.name} at {self.url} has no {path} (status {status})")
        if MULTIPLE <= status < 400:  # noqa: PLR2004 - the end of the redirects
            place = self._cut(headers.get("Location", "somewhere else").partition("?")[0])
            return DeniedError(
                f"{self.name} at {self.url} sends {path} on to {place}",
                f"name the final address with {self._flag}, or log in",
            )
        if status in (UNAVAILABLE, GATEWAY) and TIMED_OUT.search(message):
            return SlowError(
                f"{self.name} gave up on {path} after its own time-out: {message}",
                "see its load and its --query.timeout, or the time-out of the proxy before it",
            )
        return RefusedError(f"{self.name} answers {path} with status {status}: {message}")

    def _cut(self, text: str) -> str:
        """Return a server's own words without any secret, on one line, and no more than fit there."""
        return fold(self.access.hide(text))[:SHOWN]

    def _ask(self, method: str, path: str, sent: Mapping[str, Any]) -> tuple[int, Mapping[str, str], bytes]:
        asks = self._session()

        def work(exchange: Exchange[Any]) -> tuple[int, Mapping[str, str], bytes]:
            # Redirects are not followed: they would carry headers to another host.
            response = asks.request(
                method, self.url + path, timeout=self._timeout, stream=True, allow_redirects=False,
                verify=self.access.ca_file or True, **sent,
            )  # fmt: skip
            with contextlib.closing(response):
                return response.status_code, response.headers, self._body(response, path, exchange)

        try:
            answered = Exchange[tuple[int, Mapping[str, str], bytes]](work).within(self._timeout)
        except LateError:
            self._own.session = None
            raise self._late(path) from None
        except requests.exceptions.SSLError as error:
            raise self._unreachable(
                f"TLS fails: {_tls(error)}", "name the authority's certificates with --ca-file"
            ) from None
        except (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError):
            raise self._late(path) from None
        except (requests.exceptions.ConnectionError, urllib3.exceptions.HTTPError) as error:
            raise self._unreachable(broken(error), f"start it, or name its address with {self._flag}") from None
        except (requests.exceptions.RequestException, ValueError, OSError) as error:
            raise self._unreachable(
                f"the request fails: {type(error).__name__}", f"check {self._flag} and --ca-file"
            ) from None
        return answered

    def _body(self, response: requests.Response, path: str, exchange: Exchange[Any]) -> bytes:
        encoding = response.headers.get("Content-Encoding", "").strip().lower()
        if encoding not in ENCODINGS:
            raise self._silent(f"answers {path} in an encoding that nobody asked for ({self._cut(encoding)})")
        chunks = bytearray()
        # Whatever has arrived, at once: a read of a whole chunk would wait for bytes that drip.
        while not exchange.over and (chunk := response.raw.read1(CHUNK_BYTES, decode_content=True)):
            chunks += chunk
            if len(chunks) > MOST_BYTES:
                raise self._silent(f"answers {path} with more than {MOST_BYTES >> 20} MiB")
        return bytes(chunks)

    def _session(self) -> requests.Session:
        found: requests.Session | None = getattr(self._own, "session", None)
        if found is None:
            found = session()
            encodings = "identity" if HERE.fullmatch(urlsplit(self.url).hostname or "") else "gzip, deflate"
            found.headers.update({"Accept-Encoding": encodings, **self.access.headers})
            # Set, so that no password of ~/.netrc takes the place of ours.
            found.auth = _unchanged
            self._own.session = found
            with self._lock:
                self._sessions.append(found)
        return found

    def _failed(self) -> None:
        with self._lock:
            self._failures += 1
            if self._failures > PATIENCE:
                raise GoneError(f"{self.name} at {self.url} stopped answering", "see why, then validate again")

    def _late(self, path: str) -> SlowError:
        error = self._unreachable(
            f"no whole answer to {path} within {self._timeout:g} s", "see whether it hangs, or raise --timeout"
        )
        return SlowError(error.what, error.fix)

    def _unreachable(self, what: str, fix: str) -> SilentError:
        self._failed()
        return SilentError(self.access.hide(f"{self.name} at {self.url}: {what}"), fix)

    def _silent(self, what: str) -> SilentError:
        return SilentError(f"{self.name} at {self.url} {what}", f"see whether {self._flag} names the right server")


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _message(text: bytes) -> str:
    """Return the server's own words about an error, as far as they are looked at."""
    try:
        found = json.loads(text) if len(text) <= LARGE_BYTES else None
    except (ValueError, RecursionError):
        found = None
    words = None
    if isinstance(found, dict):
        # Grafana tells the error of each query in its result.
        results = found.get("results")
        inner = [r.get("error") for r in results.values() if isinstance(r, dict)] if isinstance(results, dict) else []
        words = found.get("error") or next((w for w in inner if w), None) or found.get("message")
    return str(words)[:READ_BYTES] if words else text[:READ_BYTES].decode(errors="replace")


def _tls(error: BaseException) -> str:
    text = str(error)
    for sign, meaning in (
        ("CERTIFICATE_VERIFY_FAILED", "its certificate is not trusted"),
        ("WRONG_VERSION_NUMBER", "it does not speak TLS; use http://"),
        ("Hostname mismatch", "its certificate is for another host"),
    ):
        if sign in text:
            return meaning
    return "the handshake breaks off"


def broken(error: BaseException) -> str:
    """Return in words why there was no connection, or no answer."""
    text = str(error)
    for sign, meaning in (
        ("Connection refused", "nobody listens there (connection refused)"),
        ("Name or service not known", "the host name is not known"),
        ("Temporary failure in name resolution", "the host name cannot be resolved"),
        ("nodename nor servname", "the host name is not known"),
        ("No route to host", "there is no way to the host"),
        ("Network is unreachable", "there is no way to the network"),
        ("BadStatusLine", "the answer is not HTTP"),
    ):
        if sign in text:
            return meaning
    return "the connection breaks off"
