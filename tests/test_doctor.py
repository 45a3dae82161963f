"""`agentobs doctor`: what it says of real pages, of broken ones and of others', and the configuration that it writes."""

from __future__ import annotations

import gzip
import io
import json
import re
import resource
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
import yaml

from generator import doctor
from generator.catalogue import Catalogue
from generator.cli.main import main
from generator.config.site import Site
from generator.doctor import Diagnosis, diagnose
from generator.doctor.fit import before
from generator.doctor.page import LARGEST, Page, parsed
from generator.errors import GeneratorError
from testbed.servers.fake import FakeServer, always

from .conftest import ROOT

PAGES = Path(__file__).parent / "data" / "pages"

#: What is true of the servers whose pages were saved; the Agent Servers ran everything in one process, with all metrics on.
REAL: dict[str, dict[str, Any]] = {
    "agent_server_0.9.1": {"versions": "0.8.6 - 0.10", "runtimes": ["inmem"], "roles": ["combined"]},
    "agent_server_0.10.3": {"versions": "0.8.6 - 0.10", "runtimes": ["inmem"], "roles": ["combined"]},
    "agent_server_0.11.0": {"versions": "0.11.0", "runtimes": ["inmem"], "roles": ["combined"]},
    "agent_server_0.12.12": {"versions": "0.12.12", "runtimes": ["inmem"], "roles": ["combined"]},
    "agent_server_0.16.0": {"versions": "0.16.0", "runtimes": ["inmem"], "roles": ["combined"]},
    "agent_server_0.16.7": {"versions": "0.16.7", "runtimes": ["inmem"], "roles": ["combined"]},
    "agentgateway_1.4.1": {"versions": "1.4.1"},
    "langsight_0.15.0": {},
    "others/nginx_exporter": {"roles": ["frontend-nginx"]},
    "others/postgres_exporter": {"roles": ["postgres"]},
    "others/redis_exporter": {"roles": ["redis"]},
}

STRANGERS = ("blackbox_exporter", "haproxy", "mysqld_exporter", "node_exporter", "process_exporter", "pushgateway")


def text(name: str) -> str:
    return gzip.decompress((PAGES / f"{name}.prom.gz").read_bytes()).decode()


def page(name: str, change: Callable[[str], str] = lambda text: text) -> Page:
    return parsed(name, change(text(name)))


def saved(folder: Path, name: str) -> str:
    path = folder / f"{name.replace('/', '_')}.prom"
    path.write_text(text(name), encoding="utf-8")
    return str(path)


def of(catalogue: Catalogue, *pages: Page) -> Diagnosis:
    return diagnose(catalogue, pages)


@pytest.mark.parametrize("name", REAL)
def test_a_real_page_is_told_back(catalogue: Catalogue, name: str) -> None:
    found = of(catalogue, page(name))

    (fit,) = found.fits
    assert fit.keys == REAL[name]
    assert fit.system.name == (name.rsplit("_", 1)[0] if "/" not in name else "langsmith")
    (one,) = found.pages
    assert (one.drift, one.added) == ((), ())
    assert one.profile
    assert one.profile.misfits == ()


