"""What a backtest costs: every alert over 30 days of ten deployments of all systems, on a real Prometheus.

`python benchmarks/backtest.py` prints what was planned, how long the run took, what it read, and how much memory it had. It
exits with 1 when a bound does not hold: all alerts within two minutes, with less than 300 MB; and when some alert could not be
tried, or nothing fired. The history has every scraped series that a rule reads, every 30 s, and every recorded one. `--inline`
leaves the recorded ones out, as they are where nobody ran the rules; for that there is no bound.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]  # neither tests/ nor this folder is a package that is installed

import history  # noqa: E402
import rules  # noqa: E402
from history import Course, Labels  # noqa: E402

from reference_server.fleet.fleet import SAMPLE  # noqa: E402
from testbed.servers import Prometheus, find  # noqa: E402
from testbed.servers.announced import Announced  # noqa: E402

MOST_SECONDS, MOST_BYTES = 120.0, 300e6

DAYS, SCRAPE_SECONDS = 30, 30

#: Deployments of each system, ten in all; those of the Agent Server have ten servers each.
DEPLOYMENTS = {"agent_server": 4, "agentgateway": 2, "langsight": 2, "langsmith": 2}

#: Words of names and label values that count what goes wrong: these counters stay, as on most days.
WRONG = (
    "fail",
    "error",
    "timeout",
    "reject",
    "drop",
    "lost",
    "loss",
    "exceed",
    "abandon",
    "evict",
    "gap",
    "invalid",
    '="5',
)


def main(*, inline: bool) -> int:
    """Measure and judge."""
    binary = find("prometheus", "newest")
    if binary.path is None:
        print(binary.reason, file=sys.stderr)
        return 1
    files = {p.name: yaml.safe_load(p.read_text(encoding="utf-8")) for p in sorted(ROOT.glob("alerts/*.rules.yaml"))}
    with Announced("targets", [sys.executable, "benchmarks/targets.py"]).ready(limit_seconds=300) as page:
        targets = _some(rules.targets(page.url))
    end = int(time.time()) // SCRAPE_SECONDS * SCRAPE_SECONDS * 1000
    start = end - DAYS * 86_400_000
    series = dict(_scraped(targets, files, start))
    if not inline:
        recorded = rules.recorded(files, targets, end)
        series |= {tuple(sorted(labels.items())): course for labels, course in recorded}
    with Prometheus(binary.path, flags=rules.FLAGS) as server:
        server.stop()
        samples = history.write(server.folder / "data", series, start, end)
        server.start()
        print(
            f"history           {samples:14,} samples of {len(series):,} series, {DAYS} days, {sum(DEPLOYMENTS.values())} deployments"
        )
        return 0 if _run(server, end / 1000, bounded=not inline) else 1


def _some(targets: Sequence[tuple[dict[str, str], str]]) -> list[tuple[dict[str, str], str]]:
    """Return the targets of the first deployments of each system."""
    answers: dict[str, dict[tuple[str, ...], None]] = {}
    out = []
    for labels, page in targets:
        own = answers.setdefault(labels["system"], {})
        key = (labels["cluster"], labels["namespace"], labels["deployment"])
        if key in own or len(own) < DEPLOYMENTS[labels["system"]]:
            own[key] = None
            out.append((labels, page))
    return out


def _scraped(
    targets: Sequence[tuple[Mapping[str, str], str]], files: Mapping[str, Mapping[str, object]], start: int
) -> Iterator[tuple[Labels, Course]]:
    """Yield every series of the pages that a rule reads: good events are counted all the time, bad ones are not."""
    asked = set(rules.NAME.findall(json.dumps(files)))
    for number, (labels, page) in enumerate(targets):
        since = start + number % 15 * 2000 + 137
        yield rules.ordered({"__name__": "up", **labels}), Course(SCRAPE_SECONDS * 1000, since, 1.0)
        for line in page.splitlines():
            sample = SAMPLE.fullmatch(line)
            if not sample or sample["name"] not in asked:
                continue
            grows = sample["name"].endswith(rules.COUNTERS) and not any(word in line.lower() for word in WRONG)
            course = Course(SCRAPE_SECONDS * 1000, since, 0.0, "counter") if grows else Course(SCRAPE_SECONDS * 1000, since, float(sample["value"]))  # fmt: skip
            own = dict(rules.LABEL.findall(sample["labels"] or ""))
            yield rules.ordered({"__name__": sample["name"], **own, **labels}), course


def _run(server: Prometheus, end: float, *, bounded: bool) -> bool:
    """Run the command, and say whether it stays within bounds."""
    state = server.folder / "state.jsonl"
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end))
    command = [sys.executable, "-m", "generator", "backtest", "--prometheus", f"http://{server.address}", "--since", f"{DAYS}d",
               "--until", until, "--format", "json", "--state", str(state), "--budget", "1e12"]  # fmt: skip
    begun = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    taken = time.monotonic() - begun
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    report = json.loads(done.stdout)
    states: dict[str, int] = {}
    for alert in report["alerts"]:
        states[alert["state"]] = states.get(alert["state"], 0) + 1
    print(
        f"alerts            {len(report['alerts'])}: "
        + ", ".join(f"{n} {state}" for state, n in sorted(states.items()))
    )
    print(f"planned           {report['plan']['queries']:,} queries, {report['plan']['samples']:,} samples")
    print(f"asked             {report['queries']:,} queries, {report['samples']:,} samples")
    print(f"time              {taken:8.1f} s (bound {MOST_SECONDS:.0f} s)")
    print(f"memory            {memory / 1e6:8.0f} MB (bound {MOST_BYTES / 1e6:.0f} MB), the server's not counted")
    good = done.returncode == 0 and states.get("fired", 0) > 0 and memory < MOST_BYTES
    good = good and (taken < MOST_SECONDS or not bounded)
    print("within bounds" if good else "OUT OF BOUNDS")
    return good


if __name__ == "__main__":
    sys.exit(main(inline="--inline" in sys.argv[1:]))
