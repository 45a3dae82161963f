"""A pytest plugin: the matrix as a table, one row a server, after its tests have run (`-p testbed.matrix.table`)."""

from __future__ import annotations

import pytest

#: What is proved on a server, in the order of the columns.
COLUMNS = ("rules", "boards", "scrape config", "cases", "scenarios", "deliver")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print, for each server and proof, what was counted, or how it ended."""
    cells: dict[str, dict[str, list[str]]] = {}
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(outcome, ()):
            noted = dict(getattr(report, "user_properties", ()))
            if "server" in noted:
                text = noted.get("count", "ok") if outcome == "passed" else outcome.upper()
                cells.setdefault(noted["server"], {}).setdefault(noted["proof"], []).append(text)
    if not cells:
        return
    rows = [["server", *COLUMNS]]
    rows += [[name, *("; ".join(found.get(column, ["-"])) for column in COLUMNS)] for name, found in cells.items()]
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    terminalreporter.section("matrix")
    for row in rows:
        terminalreporter.line("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