@pytest.mark.parametrize("name", STRANGERS)
def test_another_exporters_page_is_none_of_ours(
    catalogue: Catalogue, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", saved(tmp_path, f"others/{name}")]) == 1
    out = capsys.readouterr().out
    assert "none of the systems that the catalogue knows" in out
    assert len(out.splitlines()) == 2
    assert of(catalogue, page(f"others/{name}")).fits == ()


def test_pages_of_one_deployment_are_put_together(catalogue: Catalogue) -> None:
    found = of(catalogue, page("agent_server_0.9.1"), page("agent_server_0.16.7"), page("agentgateway_1.4.1"))

    assert found.document["systems"] == {
        "agent_server": {"versions": "0.8.6 - 0.16.7", "runtimes": ["inmem"], "roles": ["combined"]},
        "agentgateway": {"versions": "1.4.1"},
        "langsight": {"enabled": False},
        "langsmith": {"enabled": False},
    }


def without_internal(catalogue: Catalogue) -> Callable[[str], str]:
    names = {m.full_name for m in catalogue.systems["agent_server"].metrics if m.exposure == "internal"}
    return lambda text: "".join(
        line for line in text.splitlines(keepends=True) if not any(name in line for name in names)
    )


def test_what_is_blank_is_told_with_what_brings_it(catalogue: Catalogue) -> None:
    found = of(catalogue, page("agent_server_0.12.12", without_internal(catalogue)))

    assert found.fits[0].keys["exposure"] == "ui"
    assert found.failed
    reasons = {b.reason.kind: b.reason for b in found.blank}
    assert "EXPOSE_INTERNAL_METRICS_PROMETHEUS=true" in reasons["exposure"].remedy
    assert "0.16.0 or later" in reasons["version"].remedy
    assert reasons["runtime"].mendable is False
    alerts = {b.what for b in found.blank if b.kind == "alert" and b.reason.kind == "exposure"}
    assert "AgentServerRunSuccessBurn1h" in alerts
    assert {b.where for b in found.blank if b.kind == "board"} == {
        "agent_server_pools", "agent_server_runs", "agent_server_streaming"
    }  # fmt: skip


def test_a_role_that_is_not_scraped_is_named(catalogue: Catalogue) -> None:
    found = of(catalogue, page("others/redis_exporter"))

    remedies = {b.reason.remedy for b in found.blank if b.reason.kind == "role"}
    assert {"scrape backend", "scrape ingest-queue", "scrape postgres", "scrape clickhouse"} <= remedies
    assert not [b for b in found.blank if b.reason.kind == "role" and "smithdb" in b.reason.remedy.split(" or ")[0]]


def test_what_waits_for_an_event_is_not_blank(catalogue: Catalogue) -> None:
    idle = page(
        "agentgateway_1.4.1", lambda text: "".join(x for x in text.splitlines(keepends=True) if "retries" not in x)
    )

    found = of(catalogue, idle)
    assert not [b for b in found.blank if "agentgateway_retries_total" in b.series]
    later = [b for b in found.later if "agentgateway_retries_total" in b.series]
    assert {b.reason.kind for b in later} == {"event"}
    assert not found.failed  # what only a later release has is nothing to be mended


def test_what_the_page_must_have_and_lacks_is_lost(catalogue: Catalogue) -> None:
    """As where a rule on the way drops one family."""
    found = of(
        catalogue,
        page("agentgateway_1.4.1", lambda text: text.replace("agentgateway_tokio_num_workers", "agentgateway_x")),
    )

    (one,) = found.pages
    assert one.profile
    assert (
        "agentgateway_tokio_num_workers is not there, although every process of this kind has it"
        in one.profile.misfits[0]
    )
    assert one.drift == ("the catalogue does not know agentgateway_x",)
    assert found.failed


def test_labels_that_a_configuration_adds_are_told(catalogue: Catalogue) -> None:
    def team(text: str) -> str:
        teams = cycle("ab")
        return re.sub(r'\broute="', lambda _: f'team="{next(teams)}",route="', text)

    (one,) = of(catalogue, page("agentgateway_1.4.1", team)).pages
    (label,) = one.added
    assert (label.name, label.values) == ("team", 2)
    assert "agentgateway_requests_total" in label.metrics
    assert one.drift == ()
    assert of(catalogue, one.page).fits[0].keys == {"versions": "1.4.1", "attribution": ["team"]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t + "lg_api_brand_new_total 1\n", "the catalogue does not know lg_api_brand_new_total"),
        (lambda t: t.replace("# TYPE lg_api_workers_max gauge", "# TYPE lg_api_workers_max counter"), "lg_api_workers_max is a counter there, and the catalogue says gauge"),
        (lambda t: t.replace("lg_api_workers_max{", 'lg_api_workers_max{zone="a",'), "lg_api_workers_max has a label that the catalogue does not know: zone"),
        (lambda t: t.replace('le="5000', 'le="5500'), "lg_api_http_requests_latency has no bucket edge 5000, on which quantiles and limits stand"),
    ],
    ids=["name", "type", "label", "edge"],
)  # fmt: skip
def test_drift_is_told(catalogue: Catalogue, change: Callable[[str], str], message: str) -> None:
    (one,) = of(catalogue, page("agent_server_0.16.7", change)).pages

    assert message in one.drift


