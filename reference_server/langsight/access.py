"""Who may ask, and what is counted: the two layers around LangSight's API.

Source: `api/metrics.py` and `api/dependencies.py` of LangSight.
"""

from __future__ import annotations

import hmac
import ipaddress
import time
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reference_server.langsight.paths import SKIPPED
from reference_server.langsight.settings import LangSight
from reference_server.langsight.work import answered
from reference_server.services.hosting import Hosting
from reference_server.services.model import Process

UNAUTHORISED, FORBIDDEN, TOO_LARGE, UNAVAILABLE = 401, 403, 413, 503

#: Answers of layers that stand around the real counting: it does not see them.
OUTSIDE = frozenset({TOO_LARGE})

#: Label sets that requests over HTTP can make: the real server has no bound, and runs out of memory.
MOST_SERIES = 10_000


class Counted:
    """Counts each request when its answer begins; one whose handler fails without an answer is not counted, as in the code."""

    def __init__(self, app: ASGIApp, hosting: Hosting) -> None:
        """Wrap `app`; requests count on the first process of the deployment."""
        self._app = app
        self._hosting = hosting
        self._seen: set[tuple[str, str, int]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve and count; a process that is down answers nothing."""
        self._hosting.pace.advance()
        process = next(iter(self._hosting.service.processes), None)
        if process is None or not process.up:
            refusal = JSONResponse({"detail": "the scenario says that this process is down"}, UNAVAILABLE)
            await refusal(scope, receive, send)
            return
        begun = time.perf_counter()

        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._count(process, scope, message["status"], time.perf_counter() - begun)
            await send(message)

        await self._app(scope, receive, send if scope["path"] in SKIPPED else watch)

    def _count(self, process: Process, scope: Scope, status: int, seconds: float) -> None:
        asked = (scope["method"], scope["path"], status)
        if status in OUTSIDE or (asked not in self._seen and len(self._seen) >= MOST_SERIES):
            return
        self._seen.add(asked)
        documented: bool = self._hosting.service.workload.documented_paths
        answered(
            process,
            documented=documented,
            method=scope["method"],
            path=scope["path"],
            status=status,
            seconds=seconds,
        )


class Authenticated:
    """Wants an API key, or the headers of a trusted dashboard; without configured keys everybody is let in."""

    def __init__(self, app: ASGIApp, own: LangSight, guarded: Collection[Route]) -> None:
        """Wrap `app`; a request for one of the `guarded` routes needs a key."""
        self._app = app
        self._own = own
        self._guarded = guarded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let in, or refuse: 401 without a key, 403 with a wrong one. A URL that does not exist needs none."""
        wanted = any(route.matches(scope)[0] is Match.FULL for route in self._guarded)
        refusal = self._refusal(scope) if wanted else None
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        headers = Headers(scope=scope)
        if not self._own.api_keys or self._session(scope, headers):
            return None
        key = headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ").strip()
        if not key:
            return JSONResponse(
                {"detail": "Missing X-API-Key header"}, UNAUTHORISED, headers={"www-authenticate": "ApiKey"}
            )
        if any(hmac.compare_digest(key.encode(), known.encode()) for known in self._own.api_keys):
            return None
        return JSONResponse({"detail": "Invalid API key"}, FORBIDDEN)

    def _session(self, scope: Scope, headers: Headers) -> bool:
        """Whether a trusted proxy says who asks."""
        if not (headers.get("x-user-id") and headers.get("x-user-role") and scope.get("client")):
            return False
        try:
            address = ipaddress.ip_address(scope["client"][0])
        except ValueError:
            return False
        return any(address in network for network in self._own.proxies)
