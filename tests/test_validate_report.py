"""What a validation prints: for people, for programs, for CI; and how a few things at a time are done."""

from __future__ import annotations

import json
import threading
import time
import xml.etree.ElementTree as ET

import pytest

from generator.validate.pool import spread
from generator.validate.report import Outcome, as_json, junit, text
from generator.validate.verdict import Verdict, empty, failed, ok, pending, warning, wrong

VERDICTS = (
    ok("3 series").of("metrics", "agent_server up"),
    empty("nothing happened").of("panels", "Fleet / Failed runs"),
    wrong("it is <down> & \\x1b[31mout\\x00", "start it").of("targets", "http://a:1/metrics"),
    warning("another name").of("alertmanager", "sends to it"),
    ok().of("targets", "http://b:1/metrics"),
    pending("not evaluated yet").of("panels", "Fleet / Budget"),
)
OUTCOME = Outcome(VERDICTS, "http://127.0.0.1:9090", 1.234)


def test_the_text_has_a_table_per_category_the_worst_first() -> None:
    """In the order of the categories, with sums, and without characters that move a cursor."""
    assert (
        text(OUTCOME)
        == """\
targets: 1 ok, 1 wrong
  wrong    http://a:1/metrics  it is <down> & \\x1b[31mout\\x00; start it
  ok       http://b:1/metrics

metrics: 1 ok
  ok       agent_server up  3 series

panels: 1 empty, 1 pending
  pending  Fleet / Budget       not evaluated yet
  empty    Fleet / Failed runs  nothing happened

alertmanager: 1 warning
  warning  sends to it  another name

6 items: 2 ok, 1 empty, 1 pending, 1 warning, 1 wrong; http://127.0.0.1:9090, 1.2 s
"""
    )


def test_the_json_has_every_verdict_in_order() -> None:
    """And the counts, so that nobody has to count."""
    document = json.loads(as_json(OUTCOME))

    assert document["counts"] == {"ok": 2, "empty": 1, "pending": 1, "warning": 1, "wrong": 1}
    assert document["ended_early"] == ""
    assert document["verdicts"][1] == {
        "category": "panels", "item": "Fleet / Failed runs", "verdict": "empty", "why": "nothing happened", "fix": "",
    }  # fmt: skip
    assert [v["item"] for v in document["verdicts"]] == [v.item for v in VERDICTS]


def test_the_junit_is_xml_with_failures_and_reasons() -> None:
    """Wrong is a failure, empty and pending are skipped, a warning passes and says so; the numbers add up."""
    root = ET.fromstring(junit(OUTCOME))  # noqa: S314 - our own text

    assert (root.tag, root.get("tests"), root.get("failures"), root.get("skipped"), root.get("errors")) == (
        "testsuites",
        "6",
        "1",
        "2",
        "0",
    )
    (failure,) = root.iter("failure")
    assert failure.get("message") == "it is <down> & \\x1b[31mout\\x00; start it"
    assert [s.get("message") for s in root.iter("skipped")] == ["nothing happened", "not evaluated yet"]
    (out,) = root.iter("system-out")
    assert out.text == "warning: another name"
    assert [s.get("name") for s in root] == ["targets", "metrics", "panels", "alertmanager"]


def test_an_early_end_is_in_every_form() -> None:
    """So that nobody takes a part for the whole."""
    early = Outcome(VERDICTS[:1], "http://x", 0.1, "interrupted")

    assert text(early).endswith("ended early: interrupted\n")
    assert json.loads(as_json(early))["ended_early"] == "interrupted"
    root = ET.fromstring(junit(early))  # noqa: S314 - our own text
    assert root.get("errors") == "1"
    assert [e.get("message") for e in root.iter("error")] == ["interrupted"]
    assert text(Outcome((), "http://x", 0.1)) == "0 items: nothing; http://x, 0.1 s\n"


def test_only_wrong_fails() -> None:
    """A warning and a named reason do not."""
    assert not failed([v for v in VERDICTS if v.category != "targets"])
    assert failed(VERDICTS)


def test_every_text_of_a_verdict_can_be_changed() -> None:
    """Which is how secrets are taken out."""
    verdict = Verdict("panels", "a secret", ok().state, "secret why", "secret fix")

    assert verdict.changed(lambda t: t.replace("secret", "***")).as_json() == {
        "category": "panels", "item": "a ***", "verdict": "ok", "why": "*** why", "fix": "*** fix",
    }  # fmt: skip


def test_results_come_in_order_and_some_at_a_time() -> None:
    """Eight things that wait for each other are done at once; the order is that of the items."""
    barrier = threading.Barrier(8, timeout=30)

    def work(number: int) -> int:
        barrier.wait()
        return number

    assert list(spread(work, range(8))) == list(range(8))
    assert list(spread(str, [])) == []


def test_an_exception_passes_through_and_stops_the_rest() -> None:
    """The first one, in order."""
    done = []

    def work(number: int) -> int:
        done.append(number)
        if number == 3:
            raise ValueError(number)
        return number

    with pytest.raises(ValueError, match="3"):
        list(spread(work, range(1000), workers=1))

    assert done[:4] == [0, 1, 2, 3]


def test_a_caller_that_stops_leaves_nothing_to_begin() -> None:
    """What was not begun is not begun; what runs does not keep the process."""
    begun: list[int] = []
    go = threading.Event()

    def work(number: int) -> int:
        begun.append(number)
        if number:
            go.wait(30)
        return number

    results = spread(work, range(100), workers=2)
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]  # it is a generator
    go.set()
    time.sleep(0)
    assert len(begun) <= 4
    assert all(
        t.daemon for t in threading.enumerate() if t is not threading.main_thread() and t.name.endswith("(work)")
    )
