"""PromQL from catalogue metrics: metrics in, `Query` out. Refuses what has no meaning. No Grafana and no YAML."""

from generator.promql.counters import happened, increase, rate, starts
from generator.promql.gauges import count, each, level, lowest, peak, restarts, total
from generator.promql.histograms import (
    buckets,
    mean,
    observations,
    observed,
    quantile,
    quantile_of,
    share_above,
    share_within,
    volume,
    within,
)
from generator.promql.series import select

__all__ = [
    "buckets",
    "count",
    "each",
    "happened",
    "increase",
    "level",
    "lowest",
    "mean",
    "observations",
    "observed",
    "peak",
    "quantile",
    "quantile_of",
    "rate",
    "restarts",
    "select",
    "share_above",
    "share_within",
    "starts",
    "total",
    "volume",
    "within",
]
