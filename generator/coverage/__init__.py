"""What boards, records, alerts, runbooks, cases and scenarios each metric has; what it lacks, and whether the catalogue says why."""

from generator.coverage.everything import examined, found, full_bundle
from generator.coverage.evidence import Cases, Evidence, shipped
from generator.coverage.gate import Hole, holes
from generator.coverage.report import FORMATS, Report
from generator.coverage.table import Row, Table, Watch, table

__all__ = [
    "FORMATS",
    "Cases",
    "Evidence",
    "Hole",
    "Report",
    "Row",
    "Table",
    "Watch",
    "examined",
    "found",
    "full_bundle",
    "holes",
    "shipped",
    "table",
]
