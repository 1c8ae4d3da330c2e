"""Patients that public data sets share under different names."""

from __future__ import annotations

import re

from ynet3d.datasets.case import Case

#: LiTS cases 28 to 47 are 3D-IRCADb 1 to 20 (docs/data.md).
_LITS = re.compile(r"volume-(?P<number>\d+)")
_FIRST, _LAST = 28, 47


def names_of_patient(case: Case) -> set[str]:
    """What the patient of `case` is called here, and in 3D-IRCADb if the case is LiTS's."""
    names = {case.patient, case.name}
    match = _LITS.fullmatch(case.name)
    if match and _FIRST <= int(match["number"]) <= _LAST:
        names.add(f"3Dircadb1.{int(match['number']) - _FIRST + 1}")
    return names
