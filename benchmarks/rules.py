"""What the rules cost over a fleet: 1,000 simulated servers, every rule file, a real Prometheus.

`python benchmarks/rules.py [seconds]` prints the time that all rule groups take per round, the longest group, and recorded
series as a share of raw ones. Bounds: 3 s per 30 s interval, 1 %.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))  # tests/ is no package that is installed

from tests.servers import Child, Prometheus, find, wait_until  # noqa: E402

TARGETS = 1000
MOST_SECONDS, MOST_SHARE = 3.0, 0.01
CONFIG = """
global: {scrape_interval: 15s, evaluation_interval: 30s}
scrape_configs:
  - job_name: fleet
    http_sd_configs: [{url: URL/targets}]
"""


def main() -> int:
    """Measure and judge."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 150.0
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
                return _judge(server, seconds)
        finally:
            child.kill()


def _judge(server: Prometheus, seconds: float) -> int:
    wait_until(lambda: _value(server, "sum(up)") == TARGETS, what="all targets", limit_seconds=120)
    time.sleep(seconds)
    groups = {g["name"]: float(g["evaluationTime"]) for g in server.rules()}
    raw = _value(server, "sum(scrape_samples_scraped)")
    recorded = _value(server, 'count({__name__=~".+:.+"})')
    deployments = _value(server, "count(count by (cluster, namespace, deployment) (up))")
    print(f"raw series        {raw:10,.0f} of {TARGETS} servers in {deployments:.0f} deployments")
    print(f"recorded series   {recorded:10,.0f}, {recorded / raw:.2%} of the raw ones (bound {MOST_SHARE:.0%})")
    for name, taken in sorted(groups.items(), key=lambda g: -g[1]):
        print(f"{name:<26} {taken:8.3f} s")
    total = sum(groups.values())
    print(f"all groups, one round {total:8.2f} s (bound {MOST_SECONDS:.0f} s per 30 s)")
    good = total < MOST_SECONDS and recorded / raw < MOST_SHARE
    print("within bounds" if good else "OUT OF BOUNDS")
    return 0 if good else 1


def _value(server: Prometheus, expr: str) -> float:
    found = server.query(expr)
    return found[0].value if found else 0.0


if __name__ == "__main__":
    sys.exit(main())
