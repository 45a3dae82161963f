"""Texts of alerts as Grafana fills them, and as its provisioning reads them.

Grafana renders labels and annotations with the templates of Prometheus: `$labels` and the functions are the same, `$value`
is not: it is a text on all queries of the rule. The number that `$value` is to Prometheus is `$values.A.Value`.

In some fields of a provisioning file Grafana puts variables of its environment in the place of `$NAME`; there `$$` is the
sign itself. In annotations and queries it does not.
"""

from __future__ import annotations

import re

#: The query whose result a text may name.
QUERY = "A"

_ACTION = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_VALUE = re.compile(r"\$value\b(?!s)")


def filled(template: str) -> str:
    """Return a text of a rule for Prometheus as one for Grafana."""
    return _ACTION.sub(lambda action: _VALUE.sub(f"$values.{QUERY}.Value", action[0]), template)


def literal(value: str) -> str:
    """Return a text for a field in which Grafana replaces variables of its environment."""
    return value.replace("$", "$$")
