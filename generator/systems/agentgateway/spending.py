"""Who spends: tokens and money by the labels that an operator's configuration of the gateway adds to its metrics.

Cost is what the gateway tells. Where it tells none for a model, and bundle.yaml has a price for it, cost is estimated from
input and output tokens; cached ones are left out, because providers differ in whether input has them already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from generator.catalogue import Label, Metric
from generator.config.settings import SystemConfig
from generator.config.site import Site
from generator.promql import add_label, amount, constant, increase, rate, rename_label, summed, volume, worth
from generator.promql.query import Query
from generator.promql.wording import sentence
from generator.rules.rule import Group, Record, record, recorded
from generator.systems.agentgateway.records import NEW
from generator.units import number

SYSTEM = "agentgateway"
MODEL, KIND = "gen_ai_request_model", "gen_ai_token_type"

#: What alerts and budgets call a label of attribution, and its value.
OF = ("value", "attribution")

#: What is said of all that this installation has not.
UNTOLD = f"systems.{SYSTEM}.attribution names no label"


def config(site: Site) -> SystemConfig:
    """Return what the installation says of the gateway."""
    return site.config.systems[SYSTEM]


def labels(site: Site) -> tuple[str, ...]:
    """Return the labels by which tokens and cost are told."""
    return tuple(one.label for one in config(site).attribution)


def filters(site: Site) -> Mapping[str, Metric]:
    """Return these labels, each with a metric that has it."""
    return dict.fromkeys(labels(site), site.system(SYSTEM)["gen_ai_client_token_usage"])


def untold(query: Query) -> Query:
    """Return a query that this installation cannot have, because it names no label."""
    return replace(query, missing=((query.metrics[0].full_name, UNTOLD),))


def cost(site: Site, by: Sequence[str] = (), *, within: bool = False, part: Mapping[str, str] | None = None) -> Query:
    """Return the cost by some labels, in USD per second, or in USD with `within`: that of the window.

    Args:
        site: The installation.
        by: Labels to keep.
        within: The cost of the window, not its pace.
        part: Labels with patterns: what is counted.

    """
    gw = site.system(SYSTEM)
    spending, usage = gw["gen_ai_client_cost_usd_total"].matching(**part or {}), gw["gen_ai_client_token_usage"]
    spent = increase if within else rate
    if not config(site).prices:
        return spent(spending, by=by)
    grain = tuple(dict.fromkeys((*by, MODEL)))
    tokens = usage.matching(**NEW, **part or {})
    counted = (amount if within else volume)(tokens, by=(*grain, KIND))
    price = recorded(_any(prices(site)), by=(MODEL, KIND), function="max")
    estimate = worth(counted, price, by=grain, unit=spending.unit if within else f"{spending.unit}/s")
    how = "Cost; estimated by the prices of the configuration where the gateway tells none"
    joined = summed(spent(spending, by=grain).otherwise(estimate), by)
    return replace(joined, reading=sentence(how).grouped(tuple(by)), legend=joined.legend or spending.base)


def use(site: Site) -> Query:
    """Return the recorded share of its budget of a day that each value has spent."""
    found = used(site)
    if found.missing:
        return found
    return recorded(_used(site), by=OF).named("{{attribution}} {{value}}")


@lru_cache(maxsize=1)
def _used(site: Site) -> Record:
    return record(site, "attribution:agentgateway_budget_use:ratio", used(site), aggregate="max", window="1d")


def used(site: Site) -> Query:
    """Return the share of its budget that each value has spent within the window, over all gateways."""
    named = dict.fromkeys(budget.label for budget in config(site).budgets)
    if not named:
        every = cost(site, within=True)
        why = f"systems.{SYSTEM}.budgets names none" if labels(site) else UNTOLD
        return replace(every, unit="ratio", missing=((every.metrics[0].full_name, why),))
    spent = [add_label(rename_label(cost(site, (label,), within=True), label, OF[0]), OF[1], label) for label in named]
    joined = spent[0]
    for other in spent[1:]:
        joined = joined.otherwise(other)
    ratio = joined / recorded(_any(budgets(site)), by=OF, function="max")
    return ratio.about("Cost as a share of the budget of a day, over all gateways.").named("{{attribution}} {{value}}")


def _any(rules: Sequence[Record]) -> Record:
    """Return the record that all of these are, whatever their labels."""
    first = rules[0]
    named = {name: Label(name, bound="configuration") for name in first.labels}
    return replace(first, labels={}, metric=replace(first.metric, labels=named))


@lru_cache(maxsize=1)
def budgets(site: Site) -> tuple[Record, ...]:
    """Return the budgets as recorded series, USD a day each."""
    return tuple(
        _constant(site, "attribution:agentgateway_budget_usd:configured", budget.usd_per_day,
                  {OF[1]: budget.label, OF[0]: budget.value})
        for budget in config(site).budgets
    )  # fmt: skip


@lru_cache(maxsize=1)
def prices(site: Site) -> tuple[Record, ...]:
    """Return the prices as recorded series, USD a token each."""
    return tuple(
        _constant(site, "model:agentgateway_token_price_usd:configured", usd / 1e6,
                  {MODEL: price.model, KIND: kind})
        for price in config(site).prices
        for kind, usd in (("input", price.input), ("output", price.output))
    )  # fmt: skip


def _constant(site: Site, name: str, value: float, labels: Mapping[str, str]) -> Record:
    """Return a rule that records a number of the configuration, in USD."""
    cost_of_all = increase(site.system(SYSTEM)["gen_ai_client_cost_usd_total"])
    return record(site, name, constant(cost_of_all, number(value)), aggregate="max", labels=labels)


def groups(site: Site) -> list[Group]:
    """Return the rule group of what the configuration says in numbers, and what is held against it; none where it says nothing."""
    found = (*budgets(site), *prices(site), *([_used(site)] if budgets(site) else []))
    return [Group("agentgateway.spending", found, interval=site.timing.evaluation)] if found else []
