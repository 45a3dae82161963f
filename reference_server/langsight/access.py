"""Who may ask, and what is counted: the two layers around LangSight's API.

Source: `api/metrics.py` and `api/dependencies.py` of LangSight.
"""

from __future__ import annotations

import hmac
import ipaddress
import time
from collections.abc import Callable, Collection

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reference_server.core.rates.hosting import ServiceHosting
from reference_server.core.rates.model import ServiceProcess
from reference_server.langsight.paths import SKIPPED, parsed
from reference_server.langsight.settings import LangSight
from reference_server.langsight.work import answered

UNAUTHORISED, FORBIDDEN, TOO_LARGE, UNAVAILABLE = 401, 403, 413, 503

#: Set in the scope of a request whose handler failed: its 500 is made outside of the real counting, too.
FAILED = "langsight.failed"

#: Answers of layers that stand around the real counting: it does not see them.
OUTSIDE = frozenset({TOO_LARGE})


def failed(scope: Scope) -> PlainTextResponse:
    """Return the answer to a request whose handler failed, which nothing counts."""
    scope[FAILED] = True
    return PlainTextResponse("Internal Server Error", 500)


class Counted:
    """Counts each request when its answer begins; one whose handler fails without an answer is not counted, as in the code."""

    def __init__(self, app: ASGIApp, hosting: ServiceHosting, refused: Callable[[Scope], Response | None]) -> None:
        """Wrap `app`; requests count on the first process of the deployment, those that are `refused` do not."""
        self._app = app
        self._hosting = hosting
        self._refused = refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve and count; a process that is down answers nothing."""
        self._hosting.clock.advance()
        process = next(iter(self._hosting.service.processes), None)
        if process is None or not process.up:
            refusal = JSONResponse({"detail": "the scenario says that this process is down"}, UNAVAILABLE)
            await refusal(scope, receive, send)
            return
        if (limit := self._refused(scope)) is not None:
            await limit(scope, receive, send)
            return
        begun = time.perf_counter()

        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start" and FAILED not in scope:
                self._count(process, scope, message["status"], time.perf_counter() - begun)
            await send(message)

        await self._app(scope, receive, send if scope["path"] in SKIPPED else watch)

    def _count(self, process: ServiceProcess, scope: Scope, status: int, seconds: float) -> None:
        if status in OUTSIDE:
            return
        documented: bool = self._hosting.service.workload.documented_paths
        answered(
            process,
            documented=documented,
            method=scope["method"],
            path=parsed(scope["path"]),
            status=status,
            seconds=seconds,
        )


class Authenticated:
    """Wants an API key, or the headers of a trusted dashboard; without configured keys everybody is let in.

    Keys are in Postgres: without it no request gets so far.
    """

    def __init__(self, app: ASGIApp, own: LangSight, guarded: Collection[Route], broken: Callable[[], bool]) -> None:
        """Wrap `app`; a request for one of the `guarded` routes needs a key, and a Postgres that is not `broken`."""
        self._app = app
        self._broken = broken
        self._own = own
        self._guarded = guarded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let in, or refuse: 401 without a key, 403 with a wrong one. A URL that does not exist needs none."""
        wanted = any(route.matches(scope)[0] is Match.FULL for route in self._guarded)
        if wanted and self._broken():
            await failed(scope)(scope, receive, send)
            return
        refusal = self._refusal(scope) if wanted else None
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        headers = Headers(scope=scope)
        claimed = headers.get("x-user-id") and headers.get("x-user-role")
        if (
            claimed and not self._own.documented
        ):  # the code wants them signed, with a secret that is not configured here
            return JSONResponse({"detail": "Invalid proxy signature"}, UNAUTHORISED)
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
