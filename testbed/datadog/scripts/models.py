"""Runs in the environment of `testbed.datadog`: monitors and dashboards in, what the API's models do not know of them out."""

import json
import sys

from datadog_api_client import ApiClient, Configuration
from datadog_api_client.exceptions import ApiTypeError, ApiValueError
from datadog_api_client.v1.model.dashboard import Dashboard
from datadog_api_client.v1.model.monitor import Monitor


def unknown(model, place):
    """Yield each key and value below a model that has no place in it."""
    if getattr(model, "_unparsed", False):
        yield f"{place}: fits no model"
    known = getattr(model, "openapi_types", None)
    for key, value in getattr(model, "_data_store", {}).items():
        if known is not None and key not in known:
            yield f"{place}.{key}: unknown"
        for number, part in enumerate(value if isinstance(value, list) else [value]):
            yield from unknown(part, f"{place}.{key}[{number}]" if isinstance(value, list) else f"{place}.{key}")


client = ApiClient(Configuration())
found = []
for name, body in json.load(sys.stdin).items():
    model = Dashboard if "widgets" in body else Monitor
    try:
        found += unknown(client.deserialize(json.dumps(body), (model,), True), name)
    except (ApiTypeError, ApiValueError) as error:
        found.append(f"{name}: {error}")
print(json.dumps(found))
