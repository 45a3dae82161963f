"""What a fleet costs: 1,000 pages scraped every 15 s by a real Prometheus, and pages against prometheus_client.

`python benchmarks/fleet.py [seconds]` prints the numbers and exits with 1 when a bound does not hold.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

sys.path.insert(0, str(Path(__file__).parent.parent))  # tests/ is no package that is installed

from reference_server.agent_server import settings
from reference_server.fleet import templates as models
from reference_server.fleet.fleet import Fleet
from testbed.servers import Prometheus, find, wait_until
from testbed.stack.reference import Reference

TARGETS = 1_000
INTERVAL_SECONDS = 15

#: Bounds: share of one core, bytes, and how many times faster than prometheus_client on the same series.
MOST_CORES, MOST_BYTES, LEAST_RATIO = 0.10, 1 << 30, 20.0

#: Pages that are rendered to measure throughput.
ROUNDS = 300

CONFIG = f"""
global: {{scrape_interval: {INTERVAL_SECONDS}s, scrape_timeout: 10s}}
scrape_configs:
- job_name: fleet
  http_sd_configs: [{{url: URL/targets, refresh_interval: 60s}}]
"""


class Parsed(Collector):
    """Series of one page, as prometheus_client holds them."""

    def __init__(self, page: str) -> None:
        self._families = list(text_string_to_metric_families(page))

    def collect(self) -> Iterable[Metric]:
        """Give them again."""
        return self._families


def throughput() -> tuple[float, float]:
    """Series per second and core: ours, and prometheus_client's on the same series."""
    forms = models.templates(settings.read({}, {}))
    now = time.time()
    fleet = Fleet.of(ROUNDS, forms, seed=1, now=now)
    samples = sum(target.template.samples for target in fleet.targets)
    begun = time.process_time()
    for target in fleet.targets:
        target.page(now)
    ours = samples / (time.process_time() - begun)
    pages = [target.page(now).decode() for target in fleet.targets[:10]]
    registries = [CollectorRegistry() for _ in pages]
    for registry, page in zip(registries, pages, strict=True):
        registry.register(Parsed(page))
    begun = time.process_time()
    for registry in registries:
        generate_latest(registry)
    theirs = sum(target.template.samples for target in fleet.targets[:10]) / (time.process_time() - begun)
    return ours, theirs


def cost(pid: int) -> tuple[float, int]:
    """Processor seconds that a process has used, and the most memory that it ever had, in bytes."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return seconds, int(peak.split()[1]) * 1024


def scraped(seconds: float) -> Iterator[tuple[str, float]]:
    """Let Prometheus scrape a fleet for so long; yield what it cost."""
    binary = find("prometheus", "newest")
    if binary.path is None:
        sys.exit(binary.reason)
    with (
        Reference("--fleet", str(TARGETS), env={}).ready() as fleet,
        Prometheus(binary.path, CONFIG.replace("URL", fleet.url)) as prometheus,
    ):
        wait_until(
            lambda: _value(prometheus, "sum(up)") == TARGETS,
            what="every target to be scraped once",
            limit_seconds=120,
        )
        before, begun = cost(fleet.pid)[0], time.monotonic()
        time.sleep(seconds)
        passed = time.monotonic() - begun
        after, peak = cost(fleet.pid)
        yield "series", _value(prometheus, "sum(scrape_samples_scraped)")
        yield "failed", _value(prometheus, f"sum(count_over_time((up == 0)[{int(passed)}s:5s])) or vector(0)")
        yield "slowest scrape, s", _value(prometheus, "max(max_over_time(scrape_duration_seconds[5m]))")
        yield "cores", (after - before) / passed
        yield "bytes", float(peak)


def _value(prometheus: Prometheus, expr: str) -> float:
    found = prometheus.query(expr)
    return found[0].value if found else 0.0


def main() -> int:
    """Measure and judge."""
    ours, theirs = throughput()
    print(f"pages      {ours:12,.0f} series/s per core, prometheus_client {theirs:,.0f}: {ours / theirs:.0f} times")
    found = dict(scraped(float(sys.argv[1]) if len(sys.argv) > 1 else 60))
    for name, value in found.items():
        print(f"{name:<18} {value:14,.3f}")
    good = (
        ours / theirs >= LEAST_RATIO
        and found["failed"] == 0
        and found["cores"] < MOST_CORES
        and found["bytes"] < MOST_BYTES
    )
    print("within bounds" if good else "OUT OF BOUNDS")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
