"""Alerts over the operator's own past: when each would have been pending and firing. Only asks a Prometheus."""

from generator.backtest.asking import Asked, Report, backtest
from generator.backtest.page import page
from generator.backtest.report import FORMATS
from generator.backtest.server import BudgetError
from generator.backtest.trial import Interval, Trial

__all__ = ["FORMATS", "Asked", "BudgetError", "Interval", "Report", "Trial", "backtest", "page"]
