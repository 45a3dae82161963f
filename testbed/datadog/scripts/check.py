"""Runs in the environment of `testbed.datadog`: instances of the OpenMetrics check in, what it collects out."""

import json
import sys

from datadog_checks.base import OpenMetricsBaseCheckV2
from datadog_checks.base.stubs import aggregator

KINDS = {aggregator.METRIC_ENUM_MAP[kind]: kind for kind in ("gauge", "monotonic_count", "count", "rate")}


class OpenMetricsCheck(OpenMetricsBaseCheckV2):
    """The Agent's check `openmetrics`, which is the base class with the default of its limit."""

    __NAMESPACE__ = ""
    DEFAULT_METRIC_LIMIT = 2000


errors = []
for instance in json.load(sys.stdin):
    check = OpenMetricsCheck("openmetrics", {}, [instance])
    for _ in range(2):
        failed = check.run()
        errors += [json.loads(failed)[0]["message"]] if failed else []
series = {
    (one.name, KINDS[one.type], tuple(sorted(one.tags)))
    for name in aggregator.metric_names
    for one in aggregator.metrics(name)
}
print(json.dumps({"errors": errors, "series": [{"name": n, "kind": k, "tags": t} for n, k, t in sorted(series)]}))
