"""What a limit is: alerts fire at it and boards draw it red.

The configuration (`thresholds:` in bundle.yaml) may set each of them by its name. A limit that is compared with a
histogram names the metric: it must then lie on a bucket edge below the last one, or no query could tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Limit:
    """A value from which on something is bad.

    Attributes:
        name: What `thresholds:` calls it.
        value: The limit, in `unit`.
        unit: Unit of a query that may be compared with it (see `generator.units`).
        why: The reason for the value.
        histogram: `system/metric` whose bucket edges the value must be one of; empty when there is none.
        bad: On which side of a share an alert fires: above it, below it, from it on; empty for a share that may be below 0.
        samples: Of how many samples of a page each of what it counts is, where its alert tells of a page that grows; else 0.
        system: The system whose limit it is.

    """

    name: str
    value: float
    unit: str
    why: str
    histogram: str = ""
    bad: Literal["above", "below", "from", ""] = "above"
    samples: int = 0
    system: str = ""

    @property
    def share(self) -> bool:
        """Whether it is a share; any other ratio is a multiple."""
        return self.unit == "ratio" and self.value <= 1
