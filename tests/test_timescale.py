"""Rules on a fast clock: what they say, what they refuse, and that they say of fast data what the others say of slow."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import promql_parser
import pytest
import yaml

from generator.bundle import build
from generator.cli.main import main
from generator.config.site import Site
from generator.errors import QueryError
from generator.lint.expression import functions
from generator.outputs.timescale import duration, expression, scaled
from testbed.servers import AGES, Prometheus, find, missing

from .conftest import ROOT

SCALE = 40


def texts(site: Site) -> list[str]:
    """The expression of every rule of the bundle."""
    groups = [g for listed in build(site).rules.values() for g in listed]
    records = [r.to_rule(site)["expr"] for g in groups for r in g.records]
    return records + [a.to_rule(site)["expr"] for g in groups for a in g.alerts]


@pytest.mark.parametrize(
    ("text", "scale", "expected"),
    [
        ("5m", 60, "5s"),
        ("30s", 60, "500ms"),
        ("30s", 40, "750ms"),
        ("1d", 40, "2160s"),
        ("0s", 40, "0s"),
        ("10ms", 60, "1ms"),
        ("1h30m", 1, "5400s"),
        ("10m", 7, "85714ms"),
    ],
)
def test_durations_are_divided_to_the_millisecond(text: str, scale: float, expected: str) -> None:
    """Never 0 unless it was."""
    assert duration(text, scale) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rate(a[5m]) > 0.1", "(rate(a[5s]) / 60) > 0.1"),
        ("deriv(a[5m])", "(deriv(a[5s]) / 60)"),
        ("increase(a[1h] offset 10m)", "increase(a[60s] offset 10s)"),
        ("a offset -1m", "a offset -1s"),
        ("min_over_time((a > 1)[30m:5m])", "min_over_time((a > 1)[30s:5s])"),
        ("max_over_time(a[30m:])", "max_over_time(a[30s:])"),
        ("predict_linear(a[1h], 4 * 3600) < 0", "predict_linear(a[60s], (4 * 3600) / 60) < 0"),
        ("time() - a < 600", "(60 * (time() - a)) < 600"),
        ("time() - max by (x) (timestamp(a))", "(60 * (time() - max by (x) (timestamp(a))))"),
        ("time() - max(max_over_time(a[5m]))", "(60 * (time() - max (max_over_time(a[5s]))))"),
        ("scrape_duration_seconds > 5", "(60 * scrape_duration_seconds) > 5"),
        ("avg_over_time(scrape_duration_seconds[3m])", "(60 * avg_over_time(scrape_duration_seconds[3s]))"),
        (
            "quantile_over_time(0.5, scrape_duration_seconds[3m])",
            "(60 * quantile_over_time(0.5, scrape_duration_seconds[3s]))",
        ),
        ("sum by (x) (a) / on (x) group_left (y) b", "sum by (x) (a) / on (x) group_left (y) b"),
        ("a and on () b unless ignoring (x) c", "a and on () b unless ignoring (x) c"),
        ("a == bool 1", "a == bool 1"),
        ('a{x=~"b\\\\.c\\"", y!="d"}', 'a{x=~"b\\\\.c\\"", y!="d"}'),
        ("topk(3, -a) * 0.001", "topk (3, -a) * 0.001"),
        ('label_replace(a, "x", "$1", "y", "(.*)")', 'label_replace(a, "x", "$1", "y", "(.*)")'),
        ('{x="y", __name__!~"a.*"}', '{x="y", __name__!~"a.*"}'),
        ("a > 1e-12 or vector(1) < +Inf", "a > 1e-12 or vector(1) < inf"),
    ],
)
def test_an_expression_on_a_clock_sixty_times_as_fast(text: str, expected: str) -> None:
    """What is a duration, per second, or an age changes; nothing else does."""
    assert expression(text, 60) == expected
    promql_parser.parse(expected)


@pytest.mark.parametrize(
    "text",
    ["vector(time()) > 5", "hour() > 8", "a @ 5", "a > timestamp(b)", "time() - 300 - a", "time() - (a + 300)",
     "rate(scrape_duration_seconds[5m])", "stddev_over_time(scrape_duration_seconds[5m])", "time() - rate(a[5m])"],
)  # fmt: skip
def test_what_has_no_scaled_form_is_refused(text: str) -> None:
    """Rather no file than one that is wrong by an unknown factor."""
    with pytest.raises(QueryError):
        expression(text, 60)


def test_writing_an_expression_anew_changes_nothing_on_the_ordinary_clock(site: Site) -> None:
    """Every rule of the bundle, read back, is the tree that it was."""
    for text in texts(site):
        assert promql_parser.parse(expression(text, 1)).prettify() == promql_parser.parse(text).prettify()


def test_only_fields_of_prometheus_and_alertmanager_change() -> None:
    """A label of the operator's that is called like a field keeps its value; a scrape may take the whole interval."""
    document = {"groups": [{"interval": "1m", "rules": [{"for": "5m", "labels": {"for": "5m"}, "annotations": {"interval": "x"}}]}],
                "global": {"scrape_interval": "30s", "scrape_timeout": "10s", "external_labels": {"interval": "x"}}}  # fmt: skip

    made = scaled(document, 60)

    assert made["groups"][0] == {"interval": "1s", "rules": [{"for": "5s", "labels": {"for": "5m"}, "annotations": {"interval": "x"}}]}  # fmt: skip
    assert made["global"] == {"scrape_interval": "500ms", "scrape_timeout": "500ms", "external_labels": {"interval": "x"}}  # fmt: skip


