"""How servers are asked: logins, certificates, tenants, bounds; and one clear sentence when something does not work."""

from __future__ import annotations

import base64
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from generator.errors import GeneratorError
from generator.validate.access import Access, access, address, secret
from generator.validate.answer import Answer
from generator.validate.probe import (
    PATIENCE,
    AbsentError,
    DeniedError,
    GoneError,
    Probe,
    ProbeError,
    RefusedError,
    SilentError,
)
from generator.validate.prometheus import Prometheus, unix
from testbed.servers import free_port
from testbed.servers.fake import FakeServer, Reply, Request, Respond, in_json

TOKEN = "a-token-that-nobody-may-see"  # noqa: S105 - a test
PASSWORD = "a-password-that-nobody-may-see"  # noqa: S105 - a test


@contextmanager
def probing(respond: Respond, given: Access | None = None, **more: Any) -> Iterator[tuple[Probe, FakeServer]]:
    """A probe of a server that answers so."""
    with FakeServer(respond) as fake:
        probe = Probe("Prometheus", fake.url, given or Access(), flag="--prometheus", **more)
        try:
            yield probe, fake
        finally:
            probe.close()


def test_logins_tenants_and_headers_reach_the_server(tmp_path: Path) -> None:
    """Each as the header that such servers read."""
    (tmp_path / "key").write_text("from-a-file\n", encoding="utf-8")
    bearer = access(bearer=TOKEN, tenant="team-a", headers=["X-One=1=1", f"X-Two=@{tmp_path}/key"])
    basic = access(basic=f"me:{PASSWORD}")
    found = []
    for given in (bearer, basic):
        with probing(lambda _: in_json({}), given) as (probe, fake):
            probe.get("/x", {"match[]": ["a", "b"]})
            (request,) = fake.requests
            found.append(request.headers)

    assert request.path == "/x?match%5B%5D=a&match%5B%5D=b"
    assert found[0]["Authorization"] == f"Bearer {TOKEN}"
    assert found[0]["X-Scope-OrgID"] == "team-a"
    assert (found[0]["X-One"], found[0]["X-Two"]) == ("1=1", "from-a-file")
    assert found[1]["Authorization"] == "Basic " + base64.b64encode(f"me:{PASSWORD}".encode()).decode()


def test_no_login_of_somebody_elses_file_takes_the_place_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ~/.netrc with this host is not read."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login other password other\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with probing(lambda _: in_json({}), access(bearer=TOKEN)) as (probe, fake):
        probe.get("/x")
        assert fake.requests[0].headers["Authorization"] == f"Bearer {TOKEN}"
    with probing(lambda _: in_json({})) as (probe, fake):
        probe.get("/x")
        assert "Authorization" not in fake.requests[0].headers


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"bearer": "a", "basic": "b:c"}, "both a token and a password are given"),
        ({"basic": "nobody"}, "the password has no user"),
        ({"headers": ["nothing"]}, "a header is not NAME=VALUE"),
        ({"headers": ["=x"]}, "a header is not NAME=VALUE"),
        ({"headers": ["X=@/nowhere"]}, "--header:1: the file that it names is not there"),
        ({"bearer": "couple\nof lines"}, "the value of Authorization cannot stand in a header"),
        ({"ca_file": Path("/nowhere")}, "the file of certificates is not there"),
    ],
)
def test_what_cannot_be_a_login_is_refused(given: dict[str, Any], what: str) -> None:
    """Before anything is sent, and without showing it."""
    with pytest.raises(GeneratorError) as caught:
        access(**given)

    assert what in str(caught.value)
    assert "couple" not in str(caught.value)


def test_a_secret_is_read_without_its_line_end(tmp_path: Path) -> None:
    """An empty file, or none, is told by its name."""
    (tmp_path / "token").write_text(f" {TOKEN}\n", encoding="utf-8")
    (tmp_path / "empty").write_text("\n", encoding="utf-8")

    assert secret(tmp_path / "token", "--x") == TOKEN
    with pytest.raises(GeneratorError, match="--x is empty"):
        secret(tmp_path / "empty", "--x")
    with pytest.raises(GeneratorError, match="--x cannot be read: IsADirectoryError"):
        secret(tmp_path, "--x")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("127.0.0.1:9090", "is no address of a server"),
        ("ftp://x", "is no address of a server"),
        ("http://", "is no address of a server"),
        ("http://x/?a=b", "is no address of a server"),
        ("http://x:port", "the address cannot be read"),
        (f"http://me:{PASSWORD}@x", "the address has a user or a password in it"),
    ],
)
def test_an_address_that_is_none_is_refused(text: str, what: str) -> None:
    """With what to write instead, and without a password that stands in it."""
    with pytest.raises(GeneratorError) as caught:
        address(text, "--prometheus")

    assert what in str(caught.value)
    assert PASSWORD not in str(caught.value)
    assert address("https://x/prometheus/", "--prometheus") == "https://x/prometheus"


def redirect(*_: object) -> tuple[int, dict[str, str], bytes]:
    return 302, {"Location": "https://login.example.com/?next=x"}, b""


