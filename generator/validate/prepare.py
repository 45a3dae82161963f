"""From options to what the checks are handed: servers are reached, awaited, and asked once for what all checks need."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from generator.bundle import Bundle
from generator.cli.terminal import fold
from generator.config.timing import Timing
from generator.units import seconds
from generator.validate.access import Access
from generator.validate.context import Context, Driven, documents
from generator.validate.gather import gather
from generator.validate.probe import AbsentError, DeniedError, Probe, ProbeError, RefusedError
from generator.validate.prometheus import Prometheus
from generator.validate.rules import Evaluations
from generator.validate.settle import settle

#: How far back the names of series are looked up.
RECENT_SECONDS = 300.0

#: How often Prometheus hands over what it discovered.
DISCOVERY_SECONDS = 5.0

#: A ruler of its own evaluates for a time that is so long ago.
#: Source: vmalert's -rule.evalDelay, https://docs.victoriametrics.com/victoriametrics/vmalert/
DELAY_SECONDS = 30.0

#: Most characters of one text that are looked at and shown: a server can send megabytes for the name of a thing.
MOST_CHARACTERS = 4_096


@dataclass(frozen=True, slots=True)
class Options:
    """What a validation is asked to look at.

    Attributes:
        prometheus: URL of the Prometheus.
        rules: URL of who evaluates the rules; empty for the Prometheus.
        alertmanager, grafana: URLs; empty for none.
        access: How Prometheus, ruler and Alertmanager are asked.
        grafana_access: How Grafana is asked.
        systems: The systems to judge, which then have to be there; empty for all that are enabled.
        timeout: Seconds for one request.
        wait: Seconds to wait until the bundle has settled.
        scale: Virtual seconds per second that the loaded rules are made for.
        references: URLs of the reference servers.
        scenarios: Scenarios to drive there.
        webhook: Host and port of the own listener.

    """

    prometheus: str
    rules: str = ""
    alertmanager: str = ""
    grafana: str = ""
    access: Access = field(default_factory=Access)
    grafana_access: Access = field(default_factory=Access)
    systems: tuple[str, ...] = ()
    timeout: float = 10.0
    wait: float = 0.0
    scale: float = 1.0
    references: tuple[str, ...] = ()
    scenarios: tuple[str, ...] = ()
    webhook: tuple[str, int] = ("127.0.0.1", 0)

    def clean(self, text: str) -> str:
        """Return a text on one line, without any secret, with control characters shown as escapes, and not without an end."""
        if len(text) > MOST_CHARACTERS:
            text = f"{text[:MOST_CHARACTERS]} ..."
        return fold(self.grafana_access.hide(self.access.hide(text)))


@contextlib.contextmanager
def prepared(bundle: Bundle, options: Options, report: Callable[[str], None]) -> Iterator[Context]:
    """Give what the checks are handed; on leaving it, every connection is closed.

    Args:
        bundle: What the configuration promises.
        options: Where to look.
        report: Is called with what is going on.

    Raises:
        ProbeError: Prometheus cannot be reached, or does not let us in.

    """
    with contextlib.ExitStack() as stack:

        def probe(name: str, url: str, flag: str, access: Access) -> Probe:
            made = Probe(name, url, access, timeout=options.timeout, flag=flag)
            stack.callback(made.close)
            return made

        prometheus = Prometheus(probe("Prometheus", options.prometheus, "--prometheus", options.access))
        ruler = prometheus
        if options.rules:
            ruler = Prometheus(probe("the ruler", options.rules, "--rules-url", options.access))
        report("reaching Prometheus")
        _reach(prometheus, options.wait, report)
        is_settled = bool(options.wait) and settle(prometheus, ruler, options.wait, report)
        if options.wait and not is_settled:
            report("not settled in time; judging what is there")
        report("asking what is there")
        started, now = _started(prometheus), time.time()
        evidence = gather(
            bundle.site, prometheus, scale=options.scale, since=now - RECENT_SECONDS,
            too_early="" if is_settled else _too_early(bundle.site.timing, options.scale, now - started),
        )  # fmt: skip
        yield Context(
            bundle=bundle,
            files=documents(bundle),
            prometheus=prometheus,
            ruler=ruler,
            alertmanager=probe("Alertmanager", options.alertmanager, "--alertmanager", options.access)
            if options.alertmanager
            else None,
            grafana=probe("Grafana", options.grafana, "--grafana", options.grafana_access) if options.grafana else None,
            evidence=evidence,
            now=time.time(),
            started=started,
            chosen=options.systems,
            scale=options.scale,
            evaluated=Evaluations(ruler, 0.0 if ruler is prometheus else DELAY_SECONDS).of,
            driven=Driven(
                tuple(probe("the reference server", url, "--reference", Access()) for url in options.references),
                options.scenarios,
                options.webhook,
            )
            if options.scenarios
            else None,
            clean=options.clean,
            report=report,
        )


def _reach(prometheus: Prometheus, limit: float, report: Callable[[str], None]) -> None:
    """Ask something that every backend answers; one that is still starting is waited for as long as `limit` says."""
    end = time.monotonic() + limit
    while True:
        try:
            prometheus.query("vector(1)")
        except ProbeError as error:
            if isinstance(error, DeniedError) or time.monotonic() >= end:
                raise
            report("waiting for Prometheus to answer")
            time.sleep(0.5)
        else:
            return


def _too_early(timing: Timing, scale: float, age: float) -> str:
    """Return that a Prometheus started so few seconds ago that what is missing may still come; nothing where it is old enough.

    It discovers, scrapes twice for a rate, and evaluates twice: what a rule records may be read by another one.
    """
    needed = DISCOVERY_SECONDS + 2 * (seconds(timing.scrape) + seconds(timing.evaluation)) / scale
    return f"Prometheus started, or was configured, {age:.0f} s ago" if age < needed else ""


def _started(prometheus: Prometheus) -> float:
    try:
        return prometheus.started()
    except (AbsentError, DeniedError, RefusedError):
        return 0.0
