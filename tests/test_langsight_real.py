"""The simulated LangSight against a transcript of the real 0.15.0, route by route: status, type, shape of the body, and what is counted."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from testbed.exposition import parse
from tests.langsight import serving

TRANSCRIPT = yaml.safe_load((Path(__file__).parent / "data" / "langsight_0.15.0.yaml").read_text(encoding="utf-8"))

#: What a transcript was taken with.
SET = {"AGENT_REFERENCE_BEHAVIOUR": "code", "LANGSIGHT_METRICS_TOKEN": "secret"}

#: What was broken, as the workload of a scenario.
BROKEN = {"postgres": "postgres_gone: true", "inserts": "insert_errors: 1.0", "memory": "rejected_ratio: 1.0"}


def title(entry: dict[str, Any]) -> str:
    return " ".join([entry["ask"], *(f"{n}={entry[n]}" for n in ("while", "times", "status", "set") if n in entry)])


def sent(entry: dict[str, Any]) -> dict[str, Any]:
    """Body and headers of a request."""
    headers = dict(entry.get("headers", {}))
    if "json" in entry:
        return {"json": entry["json"], "headers": headers}
    text = entry.get("text", "x" * entry.get("bytes", 0))
    return {"data": text, "headers": {**headers, "Content-Type": "application/json"}} if text else {"headers": headers}


@pytest.mark.parametrize("entry", TRANSCRIPT, ids=title)
def test_an_answer_is_that_of_the_real_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: dict[str, Any]
) -> None:
    """And what is counted of it."""
    monkeypatch.setattr("reference_server.langsight.routes.now", lambda: 600.0)
    broken = f"timeline: [{{at: 0s, workload: {{{BROKEN[entry['while']]}}}}}]\n" if "while" in entry else ""
    method, _, path = entry["ask"].partition(" ")
    given = SET | entry.get("set", {})
    with serving(tmp_path, given, broken) as (url, hosting), requests.Session() as session:
        answers = [
            session.request(method, url + path, allow_redirects=False, timeout=10, **sent(entry))
            for _ in range(entry.get("times", 1))
        ]
        page = parse(hosting.service.page(hosting.service.processes[0]).decode())

    statuses = Counter(answer.status_code for answer in answers)
    assert statuses == (entry["status"] if "times" in entry else {entry["status"]: 1})
    answer = answers[0]
    if "type" in entry:
        assert answer.headers["content-type"].partition(";")[0] == entry["type"]
    if "location" in entry:
        assert answer.headers["location"].removeprefix(url) == entry["location"]
    if "body" in entry:
        assert (answer.text if isinstance(entry["body"], str) else sorted(answer.json())) == entry["body"]
    counted = {
        status: n for status, n in statuses.items() if entry["counted"] and status not in entry.get("uncounted", ())
    }
    family = page["langsight_http_requests_total"]
    assert {(s.labels["path"], s.labels["status"]): s.value for s in family.samples if s.name == family.name} == {
        (entry["counted"], str(status)): n for status, n in counted.items()
    }
