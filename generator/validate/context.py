"""What every check is handed: the bundle as it must be, the servers as they are, the clock, and what is seen."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generator.boards.layout import Board
from generator.bundle import Bundle
from generator.cli.terminal import fold
from generator.config.site import Site
from generator.errors import Problem
from generator.outputs import FORMATS
from generator.rules.rule import Record
from generator.source import parse
from generator.units import seconds
from generator.validate.evidence import Evidence
from generator.validate.probe import Probe
from generator.validate.prometheus import Prometheus
from generator.validate.recording_rules import Evaluated


@dataclass(frozen=True, slots=True)
class Driven:
    """What `--scenario` adds.

    Attributes:
        references: The reference servers; a scenario is played on the first one that has it.
        scenarios: Ids or names, in the order in which they are played.
        listen: Host and port of the webhook's own listener; port 0 takes a free one.

    """

    references: tuple[Probe, ...]
    scenarios: tuple[str, ...]
    listen: tuple[str, int]


@dataclass(frozen=True, slots=True)
class Context:
    """One validation.

    Attributes:
        bundle: What the configuration promises.
        files: The generated files as values, by path: boards, rules, scrape files, Alertmanager's configuration.
        prometheus: Where the data is.
        ruler: Who evaluates the rules; the same server unless told otherwise.
        alertmanager, grafana: Where given.
        evidence: What is in the Prometheus, asked once.
        now: When the validation began, in unix seconds.
        started: When the Prometheus started or was configured last; 0 when it does not say.
        chosen: The systems that are judged and have to be there; empty for all that are enabled.
        scale: Virtual seconds per second that the loaded rules are made for.
        evaluated: Tells when the rule of a recorded series was evaluated last, and its interval; both in seconds.
        driven: Scenarios to drive, if any.
        clean: Makes a text fit to be shown: on one line, without secrets or control characters.
        report: Is called with what is being waited for.

    """

    bundle: Bundle
    files: Mapping[str, Any]
    prometheus: Prometheus
    ruler: Prometheus
    alertmanager: Probe | None
    grafana: Probe | None
    evidence: Evidence
    now: float
    started: float
    chosen: tuple[str, ...] = ()
    scale: float = 1.0
    evaluated: Evaluated = lambda _: None
    driven: Driven | None = None
    clean: Callable[[str], str] = fold
    report: Callable[[str], None] = lambda _: None

    @property
    def site(self) -> Site:
        """The installation."""
        return self.bundle.site

    @property
    def scrape_seconds(self) -> float:
        """Seconds between two scrapes."""
        return seconds(self.site.timing.scrape) / self.scale

    @property
    def evaluation_seconds(self) -> float:
        """Seconds between two evaluations of a rule group that has no interval of its own."""
        return seconds(self.site.timing.evaluation) / self.scale

    @property
    def systems(self) -> tuple[str, ...]:
        """The systems that are judged."""
        on = [name for name, config in self.site.config.systems.items() if config.enabled]
        return tuple(name for name in on if not self.chosen or name in self.chosen)

    @property
    def present(self) -> tuple[str, ...]:
        """Those of them that are scraped: of the others there is nothing to judge but that."""
        return tuple(name for name in self.systems if self.evidence.processes[name].scraped)

    def boards(self) -> Sequence[Board]:
        """Return the boards that are judged: those of systems that are there, and those of all systems."""
        return [b for stem, b in self.bundle.boards.items() if self.bundle.site.system_of(stem) in (*self.present, "")]

    def records(self) -> Sequence[Record]:
        """Return the recording rules of systems that are there."""
        rules = self.bundle.rules.items()
        return [
            r
            for stem, groups in rules
            if self.bundle.site.system_of(stem) in (*self.present, "")
            for g in groups
            for r in g.records
        ]

    def groups(self) -> list[Mapping[str, Any]]:
        """Return every rule group as the rule files have it."""
        return [group for groups in self.rule_files().values() for group in groups]

    def rule_files(self) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """Return the same by the stem of the file."""
        alerts = {p.removeprefix("alerts/"): d for p, d in self.files.items() if p.startswith("alerts/")}
        return {p.removesuffix(".rules.yaml"): d["groups"] for p, d in alerts.items() if p.endswith(".rules.yaml")}


def documents(bundle: Bundle) -> Mapping[str, Any]:
    """Return the generated files as values, by path."""
    broken: list[Problem] = []
    out: dict[str, Any] = {}
    for path, text in FORMATS["files"].render(bundle).items():
        name = str(path)
        out[name] = json.loads(text) if name.endswith(".json") else parse(name, text, broken).data
    return out
