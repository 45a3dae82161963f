"""Answers of every server, recorded and then changed at random: a verdict or one sentence, and never a traceback."""

from __future__ import annotations

import copy
import json
import random
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from generator.bundle import build
from generator.config.site import Site
from generator.validate import CHECKS, FORMATS, Options, Outcome, ProbeError, Verdict, prepared, run
from testbed.servers.fake import FakeServer, Reply, Request, Respond

from .conftest import ROOT

#: Whole validations, each with other changes, and the share of answers that are changed.
ROUNDS, CHANGED = 12, 0.25

#: What takes the place of a value.
STRANGE: tuple[Any, ...] = (
    None, True, 0, -1, 1e308, float("nan"), float("-inf"), 10**400, "", "x", "NaN", "+Inf", "1e999", "\x1b[31m\r\n", "\ud800",
    "2026-13-45T99:99:99Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", [], {}, [[]], [None], {"a": 1}, "y" * 5_000,
)  # fmt: skip

RECORDED: Mapping[str, list[Any]] = json.loads((ROOT / "tests/data/answers.json").read_text(encoding="utf-8"))


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a value: what holds it, and the key or number."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield value, key
        yield from places(inner)


def changed(value: Any, chance: random.Random) -> Any:
    """A value with one to three places of it taken away, doubled, or with something strange instead."""
    made = {"": copy.deepcopy(value)}
    for _ in range(chance.randint(1, 3)):
        holder, key = chance.choice(list(places(made)))
        match chance.randrange(4):
            case 0 if holder is not made:
                del holder[key]
            case 1 if isinstance(holder, list):
                holder.insert(0, copy.deepcopy(holder[key]))
            case _:
                holder[key] = copy.deepcopy(chance.choice(STRANGE))
    return made[""]


@cache
def listed(path: str) -> list[Any]:
    """What was recorded for a path, or for the nearest one that was."""
    near = path.rpartition("/")[0].rpartition("/")[0]
    return RECORDED.get(path) or next((v for k, v in RECORDED.items() if near and k.startswith(f"{near}/")), [{}])


def answering(seed: int, honest: list[bool]) -> Respond:
    """A server that answers every request in its own way, one request always alike; as recorded, while it is honest."""

    def respond(request: Request) -> Reply:
        where = request.path.partition("?")[0]
        chance = random.Random(zlib.crc32(f"{seed} {request.method} {where}".encode() + request.body))  # noqa: S311 - a test
        value = chance.choice(listed(where))
        if honest:
            return 200, {"Content-Type": "application/json"}, json.dumps(listed(where)[0]).encode()
        if chance.random() < CHANGED:
            value = changed(value, chance)
        text = json.dumps(value).encode()
        if chance.random() < 0.01:
            text = text[: chance.randrange(len(text) + 1)]
        status = 200 if chance.random() > 0.02 else chance.choice((204, 207, 302, 400, 404, 422, 500, 503))
        return status, {"Content-Type": "application/json"}, text

    return respond


@pytest.mark.long
@pytest.mark.parametrize("seed", range(ROUNDS))
def test_no_answer_of_a_wrong_shape_is_a_traceback(seed: int, configured: Callable[[str], Site]) -> None:
    """Whatever comes, from whichever server: what is said of it is one line that can be shown."""
    off = ", ".join(f"{name}: {{enabled: false}}" for name in ("langsight", "agentgateway", "langsmith"))
    bundle = built(f"systems: {{{off}}}\n", configured)
    verdicts: list[Verdict] = []
    # What is asked before anything is judged ends all when it is odd: in one round of four it is.
    honest = [True] if seed % 4 else []
    with FakeServer(answering(seed, honest)) as fake:
        options = Options(fake.url, alertmanager=fake.url, grafana=fake.url, timeout=60.0)
        broken = ""
        try:
            with prepared(bundle, options, lambda _: None) as context:
                honest.clear()
                boards = {stem: context.bundle.boards[stem] for stem in ("agent_server_queue", "overview")}
                small = replace(context, bundle=replace(context.bundle, boards=boards))
                verdicts += run(small, [c for c in CHECKS if c.category != "scenarios"])
        except ProbeError as error:
            broken = options.clean(str(error))

    assert verdicts or broken
    assert all(text.isprintable() for v in verdicts for text in (v.item, v.why, v.fix, broken))
    for form in FORMATS.values():
        assert form(Outcome(tuple(verdicts), fake.url, 1.0, broken))


_BUILT: dict[str, Any] = {}


def built(text: str, configured: Callable[[str], Site]) -> Any:
    """The bundle of a configuration, made once."""
    if text not in _BUILT:
        _BUILT[text] = build(configured(text))
    return _BUILT[text]
