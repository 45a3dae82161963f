"""The JSON Schema of bundle.yaml: the committed one, which editors take, and the exact one for the systems that there are."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

from generator.catalogue import Catalogue, Endpoint, System
from generator.catalogue.cardinality import SPREAD, assumptions
from generator.config.versions import named

SCHEMA = Path(__file__).parent / "schema.json"

#: Values of a label at most: Prometheus itself would not hold so many series.
MOST_VALUES = 1_000_000

Json = dict[str, Any]


def schema(catalogue: Catalogue, own: frozenset[str] = frozenset()) -> Json:
    """Return the schema in which each system has only what it knows of itself.

    Args:
        catalogue: Every system that the configuration may name.
        own: Those that the configuration brings.

    """
    schema: Json = json.loads(SCHEMA.read_text(encoding="utf-8"))
    general: Json = schema.pop("$defs")["system"]
    systems = schema["properties"]["systems"]
    systems["additionalProperties"] = False
    systems["properties"] = {
        name: _of(catalogue.systems[name], deepcopy(general), own=name in own) for name in catalogue.targets
    }
    return schema


def _of(system: System, general: Json, *, own: bool) -> Json:
    """Return the general schema of a system without what this one has not, its choices filled in."""
    keys: Json = general["properties"]
    endpoint = system.endpoint
    choices = {
        "parts": list(system.parts),
        "versions": list(named(system)),
        "exposure": list(system.exposure),
        "tier": list(system.tiers),
        "runtimes": list(system.runtimes),
        "switches": list(system.switches),
    }
    for key, known in choices.items():
        if not known:
            del keys[key]
        elif "items" in keys[key]:
            keys[key]["items"] = {"enum": known}
    if not own:
        del keys["catalogue"]
    if not system.roles:
        del keys["roles"]
    if not any(metric.prefix for metric in system.metrics):
        del keys["prefix"]
    if not system.attributed:
        del keys["attribution"], keys["budgets"], keys["prices"]
    keys["cardinality"] |= {
        "additionalProperties": False,
        "properties": {name: _number(name, one.why) for name, one in assumptions(system).items()},
    }
    if "versions" in keys:
        eras = [
            f"{name}: {' and '.join(system.eras[era].title for era in names)}"
            for name, (names, _) in named(system).items()
        ]
        keys["versions"]["description"] = "; ".join(
            (*eras, keys["versions"]["description"].partition(": ")[2].partition(", ")[2])
        )
    _narrow(keys["scrape"]["properties"], endpoint)
    return general


def _narrow(scrape: Json, endpoint: Endpoint) -> None:
    """Take away what is there for others: who asks JSON pages or readiness, and names of exporters and Services."""
    dns, kubernetes = scrape["dns"]["items"], scrape["kubernetes"]["properties"]
    if not endpoint.json:
        del scrape["json_exporter"], dns["properties"]["targets"]
        dns["required"] = [*dns["required"], "names"]
    if not endpoint.ready:
        del scrape["blackbox_exporter"], scrape["blackbox_module"]
    if not endpoint.exporters:
        del kubernetes["exporters"]
    if not endpoint.services:
        del kubernetes["fullname"]


def _number(name: str, why: str) -> Json:
    """Return what an operator may assume: a share, or how many values there are."""
    kind = {"type": "number", "maximum": 1} if name == SPREAD.name else {"type": "integer", "maximum": MOST_VALUES}
    return {**kind, "minimum": 0, "description": why}
