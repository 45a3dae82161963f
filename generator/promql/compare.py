"""Queries that hold now against earlier days: days of a week differ, hours of a day differ more."""

from __future__ import annotations

from collections.abc import Callable

from generator.catalogue import Limit
from generator.promql.query import Query

#: Range window of the earlier days, wide enough that a busy minute then does not count, and how long ago it ended: it lies
#: around the same time, half an hour to either side, so that what begins on the hour is compared with itself. The second
#: time of each is when the hour began: a series that was not there in the hour before would look like little.
USUAL, YESTERDAY, LAST_WEEK = "1h", ("23h30m", "1d30m"), ("6d23h30m", "7d30m")


def surged(measure: Callable[[str], Query], factor: Limit) -> Query:
    """Return how many times as much as usual there is now, above `factor`, as a ratio.

    Usual is the hour around the same time yesterday, or a week ago where there was nothing yesterday. Where a week ago there was as much
    as now, it is a matter of the weekday and left out. Nothing on either day is no baseline, and neither is an hour in
    which the series were born: left out too.

    Args:
        measure: Makes the query for a window that ended some time ago: "" is now, else a duration.
        factor: The ratio from which on it counts.

    """
    now = measure("")
    day, week = (
        measure(ended).over(USUAL).above(0).both(measure(began).over(USUAL).at_least(0))
        for ended, began in (YESTERDAY, LAST_WEEK)
    )
    return (now / day.otherwise(week)).above(factor).without((now / week).at_most(factor))
