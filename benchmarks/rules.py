"""What rules and boards cost: 1,000 Agent Servers beside other systems, 30 days of history, a real Prometheus.

`python benchmarks/rules.py` prints the time that every rule group takes, recorded series as a share of raw ones for
deployments of several sizes, and what each query of the boards of many deployments costs. It exits with 1 when a bound
does not hold: all groups take less than 3 s of each 30 s, each less than half its own interval, recorded series are less
than 1 % of raw ones at ten servers, and no query of these boards takes 100 ms.

The past is written before Prometheus starts: 30 days of every recorded series, and of scraped ones as much as any rule
reads; the last two hours are in memory, as a Prometheus has them. Rules are evaluated every 30 s, and their cost is counted for the interval that they really have.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import yaml

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]  # neither tests/ nor this folder is a package that is installed

import head  # noqa: E402
import history  # noqa: E402
from history import Course, Labels  # noqa: E402

from generator.units import seconds  # noqa: E402
from reference_server.fleet.fleet import DEPLOYMENT, SAMPLE  # noqa: E402
from testbed.servers import Prometheus, find, wait_until  # noqa: E402
from testbed.servers.announced import Announced  # noqa: E402

MOST_SECONDS, MOST_SHARE, MOST_QUERY_SECONDS = 3.0, 0.01, 0.1

#: Servers of one deployment for which the share is told, beside what the fleet has.
SHAPES = (20, 50)

#: Between two rounds of rules, and two scrapes.
ROUND_SECONDS, SCRAPE_SECONDS = 30, 15

#: Rounds of the rules of which the cheapest counts: what else the machine does is no cost of theirs.
ROUNDS = 5

#: History: of recorded series; of scraped ones of the Agent Servers, whose rules read two hours at most; of those of other
#: systems, few, whose rules look a week back, and how far apart their samples are.
MONTH, RECENT, WEEK, SPARSE_SECONDS = 30 * 86_400, 3 * 3_600, 8 * 86_400, 60

#: What is in no block yet: two hours at least, three at most.
MEMORY = 2 * 3_600

#: Boards of many deployments.
BOARDS = ("agent_server_fleet", "overview")

#: What a graph shows, and how far its points are apart.
GRAPH_SECONDS, POINT_SECONDS = 6 * 3_600, 60

CONFIG = f"""
global: {{scrape_interval: {SCRAPE_SECONDS}s, evaluation_interval: {ROUND_SECONDS}s}}
scrape_configs:
  - job_name: fleet
    http_sd_configs: [{{url: URL/targets}}]
