"""Where a query runs: with which range window, and which matchers every selector gets."""

from __future__ import annotations

from dataclasses import dataclass, replace

from generator.catalogue import Matcher
from generator.config.site import Site
from generator.units import seconds


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a query runs.

    Attributes:
        window: Its range window; empty where it has none.
        matchers: Matchers for every selector that has their label.
        at: Modifier of every range, such as `@ end()`, that fixes when it ends; empty when it ends at each step.
        shortest: The shortest window that a query may ask for instead; shorter ones are widened. Empty: as it asks.

    """

    window: str
    matchers: tuple[Matcher, ...] = ()
    at: str = ""
    shortest: str = ""

    @property
    def range(self) -> str:
        """What stands behind a selector that is read over the window."""
        return f"[{self.window}]{self.at and f' {self.at}'}"

    def over(self, window: str) -> Scope:
        """Return the scope with another range window; `$...` is Grafana's own affair."""
        fixed = not self.shortest or window.startswith("$")
        return replace(self, window=window if fixed else max(window, self.shortest, key=seconds))


def site_scope(site: Site, window: str = "", *matchers: Matcher) -> Scope:
    """Return the scope in which a query of this installation runs, with its selectors.

    Args:
        site: The installation.
        window: Range window, which holds enough scrapes; `$...` is Grafana's own affair.
        matchers: Those of a board's variables.

    """
    over = window if window.startswith("$") or not window else site.timing.over(window)
    return Scope(over, (*site.selectors, *matchers), shortest=site.timing.shortest)
