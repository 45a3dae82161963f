"""Who may change something here: programs that mean it, and no page in a browser.

A page of another site can make a browser send a request without asking (a form, `fetch` with a plain text), and by giving
its own name our address (DNS rebinding) it can read the answer too. So whatever is not only read needs a `Host` that is a
name of ours, no `Origin` but our own, and JSON that is called JSON. What controls the simulation needs the first two even
to be read. Knows nothing of what is served.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection

from reference_server.core.asgi import App, Receive, Scope, Send, refuse

#: Paths that are not for everybody's eyes: they control the simulation.
PRIVATE = ("/scenario", "/scenarios/", "/deployment/")

#: Methods that only read.
READING = frozenset({"GET", "HEAD", "OPTIONS"})

#: Methods that carry a body, so that a page could send one as a form.
CARRYING = frozenset({"POST", "PUT", "PATCH"})

#: What a browser says of a request that no other site has caused.
OWN_SITES = frozenset({"", "none", "same-origin"})

JSON = "application/json"

#: No label value may have one: a NUL ends a page in the middle for the parser.
CONTROL = re.compile(r"[\x00-\x1f\x7f]")

BAD, FORBIDDEN, UNSUPPORTED = 400, 403, 415


class Guard:
    """ASGI around a whole server."""

    def __init__(self, app: App, hosts: Collection[str] = (), *, private: Collection[str] = PRIVATE) -> None:
        """Wrap `app`.

        Args:
            app: The server.
            hosts: Names under which it is called beside those of loopback and the address that it was reached at.
            private: Paths that only a request with such a name may read; those that end with a slash with all below.

        """
        self._app = app
        self._hosts = frozenset(name.lower() for name in hosts)
        self._private = tuple(private)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or hand on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        status, why = self._refusal(scope)
        if not status:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            await refuse(send, status, why)

    def _refusal(self, scope: Scope) -> tuple[int, str]:
        """Return status and reason, or 0 and nothing."""
        if CONTROL.search(scope["path"]):
            return BAD, "the path has a control character"
        method = scope.get("method", "")
        private = self._is_private(scope["path"])
        if method in READING and not private:
            return 0, ""
        headers = {name: value.decode("latin-1").strip(" \t") for name, value in scope["headers"]}
        host = headers.get(b"host", "")
        if not self._ours(host, scope):
            return FORBIDDEN, f"{host[:80]!r} is no name of this server; AGENT_REFERENCE_HOSTS names others"
        if _foreign(headers, host):
            return FORBIDDEN, "requests that a page of another origin causes are refused"
        if method in CARRYING and (private or _has_body(headers)) and not _is_json(headers):
            return UNSUPPORTED, f"the body has to be {JSON}"
        return 0, ""

    def _is_private(self, path: str) -> bool:
        return any(path == one.rstrip("/") or (one.endswith("/") and path.startswith(one)) for one in self._private)

    def _ours(self, host: str, scope: Scope) -> bool:
        name = hostname(host)
        if name == "localhost" or name in self._hosts:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        server = scope.get("server")
        return address.is_loopback or (server is not None and str(address) == server[0])


def hostname(host: str) -> str:
    """Return the name in a Host header, without port, brackets and the dot of the root; empty when it is none."""
    found = re.fullmatch(
        r"(?:\[(?P<six>[0-9a-fA-F]*:[0-9a-fA-F:.]+)\]|(?P<name>[A-Za-z0-9._-]+?))\.?(?::\d{1,5})?", host
    )
    return (found["six"] or found["name"]).lower() if found else ""


def _foreign(headers: dict[bytes, str], host: str) -> bool:
    """Say whether a browser sent it for a page that is not our own."""
    origin = headers.get(b"origin")
    own = origin is None or origin.lower() in {f"http://{host.lower()}", f"https://{host.lower()}"}
    return not own or headers.get(b"sec-fetch-site", "").lower() not in OWN_SITES


def _has_body(headers: dict[bytes, str]) -> bool:
    return b"transfer-encoding" in headers or headers.get(b"content-length", "0") != "0"


def _is_json(headers: dict[bytes, str]) -> bool:
    return headers.get(b"content-type", "").partition(";")[0].strip().lower() == JSON
