"""A server may do what it likes: `validate` ends in time, within its memory, with one sentence, and never with 0."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from generator.validate import Options
from generator.validate.access import Access
from generator.validate.probe import Probe, ProbeError
from testbed.servers.fake import FakeServer
from tests.hostile import SCRIPTS, Hostile

ROOT = Path(__file__).parent.parent

#: Seconds of `--timeout`; what one request may take beside, on a machine that is busy; and the memory of the whole, in MiB.
TIMEOUT, SLACK, MEMORY = 1.0, 8.0, 500

#: What no handshake of TLS ever comes to an end with.
NO_TLS = (
    "never answers",
    "closes at once",
    "a status line that drips",
    "a status line without an end",
    "nothing but zeros",
)

#: Asks one server once, and prints what came of it and the most memory that was in use, in MiB.
ASK = """
import re, sys
from generator.validate import Options
from generator.validate.access import Access
from generator.validate.probe import Probe, ProbeError
probe = Probe("Prometheus", sys.argv[1], Access(), timeout=float(sys.argv[2]), flag="--prometheus")
try:
    probe.get("/api/v1/query")
    told = "answered"
except ProbeError as error:
    told = str(error)
most = re.search(r"VmHWM:\\s+([0-9]+) kB", open("/proc/self/status").read())
print(int(most[1]) // 1024, told)
"""


def clear(text: str) -> bool:
    """Whether a text is one clear sentence about the server."""
    return text.startswith("Prometheus ") and text.isprintable() and len(text) < 700


@pytest.mark.long
@pytest.mark.parametrize(
    ("scheme", "script"), [*(("http", name) for name in SCRIPTS), *(("https", name) for name in NO_TLS)]
)
def test_no_server_holds_a_request_beyond_its_time(scheme: str, script: str) -> None:
    """Whatever drips or never ends; over TLS the handshake itself."""
    with Hostile(SCRIPTS[script]) as server:
        probe = Probe("Prometheus", f"{scheme}://{server.address}", Access(), timeout=TIMEOUT, flag="--prometheus")
        begin = time.monotonic()
        with pytest.raises(ProbeError) as caught:
            probe.get("/api/v1/query")
        seconds = time.monotonic() - begin
        probe.close()

    assert clear(str(caught.value))
    assert seconds < TIMEOUT + SLACK


@pytest.mark.long
@pytest.mark.parametrize(
    "script",
    [
        n
        for n in SCRIPTS
        if any(w in n for w in ("packed", "deflated", "much", "million", "one another", "body without"))
    ],
)
def test_no_server_fills_the_memory(script: str) -> None:
    """A megabyte that is gigabytes once unpacked, or is millions of values once parsed."""
    with Hostile(SCRIPTS[script]) as server:
        done = subprocess.run(
            [sys.executable, "-c", ASK, f"http://{server.address}", "20"],
            cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    memory, message = done.stdout.rstrip("\n").split(" ", 1)

    assert clear(message)
    assert int(memory) < MEMORY


@pytest.mark.long
@pytest.mark.parametrize("script", ["interim answers without an end", "headers that drip", "two gigabytes packed"])
def test_a_whole_validation_ends(script: str) -> None:
    """With 1, one line, no traceback; not one time-out per query."""
    with Hostile(SCRIPTS[script]) as server:
        begin = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "generator", "validate", "--prometheus", f"http://{server.address}", "--timeout", "1"],
            cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    assert time.monotonic() - begin < 60
    assert done.returncode == 1
    assert re.fullmatch(rf"Prometheus at http://{server.address}[:a-z /0-9A-Z.]*;? ?[^\n]*\n", done.stderr)
    assert done.stdout == ""


@pytest.mark.parametrize(
    "body",
    [json.dumps({"error": "%41\\u0041x" * 200_000}), json.dumps({"error": [[1] * 700_000]}), "x" * 2_000_000],
    ids=["a text", "a list", "no JSON"],
)
def test_an_error_of_megabytes_takes_no_longer_than_its_first_words(body: str) -> None:
    """Secrets are looked for in what may be shown, and in no more: letter by letter all of it would take minutes."""
    with FakeServer(lambda _: (500, {}, body.encode())) as fake:
        access = Access(secrets=("s3cr3t-of-some-length",))
        probe = Probe("Prometheus", fake.url, access, timeout=SLACK, flag="--prometheus")
        begin = time.process_time()
        with pytest.raises(ProbeError):
            probe.get("/api/v1/query")

    assert time.process_time() - begin < 1


def test_a_name_of_megabytes_is_cut() -> None:
    """Whatever a server calls its things: a verdict can be read."""
    options = Options("http://127.0.0.1:1", access=Access(secrets=("s3cr3t-of-some-length",)))
    begin = time.process_time()

    text = options.clean("s3cr3t-of-some-length%41" * 100_000)

    assert time.process_time() - begin < 1
    assert text.startswith("***")
    assert text.endswith(" ...")
    assert "s3cr3t-o" not in text
