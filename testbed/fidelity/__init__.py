"""Every scenario of the reference server through every rule, on a real Prometheus and a virtual clock."""

from testbed.fidelity.installation import Fleet, about, of_version, rule_texts, site, within_reach
from testbed.fidelity.run import longer, newest, outages, played, run, spread
from testbed.fidelity.verdict import Verdict, judge

__all__ = [
    "Fleet",
    "Verdict",
    "about",
    "judge",
    "longer",
    "newest",
    "of_version",
    "outages",
    "played",
    "rule_texts",
    "run",
    "site",
    "spread",
    "within_reach",
]
