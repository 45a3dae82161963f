"""What an upgrade of servers changes in what they expose, and what of boards, rules and an operator's own files it takes away."""

from generator.upgrade.between import Upgrade, between
from generator.upgrade.files import check
from generator.upgrade.report import FORMATS

__all__ = ["FORMATS", "Upgrade", "between", "check"]
