"""Whether an expression gives anything: asked once for each expression and time."""

from __future__ import annotations

from generator.validate.prometheus import Prometheus


class Existence:
    """Answers of a Prometheus, remembered. Safe to use from several threads."""

    def __init__(self, prometheus: Prometheus) -> None:
        self._prometheus = prometheus
        self._answers: dict[tuple[str, float | None], bool] = {}

    def any(self, expr: str, at: float | None) -> bool:
        """Return whether an instant vector has a series at a time, in unix seconds; None means now.

        Raises:
            ProbeError: Prometheus does not answer.

        """
        key = (expr, at)
        if key not in self._answers:
            self._answers[key] = bool(self._prometheus.query(f"count({expr})", at))
        return self._answers[key]
