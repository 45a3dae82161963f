"""What a metrics page is, and why boards are blank with it: by the catalogue alone, without a change anywhere."""

from generator.doctor.diagnosis import Diagnosis, diagnose
from generator.doctor.monitored import Monitored, monitored
from generator.doctor.page import Page, read
from generator.doctor.report import FORMATS
from generator.doctor.written import written

__all__ = ["FORMATS", "Diagnosis", "Monitored", "Page", "diagnose", "monitored", "read", "written"]