@pytest.mark.long
@pytest.mark.parametrize("names", [("agent_server_0.12.12",), ("agent_server_0.9.1", "agent_server_0.16.7"), ("agentgateway_1.4.1", "langsight_0.15.0"), ("others/redis_exporter", "others/nginx_exporter")])  # fmt: skip
def test_what_is_written_fits(names: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It generates, the files are what it makes, and doctor has nothing left to say with it."""
    sources = [saved(tmp_path, name) for name in names]
    bundle = str(tmp_path / "bundle.yaml")
    main(["doctor", *sources, "--write", bundle])

    assert main(["generate", "--config", bundle, "--out", str(tmp_path / "out")]) == 0
    assert main(["check", "--config", bundle, "--out", str(tmp_path / "out")]) == 0
    capsys.readouterr()
    assert main(["doctor", *sources, "--config", bundle]) == 0
    assert "\nBlank: nothing\n" in capsys.readouterr().out


def test_an_own_configuration_keeps_what_doctor_says_nothing_of(tmp_path: Path) -> None:
    given, made = tmp_path / "given.yaml", tmp_path / "made.yaml"
    given.write_text(
        "cluster_is: 1\n".replace(
            "cluster_is: 1", "slo_period: 14d\nsystems: {agent_server: {tier: 1, scale_to_zero: [night]}}"
        ),
        encoding="utf-8",
    )
    main(["doctor", saved(tmp_path, "agent_server_0.16.7"), "--config", str(given), "--write", str(made)])

    document = yaml.safe_load(made.read_text(encoding="utf-8"))
    assert document["slo_period"] == "14d"
    assert document["systems"]["agent_server"] == {**REAL["agent_server_0.16.7"], "scale_to_zero": ["night"]}


def test_a_file_that_is_there_is_only_written_over_as_the_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing that a person has written is lost; the same command again finds what it wrote."""
    source, path = saved(tmp_path, "agent_server_0.16.7"), tmp_path / "bundle.yaml"
    path.write_text("slo_period: 14d\n", encoding="utf-8")

    assert main(["doctor", source, "--write", str(path)]) == 1
    assert path.read_text(encoding="utf-8") == "slo_period: 14d\n"
    message = capsys.readouterr().err
    assert f"{path}:1: is there already, and says something else; add --config {path}" in message

    for _ in range(2):
        main(["doctor", source, "--config", str(path), "--write", str(path)])
        assert yaml.safe_load(path.read_text(encoding="utf-8"))["slo_period"] == "14d"
    fresh = tmp_path / "fresh.yaml"
    for _ in range(2):
        main(["doctor", source, "--write", str(fresh)])
        assert f"{fresh}: written" in capsys.readouterr().err


def test_a_configuration_that_says_something_else_is_held_against_the_pages(
    configured: Callable[[str], Site], catalogue: Catalogue
) -> None:
    site = configured(
        "systems: {agent_server: {versions: '0.11.0 - 0.12', exposure: ui, roles: [api], runtimes: [postgres]}, langsight: {enabled: false}}"
    )

    found = diagnose(catalogue, [page("agent_server_0.16.7"), page("langsight_0.15.0")], site.config)
    mismatches = "\n".join(found.mismatches)
    assert "versions is 0.11.0 - 0.12, and the server is 0.16.7" in mismatches
    assert "exposure is ui, and the page shows internal" in mismatches
    assert "roles is api, and the page is that of combined" in mismatches
    assert "runtimes is postgres, and the page is that of inmem" in mismatches
    assert "systems.langsight.enabled is false" in mismatches
    assert found.failed


def test_an_address_becomes_a_target(tmp_path: Path) -> None:
    body = text("agent_server_0.16.7").encode()
    made = tmp_path / "bundle.yaml"
    with FakeServer(always(200, {"Content-Type": "text/plain"}, body)) as server:
        main(["doctor", f"{server.url}/metrics", "--write", str(made), "--deployment", "chat"])

    scrape = yaml.safe_load(made.read_text(encoding="utf-8"))["systems"]["agent_server"]["scrape"]
    assert scrape == {
        "static": [{"role": "combined", "deployment": "chat", "targets": [server.url.removeprefix("http://")]}]
    }


def test_json_has_what_the_text_has(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", saved(tmp_path, "agent_server_0.16.7"), "--format", "json"]) == 0
    out: dict[str, Any] = json.loads(capsys.readouterr().out)

    (found,) = out["pages"]
    assert (found["system"], found["version"]["exact"]) == ("agent_server", "0.16.7")
    assert found["traits"]["tier"] == {**found["traits"]["tier"], "values": ["3", "4"], "told": False}
    assert out["ok"] is True
    assert {b["reason"]["mendable"] for b in out["blank"]} == {False}


def test_wrong_usage_ends_with_two(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["-", "-"], ["page", "--prometheus", "http://127.0.0.1:9"], []):
        with pytest.raises(SystemExit) as ended:
            main(["doctor", *arguments])
        assert ended.value.code == 2
    assert "name pages" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("version", "last"), [("0.14.0", "0.13"), ("0.5.42", "0.5.41"), ("1.2", "1.1"), ("1.0", "0"), ("", "")]
)
def test_the_line_before_a_version(version: str, last: str) -> None:
    assert before(version) == last


def gzipped(size: int) -> bytes:
    """A gzip body that unpacks to `size` bytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = b"lg_api_workers_max 1\n" * 50_000
    return b"".join(packer.compress(block) for _ in range(size // len(block))) + packer.flush()


HOSTILE = {
    "garbage": (b"<html><body>not found</body></html>\n", ":1: '<html><body>not found</body></html>' is no sample; name a page in the text format of Prometheus"),
    "half": (b'lg_api_workers_max 1\nlg_api_http_requests_total{method="GET",pa', "is no sample; name a page"),
    "binary": (b"\x00\x01\xff\xfe" * 1_000, "is no UTF-8 text; name a metrics page"),
    "nothing": (b"", "no series on this page; name a metrics page that shows some"),
    "huge": (b"lg_api_workers_max 1\n" * (LARGEST // 20), f"has more than {LARGEST:,} bytes; name a metrics page"),
    "one line": (b"a" * (LARGEST - 1), "is no sample; name a page"),
    "braces": (b"a{" + b'b="c",' * 100_000 + b"\n", "is no sample; name a page"),
    "zipped": (gzip.compress(b"lg_api_workers_max 1\n"), "is no UTF-8 text; name a metrics page"),
}  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_page_is_one_sentence(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body, sentence = HOSTILE[name]
    path = tmp_path / "page"
    path.write_bytes(body)
    begin = time.monotonic()

    assert main(["doctor", str(path)]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert sentence in output.err
    assert len(output.err.splitlines()) == 1
    assert len(output.err) < 500
    assert time.monotonic() - begin < 10


def test_the_names_of_a_program_that_says_its_version_are_its_own(catalogue: Catalogue) -> None:
    """Prometheus counts requests as a gateway does: under names of its own, and not under a prefix of the gateway's."""
    ends = {"request_duration_seconds": ("_bucket", "_count", "_sum"), "response_size_bytes": ("_bucket", "_count", "_sum"), "requests_total": ("",)}  # fmt: skip
    lines = [f"prometheus_http_{name}{end} 1" for name, several in ends.items() for end in several]
    text = "\n".join([*lines, 'prometheus_build_info{version="3.5.0"} 1', ""]).replace(
        "_bucket 1", '_bucket{le="+Inf"} 1'
    )

    assert diagnose(catalogue, [parsed("page", text)]).pages[0].profile is None
    own = text.replace("prometheus_http_", "acme_agentgateway_").replace("prometheus_build", "acme_agentgateway_build")
    (one,) = diagnose(catalogue, [parsed("page", own)]).pages
    assert one.profile
    assert (one.profile.system, one.profile.prefix) == ("agentgateway", "acme_agentgateway_")


def test_all_sources_that_cannot_be_read_are_told_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").write_text("", encoding="utf-8")

    assert main(["doctor", str(tmp_path / "lost"), str(tmp_path / "empty"), saved(tmp_path, "langsight_0.15.0")]) == 1
    output = capsys.readouterr()
    assert [line.rpartition("; ")[2] for line in sorted(output.err.splitlines())] == [
        "name a metrics page that shows some",
        "name a file, an address or -",
    ]
    assert output.out == ""


@pytest.mark.long
@pytest.mark.parametrize("what", ["bomb", "largest"])
def test_memory_has_a_bound(what: str) -> None:
    """A page of a gigabyte in a megabyte of gzip, and the largest page that is read: a process with a gigabyte gets through."""
    if what == "bomb":
        body, headers = gzipped(1_000_000_000), {"Content-Encoding": "gzip"}
    else:
        lines = (
            f'lg_api_http_requests_total{{path="/{n}",method="GET",status="200"}} 1\n' for n in range(LARGEST // 90)
        )
        body, headers = "".join(lines).encode(), {}
    code = "import sys; from generator.cli.main import main; sys.exit(main(sys.argv[1:]))"
    with FakeServer(always(200, {"Content-Type": "text/plain", **headers}, body)) as server:
        begin = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-c", code, "doctor", f"{server.url}/metrics"], capture_output=True, text=True, check=False, timeout=120,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30)),
        )  # fmt: skip
    if what == "bomb":
        assert done.stderr == f"{server.url}/metrics:1: has more than {LARGEST:,} bytes; name a metrics page\n"
    else:
        assert "Agent Server, 1 of its" in done.stdout
    assert done.returncode == 1
    assert time.monotonic() - begin < 60


def endless(piece: bytes, pause: float) -> Iterator[bytes]:
    """Pieces of an answer that has no end, with so many seconds before each."""
    while True:
        time.sleep(pause)
        yield piece


@pytest.mark.parametrize(
    ("piece", "pause", "sentence"),
    [
        (b"lg_api_workers_max 1\n" * 10_000, 0.0, "has more than 20,000,000 bytes; name a metrics page"),
        (b"lg_api_workers_max 1\n", 0.05, "has not answered within 1 s; is it the address of a metrics page?"),
    ],
    ids=["fast", "slow"],
)
def test_a_stream_without_an_end_ends(
    piece: bytes, pause: float, sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if pause:
        monkeypatch.setattr("generator.infer.fetch.WITHIN", 1.0)
    with FakeServer(lambda _: (200, {"Content-Type": "text/plain"}, endless(piece, pause))) as server:
        assert main(["doctor", server.url]) == 1

    assert capsys.readouterr().err == f"{server.url}:1: {sentence}\n"


def test_a_file_without_an_end_ends() -> None:
    with pytest.raises(GeneratorError, match="/dev/zero:1: has more than 20,000,000 bytes"):
        doctor.read("/dev/zero")


def test_the_example_of_the_documentation_is_true(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    document = (ROOT / "docs/doctor.md").read_text(encoding="utf-8")
    found = re.search(
        r"```console\n\$ zcat tests/data/pages/(.+)\.prom\.gz \| agentobs doctor - \| head -5\n(.*?)```",
        document,
        re.DOTALL,
    )
    assert found
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text(found[1]).encode()), encoding="utf-8"))

    main(["doctor", "-"])
    assert capsys.readouterr().out.splitlines()[:5] == found[2].splitlines()
