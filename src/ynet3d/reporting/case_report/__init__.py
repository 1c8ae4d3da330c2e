"""One case, reported: a page (`report.html`) and a PDF for people who read scans."""

from ynet3d.reporting.case_report.extras import require_extras
from ynet3d.reporting.case_report.writing import REPORT_FILES, write_case_report

__all__ = ["REPORT_FILES", "require_extras", "write_case_report"]
