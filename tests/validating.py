"""What the tests of `agentobs validate` share: a live installation, and contexts on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from generator import config
from generator.bundle import Bundle, build
from generator.catalogue import load
from generator.config.site import Site
from generator.validate import CHECKS, Context, Options, Verdict, prepared, run
from generator.validate.verdict import State
from testbed.servers import Webhook, missing, wait_until
from testbed.stack.monitoring import Monitoring, binaries
from testbed.stack.reference import Reference

T = TypeVar("T")

#: Virtual seconds per second: scrapes and evaluations every one and a half, the slowest rules every six.
SCALE = 20.0

#: Everything is switched on, so that nothing is missing but what has not happened.
SHOWN = {
    "EXPOSE_INTERNAL_METRICS_PROMETHEUS": "true",
    "METRIC_MAX_EMITTING_TIER": "3",
    "FF_ASYNC_PUBLISH_QUEUE": "true",
}


@dataclass(frozen=True, slots=True)
class Installation:
    """A deployment of two processes, Prometheus and Alertmanager on the bundle for it.

    Attributes:
        monitoring: The servers, and the folder of the generated files.
        api, queue: The processes.
        webhook: Where Alertmanager posts to.

    """

    monitoring: Monitoring
    api: Reference
    queue: Reference
    webhook: Webhook

    @property
    def bundle(self) -> Bundle:
        """The bundle as it is loaded."""
        return bundled(self.monitoring.config)

    def text(self, name: str) -> str:
        """Text of a generated file."""
        return (self.monitoring.folder / "out" / name).read_text(encoding="utf-8")

    def rules(self) -> dict[str, str]:
        """Texts of the generated rule files by name."""
        folder = self.monitoring.folder / "out/alerts"
        return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.rules.yaml"))}

    def options(self, **changes: Any) -> Options:
        """How the servers are reached."""
        known = {
            "prometheus": self.monitoring.prometheus.url,
            "alertmanager": f"http://{self.monitoring.alertmanager.address}",
            "scale": SCALE,
        }
        return Options(**{**known, **changes})

    @contextmanager
    def context(self, **changes: Any) -> Iterator[Context]:
        """What the checks are handed."""
        with prepared(self.bundle, self.options(**changes), lambda _: None) as context:
            yield settled(context)


def bundled(path: Path) -> Bundle:
    """The bundle of a configuration file, on the fast clock."""
    catalogue = load()
    return replace(build(Site(catalogue, config.read(catalogue, path))), time_scale=SCALE)


@contextmanager
def installed() -> Iterator[Installation]:
    """A live installation that has been busy long enough for every rule to have been evaluated twice."""
    programs = binaries()
    if isinstance(programs, str):
        missing(programs)
    with ExitStack() as stack:
        flags = ("--role", "api", "--scenario", "busy", "--time-scale", f"{SCALE:g}")
        api = stack.enter_context(Reference(*flags, env=SHOWN)).ready()
        queue = stack.enter_context(Reference("--role", "queue", "--join", api.url, env=SHOWN)).ready()
        webhook = stack.enter_context(Webhook())
        groups = [
            {"deployment": "demo", "role": r, "targets": [s.address]} for r, s in (("api", api), ("queue", queue))
        ]
        own = {
            "tier": 3,
            "runtimes": ["postgres"],
            "roles": ["api", "queue"],
            "scrape": {"static": groups},
        }
        off = {name: {"enabled": False} for name in ("langsight", "agentgateway", "langsmith")}
        config_ = {"systems": {"agent_server": own, **off}}
        monitoring = stack.enter_context(Monitoring(programs, config_, scale=SCALE, webhook=webhook.url))
        made = Installation(monitoring, api, queue, webhook)
        wait_until(
            lambda: monitoring.prometheus.query("agentobs_deployment:slo_error:ratio_30d"),
            what="the slowest rule",
            limit_seconds=120,
        )
        yield made


class Shared:
    """One live installation for many modules, there from the first `get` on until it is closed."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._made: Installation | None = None

    def get(self) -> Installation:
        """The installation; started when there is none."""
        if self._made is None:
            self._made = self._open.enter_context(installed())
        return self._made

    def close(self) -> None:
        """End it; harmless when there is none."""
        self._made = None
        self._open.close()


def settled(context: Context) -> Context:
    """The context as if its Prometheus had been there for long: what is missing is wrong, and not pending."""
    return replace(context, evidence=replace(context.evidence, too_early=""))


def settling(judge: Callable[[], T], well: Callable[[T], bool], limit_seconds: float = 120) -> T:
    """What `judge` finds: the first that is well, or what it finds when the time is over.

    A machine that is short of time misses scrapes, twenty times as often as in life, and is behind with evaluations.
    """
    end = time.monotonic() + limit_seconds
    while True:
        found = judge()
        if well(found) or time.monotonic() > end:
            return found


def judged(context: Context, category: str) -> dict[str, Verdict]:
    """The verdicts of one family of checks, by item."""
    (check,) = (c for c in CHECKS if c.category == category)
    return {v.item: v for v in run(context, [check])}


def troubles(verdicts: Mapping[str, Verdict]) -> dict[str, str]:
    """What is wrong or warned of, and why."""
    return {item: v.why for item, v in verdicts.items() if v.state in (State.WRONG, State.WARNING)}
