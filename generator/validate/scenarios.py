"""Scenarios: reference servers are driven through them, and their alerts have to be delivered to our own webhook.

The one part of a validation that changes something: the scenario that a reference server plays.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence

from generator.config.settings import OBSERVABILITY
from generator.lint import expression
from generator.units import seconds
from generator.validate.alertmanager import configuration, waits
from generator.validate.context import Context
from generator.validate.plays import Expected, Play, find
from generator.validate.probe import GoneError, Probe, ProbeError
from generator.validate.verdict import Finding, State, Verdict, empty, ok, warning, wrong
from generator.validate.webhook import Delivery, Webhook

#: What is played when the scenarios are over, and between two.
REST = "calm"

#: Seconds for everything that no setting says: answers, ticks, a busy machine.
SLACK_SECONDS = 10.0

#: Longest wait between two looks.
LOOK_SECONDS = 1.0

#: Severity of which the generated Alertmanager configuration tells nobody.
UNNOTIFIED = "info"

#: The end of an alert that looks back further than so many seconds of the wall is not waited for.
LONGEST_SECONDS = 900.0


#: What the length of a scenario's past is told in.
DAY_SECONDS = 86_400.0

#: A machine that is so many times too slow for the scale is waited for.
PATIENCE = 4.0


def scenarios(context: Context) -> Iterator[Verdict]:
    """Every scenario's alerts are delivered in time, firing and resolved, and nothing that has to be silent."""
    driven = context.driven
    if driven is None or context.alertmanager is None:
        return
    with Webhook(driven.listen) as webhook:
        for name in driven.scenarios:
            context.report(f"scenario {name}: listening on {webhook.address}")
            try:
                reference, play = find(driven.references, name)
                if play.past:
                    yield _never(play).of("scenarios", play.id)
                else:
                    yield from Stage(context, reference, context.alertmanager, webhook).played(play)
            except GoneError:
                raise
            except ProbeError as error:
                yield wrong(error.what, error.fix).of("scenarios", name)


def _never(play: Play) -> Finding:
    return wrong(
        f"it begins with {play.past / DAY_SECONDS:g} days of history, which its alerts compare with: no live server has them",
        "play another one; `make fidelity` plays this one on a virtual clock",
    )


