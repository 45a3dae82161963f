"""What a fleet costs, as JSON for programs."""

from __future__ import annotations

import json
from typing import Any

from generator.cost import Cost
from generator.cost.listed import called, metrics, numbers


def document(cost: Cost) -> str:
    """Return the report for programs."""
    timing, measured = cost.site.timing, cost.measured
    data: dict[str, Any] = {
        "fleet": {
            "source": cost.fleet.source,
            "processes": {called(*key): n for key, n in cost.fleet.processes.items()},
            "deployments": {name: cost.fleet.deployed(name) for name in dict.fromkeys(key[0] for key in cost.processes)},
        },
        "pages": [
            {
                "system": key[0], "role": key[1], "era": key[2], "processes": cost.fleet.processes[key], "series": page.series,
                "series_at_start": page.at_start, "unlisted": page.unlisted, "ways": dict(cost.ways[key]),
                **({"counted": cost.counted(key)} if measured else {}),
            }
            for key, page in cost.processes.items()
        ],
        "scraped_series": cost.scraped,
        "recorded_series": cost.recorded,
        "samples_per_second": round(cost.samples_per_second, 3),
        "bytes_per_sample": cost.bytes_per_sample,
        "bytes_per_day": round(cost.bytes_per_day),
        "scrape_interval": timing.scrape,
        "evaluation_interval": timing.evaluation,
        "rule_seconds": round(cost.rule_seconds, 6),
        "rule_seconds_are": "measured" if cost.rules_measured else "modelled",
        "groups": [
            {
                "group": cost.full(one), "file": one.file, "interval_seconds": one.interval, "rules": one.rules,
                "recorded_series": one.records, "modelled_seconds": round(one.seconds, 6),
                **({"measured_seconds": measured.rule_seconds.get(cost.full(one))} if measured else {}),
            }
            for one in cost.groups
        ],
        "metrics": [
            {"system": system, "metric": full, "series": n, "boards": list(reader.boards), "records": list(reader.records), "alerts": list(reader.alerts)}
            for system, full, n, reader in metrics(cost)
        ],
        "switches": [
            {
                "system": one.system, "switch": one.name, "how": one.how, "series": one.series, "boards": list(one.boards),
                "panels": [{"board": board, "panel": panel} for board, panel in one.panels], "alerts": list(one.alerts),
            }
            for one in cost.switches
        ],
        "assumptions": [{"system": s, "name": n, "value": v, "why": why} for s, n, v, why in numbers(cost)],
        "spread": [
            {"system": name, "series": sum(cost.predicted(key) for key in cost.processes if key[0] == name), "series_at_0": least, "series_at_1": most}
            for name, (least, most) in cost.bounds.items()
        ],
        "refused": [{"system": s, "role": r, "era": e, "sample_limit": limit} for (s, r, e), limit in cost.refused],
    }  # fmt: skip
    if measured:
        data["measured"] = {
            "samples_per_second": measured.samples_per_second,
            "bytes_per_sample": measured.bytes_per_sample,
        }
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"
