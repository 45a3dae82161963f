"""Brings the monitors and dashboards beside this file into Datadog; what is there already is changed, nothing is made twice.

    DD_API_KEY=... DD_APP_KEY=... python apply.py            # DD_SITE=datadoghq.eu for another site

A monitor is known again by its name, a dashboard by its title. A composite monitor names its parts, which get their numbers
from Datadog: so they come first. Needs Python alone.
"""

import json
import os
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

#: Monitors of one answer, the most that the API gives.
PAGE = 1000


def call(method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """Return the answer of the API."""
    address = os.environ.get("DD_URL") or f"https://api.{os.environ.get('DD_SITE', 'datadoghq.com')}"
    request = urllib.request.Request(  # noqa: S310 - the address is the operator's
        f"{address}/api/v1/{path}",
        data=None if body is None else json.dumps(body).encode(),
        method=method,
        headers={
            "Content-Type": "application/json",
            "DD-API-KEY": os.environ["DD_API_KEY"],
            "DD-APPLICATION-KEY": os.environ["DD_APP_KEY"],
        },
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - as above
        return json.load(answer)


def present() -> Mapping[str, int]:
    """Return the numbers of the monitors that are there, by name."""
    found: dict[str, int] = {}
    page = 0
    while listed := call("GET", f"monitor?page={page}&page_size={PAGE}"):
        found |= {one["name"]: one["id"] for one in listed}
        page += 1
        if len(listed) < PAGE:
            break
    return found


def put(kind: str, body: Mapping[str, Any], number: object) -> Any:
    """Change what has a number, or make what has none; return what Datadog stored."""
    return call("PUT", f"{kind}/{number}", body) if number else call("POST", kind, body)


def main() -> int:
    """Bring everything; return the exit code."""
    files = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted((HERE / "monitors").glob("*.json"))}
    known = present()
    numbers: dict[str, int] = {}
    for stem in sorted(files, key=lambda stem: (files[stem]["type"] == "composite", stem)):
        body = files[stem]
        query = re.sub(r"\{\{(.+?)\}\}", lambda m: str(numbers[m[1]]), body["query"])
        numbers[stem] = put("monitor", {**body, "query": query}, known.get(body["name"]))["id"]
    boards = {one["title"]: one["id"] for one in call("GET", "dashboard")["dashboards"]}
    paths = sorted((HERE / "dashboards").glob("*.json"))
    for path in paths:
        body = json.loads(path.read_text("utf-8"))
        put("dashboard", body, boards.get(body["title"]))
    sys.stdout.write(f"{len(numbers)} monitors, {len(paths)} dashboards\n")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyError as error:
        sys.exit(f"{error} is not set: the keys of your organisation, see Organization Settings")
    except urllib.error.HTTPError as error:
        sys.exit(f"{error.url}: {error.code}: {error.read().decode(errors='replace')[:500]}")
    except OSError as error:
        sys.exit(f"cannot be reached: {error}")
