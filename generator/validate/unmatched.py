"""Why a selector of a metric finds no series: the metric is not there, or its matchers leave nothing of it."""

from __future__ import annotations

from collections.abc import Sequence

from generator.catalogue import Metric
from generator.config.site import Site
from generator.lint.expression import Matcher, Selector
from generator.validate import selectors
from generator.validate.evidence import CERTAIN, Evidence, required
from generator.validate.existence import Existence
from generator.validate.forms import DROPPED
from generator.validate.verdict import Finding, empty, wrong


class Unmatched:
    """Says why selectors find nothing. Safe to use from several threads."""

    def __init__(self, site: Site, evidence: Evidence, existence: Existence) -> None:
        self._site, self._evidence, self._existence = site, evidence, existence
        #: Labels that tell a system from others.
        self._marks = {m.label for name in site.config.systems for m in site.target_matchers(name)}

    def unseen(self, metric: Metric, matchers: Sequence[Matcher]) -> Finding:
        """Say why there is no series of a metric."""
        system = self._of(matchers)
        if metric.system == "process" and not system:
            system = next(
                (name for name in self._evidence.processes if "process" in self._site.catalogue.systems[name].pages), ""
            )
        if metric.system == "prometheus" and metric.name != "ALERTS" and not system:
            system = next(iter(self._evidence.processes), "")
        found = self._evidence.forms.dropped(metric, system or metric.system) or self._evidence.reason(metric, system)
        return Finding(found.state, f"{metric.full_name}: {found.why}", found.fix)

    def filtered(self, metric: Metric, selector: Selector, matchers: Sequence[Matcher], at: float | None) -> Finding:
        """Return which matchers leave nothing of a metric that is there.

        Raises:
            ProbeError: Prometheus does not answer.

        """
        system = self._of(matchers)
        if system and not self._evidence.processes[system].scraped:
            return empty(f"no target of the system {system} is scraped")
        name = selector.name
        of_target = {*self._site.labels.every, *self._site.config.selectors, *self._marks}
        own = [m for m in matchers if m.label not in of_target]
        chosen = [m for m in matchers if m.label in of_target]
        unknown = [
            m.label for m in own if m.label != "le" and m.label not in {**metric.labels, **metric.constant_labels}
        ]
        if unknown:
            return wrong(
                f"{name} has no label {unknown[0]!r}", f"it has {', '.join(metric.labels) or 'none of its own'}"
            )
        if own and self._existence.any(selectors.text(name, chosen), at):
            return self._unmatched(metric, name, own, chosen, at)
        if metric.emission and not self._existence.any(
            selectors.text(name, [m for m in chosen if m.label in self._marks]), at
        ):
            return self.unseen(metric, matchers)
        return self._unchosen(metric, name, chosen, at)

    def _of(self, matchers: Sequence[Matcher]) -> str:
        """Return the system to whose targets these matchers hold a selector; empty for none of those that are judged."""
        asked = {(m.label, selectors.SIGNS[m.op], m.value) for m in matchers}
        return next(
            (
                n
                for n in self._evidence.processes
                if {(m.label, m.op, m.value) for m in self._site.target_matchers(n)} <= asked
            ),
            "",
        )

    def _unmatched(
        self, metric: Metric, name: str, own: Sequence[Matcher], chosen: Sequence[Matcher], at: float | None
    ) -> Finding:
        for matcher in own:
            if matcher.label == "le":
                return wrong(f"no bucket of {name} has {selectors.shown([matcher])}", DROPPED)
            label = metric.labels.get(matcher.label) or metric.constant_labels[matcher.label]
            if matcher.op == "Equal" and matcher.value and label.values and matcher.value not in label.values:
                return wrong(
                    f"{matcher.label} of {name} is never {matcher.value!r}", f"use one of {', '.join(label.values)}"
                )
            some = Matcher(matcher.label, "NotEqual", "")
            if required(metric, label) and not self._existence.any(selectors.text(name, [*chosen, some]), at):
                return wrong(
                    f"no series of {name} has the label {matcher.label}",
                    "see whether metric_relabel_configs of its scrape job drops the label",
                )
        if name == "ALERTS":
            return empty(f"no alert is there with {selectors.shown(own)}")
        return empty(f"nothing of the kind has happened yet: no series of {name} has {selectors.shown(own)}")

    def _unchosen(self, metric: Metric, name: str, chosen: Sequence[Matcher], at: float | None) -> Finding:
        emitters = self._evidence.emitters(metric) if metric.emission else frozenset({"any"})
        role = self._site.labels.role
        if "any" not in emitters:
            emitting = [
                *(m for m in chosen if m.label != self._site.labels.system),
                Matcher(role, "Re", "|".join(sorted(emitters))),
            ]
            if not self._existence.any(selectors.text("up", emitting), at):
                return empty(
                    f"{name} comes from the role {' or '.join(sorted(emitters))}, and none is chosen: {selectors.shown(chosen)}"
                )
        elif roles := [m for m in chosen if m.label == role and (m.op, m.value) != ("Re", ".*")]:
            everywhere = [m for m in chosen if m.label == self._site.labels.system or m.label in self._marks]
            if not self._existence.any(selectors.text("up", [*everywhere, *roles]), at):
                return empty(f"no process is scraped that has {selectors.shown(roles)}")
        if metric.emission and {e.born for e in metric.emission.values()} <= CERTAIN:
            on = next((m.value for m in chosen if m.label == self._site.labels.system), "")
            reason = self._evidence.unticked(metric, metric.system) or self._evidence.partial(metric, on)
            if reason:
                return Finding(reason.state, f"{name} is not there for {selectors.shown(chosen)}: {reason.why}")
            return self._evidence.absence(
                f"{name} is missing for {selectors.shown(chosen)}, although other targets have it",
                "look at the /metrics of these targets",
            )
        return empty(f"{name} is there, but not for {selectors.shown(chosen)}")
