"""Threads and runs over HTTP: the routes that carry an agent's work, with the real server's answers to mistakes."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute

from reference_server.agent_server.access import ApiRoute
from reference_server.agent_server.assistants import known_assistant
from reference_server.agent_server.behaviour import ASSISTANT, GRAPH
from reference_server.agent_server.node import OPEN, Node
from reference_server.agent_server.records import Run, Thread, run_body, thread_body
from reference_server.core.bodies import NOT_FOUND, fields, identifier
from reference_server.core.clock import Cut
from reference_server.core.turns import turn

CONFLICT, ACCEPTED, NO_CONTENT = 409, 202, 204

#: Words in a query that mean yes.
YES = {"true", "yes", "1"}

ACTIONS = {"interrupt", "rollback"}

#: Most entries of a list that one answer has, and most bytes that what it shows takes in memory.
PAGE = 1_000
MOST_BYTES = 8 * 1024 * 1024

Record = TypeVar("Record", Run, Thread)


def sse(event: str, data: Any, number: int | None = None) -> bytes:
    """Write one server-sent event."""
    text = f"event: {event}\r\ndata: {json.dumps(data)}\r\n"
    return (text + (f"id: {number}\r\n" if number is not None else "") + "\r\n").encode()


class Routes:
    """The routes of one process."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.records = node.records

    def all(self) -> Sequence[BaseRoute]:
        """List the routes."""
        table: tuple[tuple[str, str, Callable[[Request], Any]], ...] = (
            ("POST", "/assistants/search", self.assistants),
            ("GET", "/assistants/{assistant_id}", self.assistant),
            ("POST", "/threads", self.create_thread),
            ("POST", "/threads/search", self.threads),
            ("GET", "/threads/{thread_id}", self.thread),
            ("DELETE", "/threads/{thread_id}", self.delete_thread),
            ("GET", "/threads/{thread_id}/state", self.state),
            ("GET", "/threads/{thread_id}/runs", self.runs),
            ("POST", "/threads/{thread_id}/runs", self.create),
            ("POST", "/threads/{thread_id}/runs/stream", self.stream),
            ("POST", "/threads/{thread_id}/runs/wait", self.wait),
            ("GET", "/threads/{thread_id}/runs/{run_id}", self.run),
            ("DELETE", "/threads/{thread_id}/runs/{run_id}", self.delete_run),
            ("GET", "/threads/{thread_id}/runs/{run_id}/join", self.join),
            ("GET", "/threads/{thread_id}/runs/{run_id}/stream", self.join_stream),
            ("POST", "/threads/{thread_id}/runs/{run_id}/cancel", self.cancel),
            ("POST", "/runs/stream", self.stream),
            ("POST", "/runs/wait", self.wait),
            ("POST", "/runs", self.create),
        )
        return [ApiRoute(path, endpoint, methods=[method]) for method, path, endpoint in table]

    async def assistants(self, request: Request) -> Response:
        """Find assistants: there is one."""
        async with fields(request, self.node.settings.max_body_bytes):
            return JSONResponse([_assistant()])

    async def assistant(self, request: Request) -> Response:
        """Show the assistant."""
        if identifier(request, "assistant_id", "assistant") != ASSISTANT:
            raise HTTPException(NOT_FOUND, "Assistant not found")
        return JSONResponse(_assistant())

    async def create_thread(self, request: Request) -> Response:
        """Make a thread."""
        async with fields(request, self.node.settings.max_body_bytes) as given:
            metadata = given.get("metadata")
            thread = self.records.new_thread(self.node.clock.now(), metadata if isinstance(metadata, dict) else {})
            return JSONResponse(thread_body(thread))

    async def threads(self, request: Request) -> Response:
        """List the newest threads."""
        async with fields(request, self.node.settings.max_body_bytes) as given:
            limit = given.get("limit", 10)
        limit = min(limit, PAGE) if isinstance(limit, int) and limit > 0 else 10
        newest = _fitting(islice(reversed(self.records.threads.values()), limit))
        return await _shown(newest, lambda: [thread_body(t) for t in newest])

    async def thread(self, request: Request) -> Response:
        """Show a thread."""
        thread = self._thread(request)
        return await _shown([thread], lambda: thread_body(thread))

    async def delete_thread(self, request: Request) -> Response:
        """Delete a thread; its runs go on unseen, as an evicted thread's do."""
        self.records.delete(self._thread(request).id)
        return Response(status_code=NO_CONTENT)

    async def state(self, request: Request) -> Response:
        """Show a thread's state."""
        thread = self._thread(request)
        empty: dict[str, Any] = {"next": [], "tasks": [], "metadata": {}, "interrupts": []}
        return await _shown([thread], lambda: {"values": thread.values or {}, **empty})

    async def runs(self, request: Request) -> Response:
        """List a thread's runs, the newest first."""
        thread = self._thread(request)
        limit = min(max(1, int(request.query_params.get("limit", 10))), PAGE)
        known = (self.records.runs[r] for r in reversed(thread.runs) if r in self.records.runs)
        newest = _fitting(islice(known, limit))
        return await _shown(newest, lambda: [run_body(r, self.node.status(r)) for r in newest])

    async def create(self, request: Request) -> Response:
        """Start a run and do not wait for it."""
        run = await self._start(request)
        where = f"/runs/{run.id}" if run.stateless else f"/threads/{run.thread}/runs/{run.id}"
        return await _shown([run], lambda: run_body(run, self.node.status(run)), {"Content-Location": where})

    async def wait(self, request: Request) -> Response:
        """Start a run and answer with its result."""
        run = await self._start(request)
        return self._awaited(run, cancel=run.body.get("on_disconnect") == "cancel")

    async def stream(self, request: Request) -> Response:
        """Start a run and stream it."""
        run = await self._start(request)
        return self._streamed(run, cancel=run.body.get("on_disconnect") == "cancel")

    async def run(self, request: Request) -> Response:
        """Show a run."""
        run = self._run(request)
        self.node.clock.advance()
        return await _shown([run], lambda: run_body(run, self.node.status(run)))

    async def delete_run(self, request: Request) -> Response:
        """Delete a run that is over."""
        run = self._run(request)
        if self.node.status(run) in OPEN:
            raise HTTPException(CONFLICT, "Run is not over; cancel it first")
        self.records.forget(run.id)
        return Response(status_code=NO_CONTENT)

    async def join(self, request: Request) -> Response:
        """Wait for a run."""
        return self._awaited(self._run(request), cancel=_yes(request, "cancel_on_disconnect"))

    async def join_stream(self, request: Request) -> Response:
        """Stream a run that was started before."""
        return self._streamed(self._run(request), cancel=_yes(request, "cancel_on_disconnect"))

    async def cancel(self, request: Request) -> Response:
        """Cancel a run, and wait for its end if asked to."""
        run = self._run(request)
        action = request.query_params.get("action", "interrupt")
        if not self.node.cancel(run, action if action in ACTIONS else "interrupt"):
            what = (
                "Please verify the thread ID and run IDs are correct, and the runs haven't been deleted or completed."
            )
            raise HTTPException(NOT_FOUND, f"No matching runs to cancel. {what}")
        return self._awaited(run, cancel=False) if _yes(request, "wait") else Response(status_code=ACCEPTED)

    async def _start(self, request: Request) -> Run:
        async with fields(request, self.node.settings.max_body_bytes) as given:
            known_assistant(given)
            if "thread_id" not in request.path_params:
                thread = Thread(str(uuid.uuid4()), self.node.clock.now())
                return self.node.start(given, thread, stateless=True)
            return self.node.start(given, self._target(request, given))

    def _target(self, request: Request, given: Mapping[str, Any]) -> Thread:
        name = identifier(request, "thread_id", "thread")
        thread = self.records.threads.get(name)
        if thread is None and given.get("if_not_exists") == "create":
            return self.records.new_thread(self.node.clock.now(), name=name)
        if thread is None:
            raise HTTPException(NOT_FOUND, "Thread or assistant not found.")
        if given.get("multitask_strategy") == "reject" and self.node.busy(thread):
            raise HTTPException(
                CONFLICT,
                "Thread is already running a task. Wait for it to finish or choose a different multitask strategy.",
            )
        return thread

    def _thread(self, request: Request) -> Thread:
        name = identifier(request, "thread_id", "thread")
        thread = self.records.threads.get(name)
        if thread is None:
            raise HTTPException(NOT_FOUND, f"Thread with ID {name} not found")
        self.node.busy(thread)  # notes the ends of its runs
        return thread

    def _run(self, request: Request) -> Run:
        thread, name = identifier(request, "thread_id", "thread"), identifier(request, "run_id", "run")
        run = self.records.runs.get(name)
        if run is None or run.thread != thread:
            raise HTTPException(NOT_FOUND, "Not Found")
        return run

    def _awaited(self, run: Run, *, cancel: bool) -> Response:
        where = f"/threads/{run.thread}/runs/{run.id}"

        async def text() -> AsyncIterator[bytes]:
            try:
                await self.node.ended(run)
                async with turn(self._size(run)):
                    part = json.dumps(self.node.result(run)).encode()
                yield part
            finally:
                self._leave(run, cancel=cancel)

        headers = {"Location": f"{where}/join", "Content-Location": where}
        return StreamingResponse(text(), media_type="application/json", headers=headers)

    def _streamed(self, run: Run, *, cancel: bool) -> Response:
        where = f"/runs/{run.id}" if run.stateless else f"/threads/{run.thread}/runs/{run.id}"

        async def text() -> AsyncIterator[bytes]:
            try:
                async for event, data in self.node.events(run):
                    async with turn(self._size(run)):
                        part = sse(event, data)
                    yield part
            except Cut:
                pass
            finally:
                self._leave(run, cancel=cancel)

        headers = {"Location": f"{where}/stream", "Content-Location": where, "Cache-Control": "no-store"}
        return StreamingResponse(text(), media_type="text/event-stream", headers=headers)

    def _size(self, run: Run) -> int:
        """Return what a run's state takes in memory at most, in bytes."""
        thread = self.records.threads.get(run.thread)
        return run.size + (thread.size if thread else 0)

    def _leave(self, run: Run, *, cancel: bool) -> None:
        """A client has its answer, or has gone without it."""
        if cancel and self.node.status(run) in OPEN:
            self.node.cancel(run, "interrupt")


async def _shown(
    what: Iterable[Run | Thread], body: Callable[[], Any], headers: Mapping[str, str] | None = None
) -> Response:
    """Answer with a text about these records, made in turn."""
    async with turn(sum(one.size for one in what)):
        return JSONResponse(body(), headers=headers)


def _fitting(found: Iterable[Record]) -> list[Record]:
    """Return the first one, and as many of the following ones as fit into one answer."""
    sizes = 0
    out: list[Record] = []
    for one in found:
        sizes += one.size
        if out and sizes > MOST_BYTES:
            break
        out.append(one)
    return out


def _yes(request: Request, name: str) -> bool:
    return request.query_params.get(name, "").lower() in YES


def _assistant() -> dict[str, Any]:
    return {
        "assistant_id": ASSISTANT,
        "graph_id": GRAPH,
        "name": GRAPH,
        "config": {},
        "metadata": {"created_by": "system"},
        "version": 1,
    }
