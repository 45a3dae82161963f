"""What the rules cost over a fleet: 1,000 simulated servers, every rule file, a real Prometheus.

`python benchmarks/rules.py [seconds]` prints the time that all rule groups take per round, recorded series as a share of
raw ones for deployments of several sizes, and what the dearest query of the fleet board costs: as it is, and with each
recorded series put back to the expression that records it. Bounds: 3 s per 30 s interval, 1 % at ten servers.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))  # tests/ is no package that is installed

from reference_server.fleet import DEPLOYMENT  # noqa: E402
from tests.servers import Child, Prometheus, find, wait_until  # noqa: E402

TARGETS = 1000
MOST_SECONDS, MOST_SHARE = 3.0, 0.01

#: Servers of one deployment for which the share is told, beside what the fleet has.
SHAPES = (20, 50)

#: Seconds that the fleet is scraped before the rounds; with these, a window of five minutes is full.
SETTLED = 210.0

#: Rounds of the rules of which the cheapest counts: what else the machine does is no cost of theirs.
ROUNDS, ROUND_SECONDS = 5, 30.0

#: Points of a graph: six hours at a minute each.
POINTS = 360

CONFIG = """
global: {scrape_interval: 15s, evaluation_interval: 30s}
scrape_configs:
  - job_name: fleet
    http_sd_configs: [{url: URL/targets}]
"""


def main() -> int:
    """Measure and judge."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SETTLED
    binary = find("prometheus", "newest")
    if binary.path is None:
        print(binary.reason, file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "reference_server", "--fleet", str(TARGETS), "--port", "0"]
        child = Child(command, log=Path(folder) / "log", folder=ROOT)
        try:
            wait_until(lambda: child.log().startswith("http"), what="the fleet", limit_seconds=60)
            config = CONFIG.replace("URL", child.log().splitlines()[0])
            with Prometheus(binary.path, config, rules=sorted((ROOT / "alerts").glob("*.rules.yaml"))) as server:
                wait_until(lambda: _value(server, "sum(up)") == TARGETS, what="all targets", limit_seconds=120)
                time.sleep(seconds)
                good = [_series(server), _groups(server)]
                _panels(server, seconds + ROUNDS * ROUND_SECONDS)
        finally:
            child.kill()
    print("within bounds" if all(good) else "OUT OF BOUNDS")
    return 0 if all(good) else 1


def _series(server: Prometheus) -> bool:
    """Tell how many series are recorded, and say whether that is few enough."""
    raw = _value(server, "sum(scrape_samples_scraped)")
    recorded = _value(server, 'count({__name__=~".+:.+"})')
    most = _value(server, 'max(count by (cluster, namespace, deployment) ({__name__=~".+:.+"}))')
    deployments = _value(server, "count(count by (cluster, namespace, deployment) (up))")
    print(f"raw series        {raw:10,.0f} of {TARGETS} servers in {deployments:.0f} deployments")
    print(f"recorded series   {recorded:10,.0f}, at most {most:.0f} per deployment, whatever its size")
    size = sum(DEPLOYMENT.values())
    print(f"  {size} servers each   {recorded / raw:8.2%} of the raw ones (bound {MOST_SHARE:.0%})")
    for larger in SHAPES:
        print(f"  {larger} servers each   {most / (larger * raw / TARGETS):8.2%}")
    return recorded / raw < MOST_SHARE


def _groups(server: Prometheus) -> bool:
    """Tell what the rule groups take, and say whether that is little enough."""
    groups: dict[str, float] = {}
    for _ in range(ROUNDS):
        time.sleep(ROUND_SECONDS)
        for group in server.rules():
            taken = float(group["evaluationTime"])
            groups[group["name"]] = min(taken, groups.get(group["name"], taken))
    for name, taken in sorted(groups.items(), key=lambda g: -g[1]):
        print(f"{name:<26} {taken:8.3f} s")
    total = sum(groups.values())
    print(f"all groups, one round {total:8.2f} s (bound {MOST_SECONDS:.0f} s per 30 s)")
    return total < MOST_SECONDS


def _panels(server: Prometheus, seconds: float) -> None:
    """Tell which queries of the fleet board cost most, as they are and with nothing recorded."""
    rules = yaml.safe_load((ROOT / "alerts" / "agent_server.records.rules.yaml").read_text(encoding="utf-8"))
    records = [rule for group in rules["groups"] for rule in group["rules"]]
    board = json.loads((ROOT / "dashboards" / "agent_server_fleet.json").read_text(encoding="utf-8"))
    here = {t: (_cost(server, e, seconds, instant=i), _raw(e, records), i) for t, e, i in _targets(board)}
    title = max(here, key=lambda t: here[t][0])
    print(f"fleet board, dearest query      {here[title][0]:8.3f} s ({title})")
    from_raw = {t: _cost(server, raw, seconds, instant=i) for t, (_, raw, i) in here.items()}
    title = max(from_raw, key=lambda t: from_raw[t])
    print(
        f"  without recorded series       {from_raw[title]:8.3f} s ({title}), which takes {here[title][0]:.3f} s with"
    )
    both = f"{sum(cost for cost, _, _ in here.values()):.2f} s, without recorded series {sum(from_raw.values()):.2f} s"
    print(f"  all {len(here)} queries one by one     {both}")


def _targets(board: Mapping[str, Any]) -> Iterator[tuple[str, str, bool]]:
    """Yield the queries with everything chosen: panel and number or column, PromQL, and whether it is an instant one."""
    for panel in (p for top in board["panels"] for p in (top, *top.get("panels", ()))):
        for target in panel.get("targets", ()):
            expr = re.sub(r'"\$(\w+)"', '".*"', target["expr"]).replace("$__rate_interval", "1m")
            yield f"{panel['title']} {target['refId']}", expr, bool(target.get("instant"))


def _raw(expr: str, records: list[dict[str, Any]]) -> str:
    """Put each recorded series of a query back to what records it."""
    for rule in records:
        labels = "".join(f'(?=[^}}]*{k}="{v}")' for k, v in rule.get("labels", {}).items())
        inner = f"({rule['expr']})".replace("\\", "\\\\")
        expr = re.sub(rf"{re.escape(rule['record'])}\{{{labels}[^}}]*\}}", inner, expr)
    return expr


def _cost(server: Prometheus, expr: str, seconds: float, *, instant: bool) -> float:
    """Return the least of three times that a query takes, in seconds; a graph has its points over what was scraped."""
    taken = []
    for _ in range(3):
        now = time.time()
        begun = time.perf_counter()
        if instant:
            server.query(expr, time=now)
        else:
            server.query_range(expr, now - seconds, now, seconds / POINTS)
        taken.append(time.perf_counter() - begun)
    return min(taken)


def _value(server: Prometheus, expr: str) -> float:
    found = server.query(expr)
    return found[0].value if found else 0.0


if __name__ == "__main__":
    sys.exit(main())