class Stage:
    """A reference server, and everybody who has to notice what it plays."""

    def __init__(self, context: Context, reference: Probe, alertmanager: Probe, webhook: Webhook) -> None:
        self._context, self._reference, self._alertmanager, self._webhook = context, reference, alertmanager, webhook
        loaded = configuration(alertmanager)
        ticks = 2 * (context.scrape_seconds + context.evaluation_seconds)
        self._slow = waits(loaded, "group_wait") + ticks + SLACK_SECONDS
        self._slow_end = waits(loaded, "group_interval") + ticks + SLACK_SECONDS
        self._rules = {r["alert"]: r for g in context.groups() for r in g["rules"] if "alert" in r}
        self._systems = {
            rule["alert"]: context.bundle.site.system_of(path.removeprefix("alerts/").removesuffix(".rules.yaml"))
            for path, document in context.files.items()
            if path.startswith("alerts/") and path.endswith(".rules.yaml")
            for group in document["groups"]
            for rule in group["rules"]
            if "alert" in rule
        }

    def played(self, play: Play) -> Iterator[Verdict]:
        """Play one scenario and judge what is delivered; then the reference server plays an ordinary day, whatever comes.

        Raises:
            ProbeError: A server does not answer.

        """
        try:
            yield from self._play(play)
        finally:
            self.rest()

    def _play(self, play: Play) -> Iterator[Verdict]:
        """Play one scenario and judge what is delivered.

        Raises:
            ProbeError: A server does not answer.

        """
        before = {a.labels.get("alertname", "") for a in self._context.ruler.alerts() if a.state == "firing"}
        begin = time.time()
        self._reference.post("/scenario", body={"scenario": play.id})
        for alert in play.elsewhere:
            yield empty("it is about a deployment that this server does not play").of(
                "scenarios", f"{play.id} {alert} fires"
            )
        fired = []
        for expected in sorted(play.fire, key=lambda e: e.by):
            finding = self._unloaded(expected.alert) or self._awaited(expected, begin)
            if finding.state is State.OK and expected.alert in before:
                finding = warning(
                    "it was firing before the scenario began, so this proves nothing", "let it resolve first"
                )
            fired += [expected.alert] if finding.state is State.OK else []
            yield finding.of("scenarios", f"{play.id} {expected.alert} fires")
        if not play.fire:
            self._sit(play, begin)
        about = [d for d in self._webhook.since(begin) if self._system(d.name) in {"", play.system}]
        yield _silence(play, about, begin).of("scenarios", f"{play.id} nothing else fires")
        self.rest()
        over = time.time()
        for alert in fired:
            yield self._resolved(alert, begin, over).of("scenarios", f"{play.id} {alert} resolves")

    def rest(self) -> None:
        """Let the reference server play an ordinary day again; one that is gone cannot."""
        with contextlib.suppress(ProbeError):
            self._reference.post("/scenario", body={"scenario": REST})

    def _unloaded(self, alert: str) -> Finding | None:
        if alert in self._rules:
            return None
        left_out = next(
            (out.why for out in self._context.bundle.left_out if out.what == alert), "the bundle does not have it"
        )
        return empty(left_out)

    def _awaited(self, expected: Expected, begin: float) -> Finding:
        """Wait until an alert is delivered firing. One that nobody is told of counts by what fires."""
        by = expected.by + self._slow * self._context.scale
        patience = begin + PATIENCE * by / self._context.scale
        notifies = self._rules[expected.alert]["labels"].get("severity") != UNNOTIFIED
        while True:
            hit = next((d for d in self._webhook.since(begin) if d.name == expected.alert and d.firing), None)
            if hit:
                return ok(f"delivered after {hit.arrived - begin:.0f} s")
            if not notifies and self._state(expected.alert) == "firing":
                return ok(f"firing after {time.time() - begin:.0f} s; nobody is told of what only informs")
            if notifies and self._inhibited(expected.alert):
                return ok("firing, and Alertmanager holds it back for the alert that explains it")
            elapsed = self._elapsed(begin)
            if elapsed >= by or time.time() > patience:
                return self._missed(expected.alert, elapsed / self._context.scale)
            self._context.report(f"waiting for {expected.alert}: {(by - elapsed) / self._context.scale:.0f} s left")
            self._webhook.wait(LOOK_SECONDS)

    def _elapsed(self, begin: float) -> float:
        """Return the virtual seconds since the scenario began, by the server's own clock: a slow machine plays slowly."""
        found = self._reference.get("/scenario").get("elapsed_seconds")
        return found.number() if found else (time.time() - begin) * self._context.scale

    def _sit(self, play: Play, begin: float) -> None:
        """Watch a scenario to its end."""
        patience = begin + PATIENCE * play.lasts / self._context.scale + self._slow
        while (
            elapsed := self._elapsed(begin)
        ) < play.lasts + self._slow * self._context.scale and time.time() < patience:
            self._context.report(
                f"{play.id}, in which nothing may fire: {(play.lasts - elapsed) / self._context.scale:.0f} s left"
            )
            self._webhook.wait(LOOK_SECONDS)

    def _state(self, alert: str) -> str:
        """Return `firing`, `pending` or nothing: the furthest that some series of an alert came."""
        states = {a.state for a in self._context.ruler.alerts() if a.labels.get("alertname") == alert}
        return next((s for s in ("firing", "pending") if s in states), "")

    def _inhibited(self, alert: str) -> bool:
        found = self._alertmanager.get("/api/v2/alerts", {"filter": f'alertname="{alert}"'})
        return any(a.get("status", "inhibitedBy").texts() for a in found.items())

    def _missed(self, alert: str, seconds_: float) -> Finding:
        """Say how far an alert that was not delivered came."""
        within = f"within {seconds_:.0f} s"
        match self._state(alert):
            case "firing":
                return wrong(
                    f"it fires, and no notification came {within}",
                    f"let the receivers of the Alertmanager post to http://{self._webhook.address}/",
                )
            case "pending":
                return wrong(
                    f"it is pending, and did not fire {within}",
                    "compare --time-scale with that of the rules and of the reference server",
                )
        return wrong(
            f"it did not fire {within}",
            "see whether this Prometheus scrapes this reference server, and the verdict on its rule",
        )

    def _system(self, alert: str) -> str:
        """Return the system that an alert is about, empty for all.

        A scenario ends and begins with a restart: several of one system may make an alert about that one, while another
        system's is played.
        """
        return self._systems.get(alert, "")

    def _resolved(self, alert: str, begin: float, over: float) -> Finding:
        """Return whether an alert is delivered resolved in time: no sooner than what its rule looks back on has passed.

        One that ends while the scenario still goes on counts from its delivery at `begin` or later; then it must be over.
        """
        back = looks_back(self._context, alert)
        limit = PATIENCE * back + self._slow_end
        if back > LONGEST_SECONDS:
            return empty(f"not waited for: its rule looks back {back:.0f} s")
        notifies = self._rules[alert]["labels"].get("severity") != UNNOTIFIED
        while True:
            heard = [d for d in self._webhook.since(begin) if d.name == alert]
            first = next((n for n, d in enumerate(heard) if d.firing), len(heard))
            hit = next((d for d in heard[first:] if not d.firing), None)
            if hit and self._state(alert) != "firing":
                late = hit.arrived - over
                return ok(f"delivered after {late:.0f} s" if late > 0 else "delivered while the scenario went on")
            if not self._state(alert) and (not notifies or not self._was_delivered(alert, over)):
                return ok("no longer firing; nobody had been told of it")
            if time.time() >= over + limit:
                return wrong(
                    f"it was not delivered as resolved within {limit:.0f} s",
                    "let the receivers send resolved alerts, and see whether it still fires",
                )
            self._context.report(f"waiting for the end of {alert}: {over + limit - time.time():.0f} s left at most")
            self._webhook.wait(LOOK_SECONDS)

    def _was_delivered(self, alert: str, before: float) -> bool:
        """Say whether someone was told that an alert fires."""
        return any(d.name == alert and d.firing and d.arrived < before for d in self._webhook.since(0))


