"""`agentobs infer`: what a page says becomes a catalogue file, and what it cannot say is told."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import pytest
import yaml

from generator.catalogue import read as read_catalogue
from generator.cli.main import main
from generator.errors import GeneratorError, Problem
from generator.infer import draft, page, read, text
from testbed.servers.fake import FakeServer

from .conftest import ROOT

PAGE = """\
# HELP shop_requests_total Requests answered
# TYPE shop_requests_total counter
shop_requests_total{status="200",path="/"} 10
shop_requests_total{status="500",path="/a b"} 1
# TYPE shop_request_seconds histogram
shop_request_seconds_bucket{le="0.5"} 3
shop_request_seconds_bucket{le="1"} 4
shop_request_seconds_bucket{le="+Inf"} 5
shop_request_seconds_sum 4.5
shop_request_seconds_count 5
# TYPE shop_connections gauge
shop_connections{pool="a"} 3
# TYPE shop_connections_max gauge
shop_connections_max{pool="a"} 9
# TYPE shop_build_info gauge
shop_build_info{version="1.2"} 1
# TYPE shop_last_run_seconds gauge
shop_last_run_seconds 1.7e+09
# TYPE shop_jobs counter
# TYPE shop_odd counter
shop_odd 4
shop_bare 1
process_start_time_seconds 1.7e9
go_goroutines 8
"""

PAGES = sorted((ROOT / "tests/data/pages").rglob("*.prom.gz"))


def drafted(page: str = PAGE, **more: Any) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(text(draft(read("page", page), **more)))
    return document


def entries(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in document["metrics"]}


def test_names_types_units_labels_and_edges_are_those_of_the_page() -> None:
    found = drafted()
    metrics = entries(found)

    assert (found["system"], found["prefix"], found.get("pages")) == ("shop", "shop_", None)
    assert {name: (m["type"], m["unit"]) for name, m in metrics.items()} == {
        "requests_total": ("counter", "requests"),
        "request_seconds": ("histogram", "seconds"),
        "connections": ("gauge", "none"),
        "connections_max": ("gauge", "none"),
        "build_info": ("info", "none"),
        "last_run_seconds": ("gauge", "unixtime"),
        "odd": ("counter", "none"),
        "bare": ("gauge", "none"),
        "process_start_time_seconds": ("gauge", "unixtime"),
        "go_goroutines": ("gauge", "none"),
    }
    assert metrics["requests_total"]["labels"] == {
        "status": {"bound": "2 seen: 200, 500", "count": 2},
        "path": {"bound": "2 seen: /, /a b", "count": 2, "follows": "status", "many": True},
    }
    assert metrics["request_seconds"]["buckets"] == [0.5, 1]
    assert metrics["odd"]["allow"] == {"counter-suffix": "the server does not append it"}
    assert metrics["go_goroutines"]["no_prefix"] is True


def test_golden_signals_are_recognised() -> None:
    assert drafted()["signals"] == {
        "requests": [{"metric": "requests_total", "failed": {"status": "5.."}}],
        "latency": [{"metric": "request_seconds"}],
        "pools": [{"used": "connections", "max": "connections_max"}],
    }


def test_what_a_page_cannot_say_is_told() -> None:
    unknown = "\n".join(draft(read("page", PAGE)).unknown)

    for word in ("port", "shop_jobs", "shop_bare: the page tells no type", "aggregate", "since which version"):
        assert word in unknown


def test_open_metrics_are_read_as_a_scrape_sees_them() -> None:
    """Counters gain `_total`, infos `_info`; exemplars and time stamps are no values."""
    page = (
        "# TYPE a_hits counter\n# UNIT a_hits requests\n"
        'a_hits_total{x="}"} 3 1700000000.5 # {trace_id="k"} 1.0 1700000000\n'
        "a_hits_created 1.7e9\n# TYPE a_build info\n"
        'a_build_info{v="1"} 1\n# EOF\n'
    )

    assert {name: m["type"] for name, m in entries(drafted(page)).items()} == {
        "hits_total": "counter",
        "build_info": "info",
    }


@pytest.mark.parametrize(
    "page", ["# TYPE shop_total counter\nshop_total 3\n", '# TYPE shop_info gauge\nshop_info{a="b"} 1\n']
)
def test_a_page_of_one_metric_gives_a_draft_that_generates(page: str, tmp_path: Path) -> None:
    (tmp_path / "page.txt").write_text(page, encoding="utf-8")
    (tmp_path / "bundle.yaml").write_text("systems: {shop: {catalogue: ./shop.yaml}}\n", encoding="utf-8")

    assert main(["infer", str(tmp_path / "page.txt"), "--system", "shop", "--out", str(tmp_path / "shop.yaml")]) == 0
    assert main(["generate", "--config", str(tmp_path / "bundle.yaml"), "--out", str(tmp_path / "out")]) == 0


def test_a_draft_that_somebody_went_on_with_is_not_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same draft again changes nothing; an edited one stays, and is named."""
    page, path = tmp_path / "page.txt", tmp_path / "shop.yaml"
    page.write_text("# TYPE shop_total counter\nshop_total 3\n", encoding="utf-8")
    asked = ["infer", str(page), "--system", "shop", "--out", str(path)]
    assert [main(asked), main(asked)] == [0, 0]
    edited = path.read_text(encoding="utf-8").replace("title: Shop", "title: The shop")
    path.write_text(edited, encoding="utf-8")
    capsys.readouterr()

    assert main(asked) == 1

    assert path.read_text(encoding="utf-8") == edited
    assert capsys.readouterr().err == (
        f"{path}:1: is there already, and says something else; "
        "name another file and take over from it what is new; or remove this one\n"
    )


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name.removesuffix(".prom.gz"))
def test_a_draft_of_a_real_page_is_a_sound_catalogue(path: Path, tmp_path: Path) -> None:
    """Every rule of the catalogue holds, and every series of the page is in it or left out aloud."""
    page = gzip.decompress(path.read_bytes()).decode()
    families = read(path.name, page)
    made = draft(families, system="drafted")
    (tmp_path / "drafted.yaml").write_text(text(made), encoding="utf-8")
    problems: list[Problem] = []

    systems = read_catalogue({"drafted": tmp_path / "drafted.yaml"}, problems)

    assert [str(p) for p in problems] == []
    process = {s for m in systems["drafted"].metrics for s in m.series}
    seen = {s.name for family in families for s in family.samples}
    lost = {n for n in seen - process if not n.startswith(("process_", "python_")) and not n.endswith("_created")}
    summaries = {m.full_name for m in systems["drafted"].metrics if m.kind == "summary"}
    assert lost - summaries == set()


