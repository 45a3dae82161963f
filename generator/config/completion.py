"""A configuration with all that is off by default, for proofs and documents that are about everything."""

from __future__ import annotations

from dataclasses import replace

from generator.config.settings import Attribution, Budget
from generator.config.site import Site

#: Spending is told by labels that only an operator knows; where all is shown that can be, it is told by this one.
EXAMPLE, EXAMPLE_BUDGET = Attribution("team"), Budget("team", "search", 50)


def complete(site: Site) -> Site:
    """Return the installation with all that is off by default: every role of every system, and spending by team."""
    known = site.catalogue.systems
    systems = {name: replace(own, roles=tuple(known[name].roles)) for name, own in site.config.systems.items()}
    systems |= {
        name: replace(own, attribution=own.attribution or (EXAMPLE,), budgets=own.budgets or (EXAMPLE_BUDGET,))
        for name, own in systems.items()
        if known[name].attributed
    }
    return replace(site, config=replace(site.config, systems=systems))