def _silence(play: Play, delivered: Sequence[Delivery], begin: float) -> Finding:
    """Say what was delivered that began in the scenario and had to be silent."""
    new = [d for d in delivered if d.firing and d.began >= begin and d.name not in play.tolerated]
    new = [d for d in new if not d.name.startswith(OBSERVABILITY)]  # they say nothing about a deployment
    loud = sorted({d.name for d in new if d.name in play.silent or d.labels.get("severity") in play.silent})
    return wrong(f"{', '.join(loud)} fired", "look at the alert's runbook, and at its rule") if loud else ok()


def looks_back(context: Context, alert: str) -> float:
    """Return how long ago something may be that still keeps an alert firing, in seconds of the wall."""
    rules = [rule for group in context.groups() for rule in group["rules"]]
    records: dict[str, list[str]] = {}
    for rule in rules:
        if "record" in rule:
            records.setdefault(rule["record"], []).append(rule["expr"])

    def of(expr: str, seen: frozenset[str]) -> float:
        longest = 0.0
        for selector in expression.selectors(expression.parsed(expr)):
            inner = [of(e, seen | {selector.name}) for e in records.get(selector.name, ()) if selector.name not in seen]
            longest = max(longest, selector.seconds + selector.offset + max(inner, default=0.0))
        return longest

    own = [rule for rule in rules if rule.get("alert") == alert]
    keep_firing = max((seconds(r["keep_firing_for"]) for r in own if "keep_firing_for" in r), default=0.0)
    return keep_firing + max((of(r["expr"], frozenset()) for r in own), default=0.0)