@pytest.mark.parametrize(
    ("page", "problem"),
    [
        ("", "PAGE:1: no series on this page; name a metrics page that shows some"),
        ("<html>\n", "PAGE:1: '<html>' is no sample; name a page in the text format of Prometheus"),
        ("up 1\nup{a=b} 1\n", "PAGE:2: 'up{a=b} 1' is no sample; name a page in the text format of Prometheus"),
        ("up 1_000\n", "PAGE:1: 'up 1_000' is no sample; name a page in the text format of Prometheus"),
    ],
)
def test_what_is_no_page_is_refused_with_its_line(page: str, problem: str) -> None:
    with pytest.raises(GeneratorError) as caught:
        read("PAGE", page)

    assert str(caught.value) == problem


def test_a_page_of_nonsense_ends_in_one_sentence_and_one_with_mistakes_after_some_lines() -> None:
    for begin, count in (("", 1), ("x 1\n", 5)):
        with pytest.raises(GeneratorError) as caught:
            read("PAGE", begin + "?\n" * 100_000)

        assert len(caught.value.problems) == count


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("http://127.0.0.1:1/metrics", "cannot be read: nobody listens there (connection refused)"),
        ("http://[::1", "cannot be read: it is no address"),
        ("127.0.0.1:9090/metrics", "an address begins with http:// or https://"),
        ("ftp://shop/metrics", "an address begins with http:// or https://"),
        ("", "is empty"),
    ],
)
def test_what_is_wrong_with_a_source_is_told_in_words(source: str, message: str) -> None:
    with pytest.raises(GeneratorError) as caught:
        page(source)

    assert message in str(caught.value)


def test_a_page_is_read_from_a_file_an_address_and_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The address tells the port, and gets the token that a file has."""
    (tmp_path / "page").write_text(PAGE, encoding="utf-8")
    (tmp_path / "token").write_text("secret\n", encoding="utf-8")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(PAGE.encode())))

    assert main(["infer", str(tmp_path / "page")]) == 0
    by_file = capsys.readouterr().out
    assert main(["infer", "-"]) == 0
    assert capsys.readouterr().out == by_file
    with FakeServer(lambda _: (200, {"Content-Type": "text/plain"}, PAGE.encode())) as server:
        assert main(["infer", f"{server.url}/metrics", "--bearer-token-file", str(tmp_path / "token")]) == 0
        port = int(server.url.rpartition(":")[2])
    assert yaml.safe_load(capsys.readouterr().out)["scrape"] == {"port": port}
    assert [request.headers.get("Authorization") for request in server.requests] == ["Bearer secret"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["nowhere.prom"], "nowhere.prom:1: cannot be read: No such file or directory; name a file, an address or -"),
        (["-", "--prefix", "shop"], "--prefix:1: 'shop' does not end in an underscore; write shop_"),
        (
            ["-", "--system", "langsight"],
            "--system:1: 'langsight' comes with a catalogue of its own; leave out its catalogue, or call yours by another name",
        ),
    ],
)
def test_wrong_arguments_are_refused(
    arguments: list[str],
    problem: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(["infer", *arguments]) == 1

    assert capsys.readouterr().err.strip() == problem


def test_a_server_that_refuses_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with FakeServer(lambda _: (401, {}, b"no")) as server:
        assert main(["infer", server.url]) == 1

    assert (
        capsys.readouterr().err.strip()
        == f"{server.url}:1: answered 401; name the file with its token: --bearer-token-file"
    )


@pytest.mark.parametrize("what", ["bundle", "catalogue"])
def test_schemas_are_printed_for_editors(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Both are sound schemas, and take what they must."""
    from jsonschema import Draft202012Validator

    assert main(["schema", what]) == 0
    schema = yaml.safe_load(capsys.readouterr().out)
    Draft202012Validator.check_schema(schema)
    shop = yaml.safe_load((ROOT / "tests/data/shop.yaml").read_text(encoding="utf-8"))
    sound = shop if what == "catalogue" else {"systems": {"shop": {"catalogue": "./shop.yaml"}}}
    assert list(Draft202012Validator(schema).iter_errors(sound)) == []
    assert list(Draft202012Validator(schema).iter_errors({**sound, "odd": 1})) != []