@pytest.mark.parametrize(
    ("respond", "kind", "what"),
    [
        (lambda _: in_json({}, 401), DeniedError, "Prometheus at {} refuses /x with status 401; give --bearer-token-file or --basic-auth-file"),
        (lambda _: in_json({}, 403), DeniedError, "Prometheus at {} refuses /x with status 403; give --bearer-token-file or --basic-auth-file"),
        (lambda _: in_json({}, 404), AbsentError, "Prometheus at {} has no /x (status 404)"),
        (lambda _: (400, {}, b'unsupported path requested: "/x"'), AbsentError, "Prometheus at {} has no /x (status 400)"),
        (lambda _: in_json({"status": "error", "error": "bad\n thing"}, 422), RefusedError, "Prometheus answers /x with status 422: bad thing"),
        (lambda _: in_json({"results": {"A": {"error": "inner"}}}, 400), RefusedError, "Prometheus answers /x with status 400: inner"),
        (lambda _: (500, {}, b""), RefusedError, "Prometheus answers /x with status 500: no text"),
        (redirect, DeniedError, "Prometheus at {} sends /x on to https://login.example.com/; name the final address with --prometheus, or log in"),
        (lambda _: (200, {"Content-Type": "text/html"}, b"<html>"), SilentError, "Prometheus at {} answers /x with something that is not JSON (text/html); see whether --prometheus names the right server"),
        (lambda _: (200, {}, b"[" * 9_000), SilentError, "Prometheus at {} answers /x with something that is not JSON (no type); see whether --prometheus names the right server"),
        (lambda _: (200, {}, b"[" * 4_000_000), SilentError, "Prometheus at {} answers /x with more than 3,000,000 values; see whether --prometheus names the right server"),
    ],
)  # fmt: skip
def test_every_bad_answer_is_one_clear_sentence(respond: Respond, kind: type[ProbeError], what: str) -> None:
    """What happened, where, and what to do."""
    with probing(respond) as (probe, _):
        with pytest.raises(kind) as caught:
            probe.get("/x")
        assert str(caught.value) == what.format(probe.url)


@pytest.mark.parametrize(
    "answer",
    [
        {"data": {"result": [{"metric": {"s": str(n)}, "values": [[30 * p, "1"] for p in range(31)]} for n in range(500)]}},
        {"data": {"result": [{"metric": {"s": str(n)}, "value": [1, "1"]} for n in range(5_000)]}},
        {"frames": [{"data": {"values": [list(range(720)), [1] * 720]}}] * 15},
    ],
    ids=["a range of 500 series", "5,000 series at one time", "fifteen frames of Grafana"],
)  # fmt: skip
def test_large_answers_of_healthy_servers_are_read(answer: Any) -> None:
    """Numbers are short: a bound on the bytes of each would refuse them."""
    with probing(lambda _: in_json(answer)) as (probe, _):
        assert probe.get("/x").value == answer


def test_a_server_that_answers_nothing_but_nonsense_is_given_up() -> None:
    """An answer that nothing can be done with is no sign of life."""
    with probing(lambda _: (200, {}, b"<html>")) as (probe, _):
        for _asked in range(5):
            with pytest.raises(SilentError):
                probe.get("/x")
        with pytest.raises(GoneError, match="stopped answering"):
            probe.get("/x")


def test_nobody_there() -> None:
    """A refused connection, and a host that has no address."""
    port = free_port()
    for url, what in (
        (
            f"http://127.0.0.1:{port}",
            "nobody listens there (connection refused); start it, or name its address with --prometheus",
        ),
        ("http://no-such-host.invalid:9090", "the host name"),
    ):
        probe = Probe("Prometheus", url, Access(), flag="--prometheus")
        with pytest.raises(SilentError) as caught:
            probe.get("/x")
        probe.close()
        assert what in str(caught.value)


def slow(_: Request) -> Reply:
    time.sleep(2)
    return in_json({})


def test_a_server_that_hangs_is_given_up() -> None:
    """After the time-out, with the option that makes it longer."""
    with probing(slow, timeout=0.2) as (probe, _):
        begin = time.monotonic()
        with pytest.raises(
            SilentError, match=r"no whole answer to /x within 0.2 s; see whether it hangs, or raise --timeout"
        ):
            probe.get("/x")
        assert time.monotonic() - begin < 2


def test_an_answer_without_an_end_is_given_up() -> None:
    """Bytes that drip are within every time-out but the one for the whole."""

    def dripping() -> Iterator[bytes]:
        while True:
            time.sleep(0.02)
            yield b" "

    def respond(_: Request) -> Reply:
        return 200, {}, dripping()

    with (
        probing(respond, timeout=0.5) as (probe, _),
        pytest.raises(SilentError, match=r"no whole answer to /x within 0.5 s"),
    ):
        probe.get("/x")


def test_a_server_that_stopped_answering_ends_the_validation() -> None:
    """After a few requests in a row, so that a hanging server does not cost a time-out per query."""
    probe = Probe("Prometheus", f"http://127.0.0.1:{free_port()}", Access())
    for _ in range(PATIENCE):
        with pytest.raises(SilentError):
            probe.get("/x")
    with pytest.raises(GoneError, match="stopped answering"):
        probe.get("/x")
    probe.close()