def test_a_scale_of_one_changes_no_byte(tmp_path: Path) -> None:
    """What is committed is what it makes."""
    assert main(["generate", "--time-scale", "1", "--out", str(tmp_path)]) == 0

    for folder in ("alerts", "dashboards", "scrape"):
        assert {p.name: p.read_bytes() for p in (tmp_path / folder).iterdir()} == {
            p.name: p.read_bytes() for p in (ROOT / folder).iterdir()
        }


def test_scaled_files_say_what_they_are_for_and_boards_stay(tmp_path: Path) -> None:
    """Rules, scrape files and Alertmanager's configuration carry the warning; dashboards are the same bytes."""
    assert main(["generate", "--time-scale", "60", "--output", str(tmp_path)]) == 0

    written = [p for folder in ("alerts", "scrape") for p in (tmp_path / folder).iterdir()]
    written.remove(tmp_path / "scrape" / "json_exporter.yaml")  # it has no times
    assert len(written) > 20
    assert {p.read_text(encoding="utf-8").splitlines()[0] for p in written} == {
        "# Only for a reference server with --time-scale 60: what takes 60 s elsewhere takes 1 s here."
    }
    for board in (tmp_path / "dashboards").iterdir():
        assert board.read_bytes() == (ROOT / "dashboards" / board.name).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--time-scale", "60"], "scaled files are for a reference server only; name their folder with --out"),
        (["--time-scale", "500", "--out", "x"], "an interval of 30 s is 60 ms; use at most 300"),
    ],
)
def test_a_scale_that_cannot_be_used_is_refused(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Never over the ordinary files, never faster than a Prometheus can follow; nothing is written."""
    monkeypatch.chdir(tmp_path)

    assert main(["generate", *arguments]) == 1

    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["0.5", "-1", "inf", "nan", "x"])
def test_a_scale_that_is_no_scale_is_wrong_usage(text: str) -> None:
    """Slower than life is no use either."""
    with pytest.raises(SystemExit) as caught:
        main(["generate", "--time-scale", text, "--out", "x"])
    assert caught.value.code == 2


#: Half an hour at 30 s: long enough for every range below.
POINTS = 121
START = 1_500_000_000

#: One expression for each function of the bundle and of the scaler. Subqueries keep to multiples of their step on the wall,
#: so both histories begin at one.
EXPRESSIONS = (
    "rate(a_total[5m])",
    "irate(a_total[5m])",
    "increase(a_total[10m])",
    "delta(level[10m])",
    "idelta(level[10m])",
    "deriv(level[10m])",
    "predict_linear(level[10m], 3600)",
    "avg_over_time(level[10m])",
    "sum_over_time(level[10m])",
    "max_over_time(level[10m])",
    "min_over_time((level > 1)[10m:2m])",
    "count_over_time(level[10m])",
    "last_over_time(level[10m])",
    "quantile_over_time(0.5, (level)[10m:2m])",
    "clamp_min(level - 12, 0)",
    "changes(born[20m])",
    "resets(a_total[20m])",
    "histogram_quantile(0.9, sum by (le) (rate(h_bucket[5m])))",
    "absent(level offset 10m)",
    "level offset 10m",
    "time() - born",
    "time() - max(max_over_time(born[5m])) < 900",
    "time() - timestamp(level)",
    "vector(1)",
    'label_replace(rate(a_total[5m]), "era", "old", "speed", ".*")',
    "40 * (scrape_duration_seconds / 40)",
    "40 * max_over_time((scrape_duration_seconds / 40)[10m:2m])",
)


@pytest.fixture(scope="module", params=("oldest", "newest"))
def server(request: pytest.FixtureRequest) -> Iterator[Prometheus]:
    """A Prometheus that has the same history twice: at its own speed, and forty times as fast, both ending at one time."""
    assert request.param in AGES
    found = find("prometheus", request.param)
    if not found.path:
        missing(found.reason)
    assert found.path
    with Prometheus(found.path, history=True) as running:
        yield running


def played(server: Prometheus, start: float, scale: float) -> Callable[[float], float]:
    """Write the history at `scale`; return what turns its seconds into unix time."""

    def at(second: float) -> float:
        return start + second / scale

    count = [float(3 * n + n % 5 if n < 70 else 2 * (n - 70)) for n in range(POINTS)]
    level = [10 + 5 * math.sin(n / 9) for n in range(POINTS)]
    born = [at(0) if n < 70 else at(70 * 30) for n in range(POINTS)]
    own = {"speed": f"{scale:g}"}
    rows: list[tuple[dict[str, str], list[float]]] = [
        ({"__name__": "a_total"}, count),
        ({"__name__": "level"}, level),
        ({"__name__": "born"}, born),
        ({"__name__": "scrape_duration_seconds"}, [(0.2 + n / 100) / scale for n in range(POINTS)]),
        *(({"__name__": "h_bucket", "le": le}, [share * n for n in range(POINTS)])
          for le, share in (("1", 2.0), ("5", 7.0), ("+Inf", 8.0))),
    ]  # fmt: skip
    server.push(((labels | own, values) for labels, values in rows), [at(30 * n) for n in range(POINTS)])
    return at


@pytest.mark.real
def test_a_scaled_rule_over_fast_data_says_what_the_rule_says_over_slow_data(server: Prometheus, site: Site) -> None:
    """For every function that the bundle uses, and at every moment: the same number."""
    used = {f for text in texts(site) for f in functions(promql_parser.parse(text))}
    assert used - {f for text in EXPRESSIONS for f in functions(promql_parser.parse(text))} == set()
    slow = played(server, START, 1)
    fast = played(server, START + 201_600, SCALE)
    compared = 0
    for text in EXPRESSIONS:
        for second in range(5, 3600, 300):
            want = [s.value for s in server.query(text, slow(second))]
            got = [s.value for s in server.query(expression(text, SCALE), fast(second))]
            assert got == pytest.approx(want, rel=1e-3, abs=1e-3), (text, second)
            compared += len(want)
    assert compared > 150


@pytest.mark.real
def test_scaled_files_load(server: Prometheus, site: Site, tmp_path: Path) -> None:
    """Every duration is one that the oldest and the newest Prometheus read; every expression is healthy."""
    assert main(["generate", "--time-scale", "60", "--out", str(tmp_path)]) == 0
    config = yaml.safe_load((tmp_path / "scrape" / "prometheus.yml").read_text(encoding="utf-8"))
    config["rule_files"] = [str(tmp_path / "alerts" / "*.rules.yaml")]

    server.reload(yaml.safe_dump(config))

    rules = [r for g in server.groups() for r in g.rules]
    assert len(rules) == len(texts(site))
