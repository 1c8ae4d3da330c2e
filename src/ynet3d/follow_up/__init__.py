"""Two scans of one patient: which lesion is which, and what has changed."""

from ynet3d.follow_up.alignment import Alignment, align
from ynet3d.follow_up.changes import csv_header, csv_rows, follow_up_json
from ynet3d.follow_up.matching import LIMIT_MM, LesionPair, match_over_time
from ynet3d.follow_up.response import ARITHMETIC_ONLY, TargetSum, target_sum

__all__ = [
    "ARITHMETIC_ONLY",
    "LIMIT_MM",
    "Alignment",
    "LesionPair",
    "TargetSum",
    "align",
    "csv_header",
    "csv_rows",
    "follow_up_json",
    "match_over_time",
    "target_sum",
]