def test_an_answer_in_between_resets_the_patience() -> None:
    """Single failures are told one by one."""
    state = {"good": False}

    def now_and_then(_: Request) -> Reply:
        return in_json({}) if state["good"] else (200, {}, b"garbage")

    with probing(now_and_then) as (probe, _):
        for _ in range(3 * PATIENCE):
            with pytest.raises(SilentError):
                probe.get("/x")
            state["good"] = True
            probe.get("/x")
            state["good"] = False


def certificate(folder: Path) -> Path:
    """A certificate for 127.0.0.1 and its key, in one file."""
    path = folder / "pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", path, "-out", folder / "crt"],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    path.write_bytes(path.read_bytes() + (folder / "crt").read_bytes())
    return path


def test_a_certificate_that_is_not_trusted_and_one_that_is(tmp_path: Path) -> None:
    """Without the authority's file the sentence names the option; with it everything works."""
    pem = certificate(tmp_path)
    with FakeServer(lambda _: in_json({"x": 1}), pem) as fake:
        url = fake.url
        plain = Probe("Prometheus", url, Access())
        with pytest.raises(SilentError) as caught:
            plain.get("/x")
        trusting = Probe("Prometheus", url, access(ca_file=tmp_path / "crt"))
        assert trusting.get("/x").value == {"x": 1}
        plain.close()
        trusting.close()

    assert str(caught.value) == (
        f"Prometheus at {url}: TLS fails: its certificate is not trusted; name the authority's certificates with --ca-file"
    )


def test_tls_towards_a_server_without_it() -> None:
    """A wrong scheme is told as such."""
    with FakeServer(lambda _: in_json({})) as fake:
        probe = Probe("Prometheus", fake.url.replace("http://", "https://"), Access())
        with pytest.raises(SilentError, match="it does not speak TLS; use http://"):
            probe.get("/x")
        probe.close()


def echo(request: Request) -> Reply:
    return in_json({"error": f"you sent {request.headers['Authorization']} to {request.path}"}, 400)


@pytest.mark.parametrize("given", [access(bearer=TOKEN), access(basic=f"me:{PASSWORD}")])
def test_a_server_that_repeats_our_secret_does_not_make_us_tell_it(given: Access) -> None:
    """Whatever an error text contains, the secret is not in what is shown."""
    with probing(echo, given) as (probe, _), pytest.raises(RefusedError) as caught:
        probe.get("/x")

    assert "***" in str(caught.value)
    for hidden in (TOKEN, PASSWORD, base64.b64encode(f"me:{PASSWORD}".encode()).decode()):
        assert hidden not in str(caught.value)
        assert hidden not in repr(given)


ASKED: list[tuple[Callable[[Prometheus], object], object]] = [
    (lambda p: p.query("x"), [{"metric": {}}]),
    (lambda p: p.query("x"), {"resultType": "vector", "result": [{"metric": {}}]}),
    (lambda p: p.query("x"), {"resultType": "vector", "result": 7}),
    (lambda p: p.query("x"), {"resultType": "string", "result": [0, "x"]}),
    (lambda p: p.label_names(["x"], 0), {"a": 1}),
    (lambda p: p.metadata(), []),
    (lambda p: p.targets(), {"activeTargets": "x"}),
    (lambda p: p.groups(), []),
    (lambda p: p.started(), {"startTime": "soon"}),
]


@pytest.mark.parametrize(("ask", "data"), ASKED)
def test_json_of_another_shape_is_told_as_such(ask: Callable[[Prometheus], object], data: object) -> None:
    """No traceback, whatever a server answers."""
    with (
        probing(lambda _: in_json({"status": "success", "data": data})) as (probe, _),
        pytest.raises(SilentError, match="in another shape than its API: "),
    ):
        ask(Prometheus(probe))


@pytest.mark.parametrize("answer", [[], {"status": "error"}, "text", None])
def test_json_that_is_no_answer_of_the_api(answer: object) -> None:
    """Another server's JSON."""
    with probing(lambda _: in_json(answer)) as (probe, _), pytest.raises(SilentError):
        Prometheus(probe).query("x")


def given(value: object) -> Answer:
    """A value of an answer, of which a wrong shape is a ValueError."""
    return Answer(value, "data.x", ValueError)


def test_times_and_values() -> None:
    """A time that never was is 0; what is no time is another shape."""
    assert unix(given("2026-01-02T03:04:05.123456789Z")) == pytest.approx(1767323045.123456)
    assert unix(given("2026-01-02T03:04:05+01:00")) == 1767319445
    assert unix(given("0001-01-01T00:00:00Z")) == unix(given("")) == unix(given(None)) == 0
    with pytest.raises(ValueError, match=r"data.x is no time, and a time is needed"):
        unix(given("yesterday"))
    assert given("1.5").sample() == 1.5
    assert str(given("NaN").sample()) == "nan"
    with pytest.raises(ValueError, match=r"data.x is nan, and a finite number is needed"):
        given("NaN").number()