"""

#: Blocks stay as they are written, and none is too old.
FLAGS = (
    "--storage.tsdb.retention.time=40d",
    "--storage.tsdb.min-block-duration=2h",
    "--storage.tsdb.max-block-duration=2h",
)

NAME = re.compile(r"[a-zA-Z_:][\w:]*")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
COUNTERS = ("_total", "_count", "_sum", "_bucket")


def main() -> int:
    """Measure and judge."""
    binary = find("prometheus", "newest")
    if binary.path is None:
        print(binary.reason, file=sys.stderr)
        return 1
    files = {p.name: yaml.safe_load(p.read_text(encoding="utf-8")) for p in sorted(ROOT.glob("alerts/*.rules.yaml"))}
    intervals = {
        g["name"]: seconds(g.get("interval", f"{ROUND_SECONDS}s")) for f in files.values() for g in f["groups"]
    }
    often = [yaml.safe_dump({"groups": [{**g, "interval": f"{ROUND_SECONDS}s"} for g in f["groups"]]}) for f in files.values()]  # fmt: skip
    with (
        Announced("targets", [sys.executable, "benchmarks/targets.py"]).ready(limit_seconds=300) as page,
        Prometheus(binary.path, CONFIG.replace("URL", page.url), rules=often, flags=FLAGS) as server,
    ):
        found = targets(page.url)
        server.stop()
        _remember(server.folder / "data", files, found)
        server.start()
        wait_until(
            lambda: _value(server, "count(scrape_samples_scraped)") == len(found),  # of `up` there is a past
            what="all targets",
            limit_seconds=300,
        )
        good = [_groups(server, intervals), _series(server), _panels(server)]
    print("within bounds" if all(good) else "OUT OF BOUNDS")
    return 0 if all(good) else 1


def targets(url: str) -> list[tuple[dict[str, str], str]]:
    """Return the labels of every target, and its page."""
    with urlopen(f"{url}/targets") as answer:  # noqa: S310 - our own server
        groups = json.load(answer)
    found = []
    for group in groups:
        labels = {k: v for k, v in group["labels"].items() if not k.startswith("__")}
        with urlopen(f"http://{urlsplit(url).netloc}{group['labels']['__metrics_path__']}") as answer:
            found.append(({"job": "fleet", **labels}, answer.read().decode()))
    return found


def _remember(
    folder: Path, files: Mapping[str, Mapping[str, Any]], targets: Sequence[tuple[Mapping[str, str], str]]
) -> None:
    begun = time.monotonic()
    end = int(time.time()) * 1000
    asked = {name for file in files.values() for g in file["groups"] for r in g["rules"] for name in NAME.findall(r["expr"])}  # fmt: skip
    series = {ordered(labels): course for labels, course in recorded(files, targets, end)}
    for labels, page in targets:
        series |= dict(_scraped(labels, page, asked, end))
    blocks = end - MEMORY * 1000
    samples = history.write(folder, series, end - MONTH * 1000, blocks) + head.write(folder, series, blocks, end)
    print(
        f"history           {samples:12,} samples of {len(series):,} series, written in {time.monotonic() - begun:.0f} s"
    )


def recorded(
    files: Mapping[str, Mapping[str, Any]], targets: Sequence[tuple[Mapping[str, str], str]], end: int
) -> Iterator[tuple[dict[str, str], Course]]:
    """Yield every recorded series of the targets with 30 days of a course of its own."""
    for file, content in files.items():
        here = [
            {**dict(LABEL.findall(page)), **labels}
            for labels, page in targets
            if file.startswith(f"{labels['system']}.")
        ]
        for group in content["groups"]:
            every = int(seconds(group.get("interval", f"{ROUND_SECONDS}s")) * 1000)
            for number, rule in enumerate(r for r in group["rules"] if "record" in r):
                grouping = re.search(r"\bby \(([^)]*)\)", rule["expr"])
                by = [label.strip() for label in grouping[1].split(",") if label.strip() != "le"] if grouping else []
                since = end - MONTH * 1000 + number
                course = (
                    Course(every, since, sum(DEPLOYMENT.values()))
                    if rule["record"].endswith(":count")
                    else Course(every, since, 0.0 if "bad" in rule["record"] else 1000.0, "noise")
                )
                for own in here:
                    own_labels = {label: own[label] for label in by if label in own}
                    yield {"__name__": rule["record"], **own_labels, **rule.get("labels", {})}, course


def _scraped(labels: Mapping[str, str], page: str, asked: set[str], end: int) -> Iterator[tuple[Labels, Course]]:
    """Yield the series of a page that rules read, with their past, and those that every target has."""
    every, length = (SCRAPE_SECONDS, RECENT) if labels["system"] == "agent_server" else (SPARSE_SECONDS, WEEK)
    step, since = every * 1000, end - length * 1000
    yield ordered({"__name__": "up", **labels}), Course(step, since, 1.0)
    for line in page.splitlines():
        sample = SAMPLE.fullmatch(line)
        if sample and sample["name"] in asked:
            own = dict(LABEL.findall(sample["labels"] or ""))
            counted = sample["name"].endswith(COUNTERS)
            course = Course(step, since, 0.0, "counter") if counted else Course(step, since, float(sample["value"]))
            yield ordered({"__name__": sample["name"], **own, **labels}), course


def ordered(labels: Mapping[str, str]) -> Labels:
    """Return the labels that are there, in order."""
    return tuple(sorted((k, v) for k, v in labels.items() if v))


def _groups(server: Prometheus, intervals: Mapping[str, float]) -> bool:
    """Tell what the rule groups take, and say whether that is little enough."""
    groups: dict[str, float] = {}
    for _ in range(ROUNDS):
        time.sleep(ROUND_SECONDS)
        for group in server.groups():
            groups[group.name] = min(group.evaluation_seconds, groups.get(group.name, group.evaluation_seconds))
            if wrong := [rule.error for rule in group.rules if rule.error]:
                print(f"{group.name}: {wrong[0]}")
                return False
    for name, taken in sorted(groups.items(), key=lambda g: -g[1]):
        if taken >= 0.01:  # noqa: PLR2004 - what is worth a line
            print(f"{name:<36} {taken:8.3f} s every {intervals[name]:.0f} s")
    each = sum(taken * ROUND_SECONDS / intervals[name] for name, taken in groups.items())
    worst = max(taken / intervals[name] for name, taken in groups.items())
    print(f"all groups, each {ROUND_SECONDS} s        {each:8.2f} s (bound {MOST_SECONDS:.0f} s)")
    print(f"  when all are due at once  {sum(groups.values()):8.2f} s")
    print(f"  longest for its interval  {worst:8.1%} (bound 50%)")
    return each < MOST_SECONDS and worst < 0.5  # noqa: PLR2004 - half its interval


def _series(server: Prometheus) -> bool:
    """Tell how many series are recorded, and say whether that is few enough."""
    ours = 'system="agent_server"'
    raw, count = _value(server, f"sum(scrape_samples_scraped{{{ours}}})"), _value(server, f"count(up{{{ours}}})")
    known = '{__name__=~"agentobs_deployment:.+", deployment=~"agents-.+"}'
    recorded = _value(server, f"count({known})")
    most = _value(server, f"max(count by (cluster, namespace, deployment) ({known}))")
    deployments = _value(server, f"count(count by (cluster, namespace, deployment) (up{{{ours}}}))")
    print(f"raw series        {raw:10,.0f} of {count:.0f} Agent Servers in {deployments:.0f} deployments")
    print(f"recorded series   {recorded:10,.0f}, at most {most:.0f} per deployment, whatever its size")
    size = sum(DEPLOYMENT.values())
    print(f"  {size} servers each   {recorded / raw:8.2%} of the raw ones (bound {MOST_SHARE:.0%})")
    for larger in SHAPES:
        print(f"  {larger} servers each   {most / (larger * raw / count):8.2%}")
    return recorded / raw < MOST_SHARE


def _panels(server: Prometheus) -> bool:
    """Tell what the queries of the boards of many deployments cost, and say whether each is fast enough."""
    good = True
    for name in BOARDS:
        board = json.loads((ROOT / "dashboards" / f"{name}.json").read_text(encoding="utf-8"))
        costs = {title: _cost(server, expr, instant=instant) for title, expr, instant in _queries(board)}
        dearest = max(costs, key=lambda title: costs[title])
        print(f"board {name}: {len(costs)} queries, one by one {sum(costs.values()):.2f} s")
        print(f"  the dearest {costs[dearest]:.3f} s (bound {MOST_QUERY_SECONDS:g} s): {dearest}")
        for title, taken in costs.items():
            if taken >= MOST_QUERY_SECONDS:
                print(f"  too slow: {title}, {taken:.3f} s")
                good = False
    return good


def _queries(board: Mapping[str, Any]) -> Iterator[tuple[str, str, bool]]:
    """Yield the queries with everything chosen: panel and number or column, PromQL, and whether it is an instant one."""
    for panel in (p for top in board["panels"] for p in (top, *top.get("panels", ()))):
        for target in panel.get("targets", ()):
            expr = (
                re.sub(r'"\$(\w+)"', '".*"', target["expr"])
                .replace("$__rate_interval", "2m")
                .replace("$__interval", f"{POINT_SECONDS}s")
            )
            yield f"{panel['title']} {target['refId']}", expr, bool(target.get("instant"))


def _cost(server: Prometheus, expr: str, *, instant: bool) -> float:
    """Return the least of five times that a query takes, in seconds."""
    taken = []
    for _ in range(5):
        now = time.time()
        begun = time.perf_counter()
        if instant:
            server.query(expr, time=now)
        else:
            server.query_range(expr, now - GRAPH_SECONDS, now, POINT_SECONDS)
        taken.append(time.perf_counter() - begun)
    return min(taken)


def _value(server: Prometheus, expr: str) -> float:
    found = server.query(expr)
    return found[0].value if found else 0.0


if __name__ == "__main__":
    sys.exit(main())
