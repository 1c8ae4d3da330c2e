"""The standard words for what is written: coded concepts.

Liver is what TotalSegmentator's table of SNOMED CT codes (`totalsegmentator_snomed_mapping.csv`)
calls it, an anatomical structure of type 10200004; the category's code is the standard's of today
(PS3.16, CID 7150). That table has no tumour of the liver; its cysts of the kidney show the pattern,
which is followed: a morphologically abnormal structure, of a type from the standard's list for
lesions (CID 7159), with the organ for its region. Of that list the type is Lesion, 52988006: a mask
says neither primary nor secondary, nor even neoplasm.

Measurements are named as PS3.16 has it in CID 7469, 7470 and 7472 (sizes), 7464 (statistics).
"""

from __future__ import annotations

from typing import Any

from pydicom.sr.coding import Code

LIVER = Code("10200004", "SCT", "Liver")
LESION = Code("52988006", "SCT", "Lesion")
ANATOMICAL_STRUCTURE = Code("91723000", "SCT", "Anatomical Structure")
ABNORMAL_STRUCTURE = Code("49755003", "SCT", "Morphologically Abnormal Structure")

VOLUME = Code("118565006", "SCT", "Volume")
LONG_AXIS = Code("103339001", "SCT", "Long Axis")
SHORT_AXIS = Code("103340004", "SCT", "Short Axis")
DIAMETER = Code("81827009", "SCT", "Diameter")
ATTENUATION = Code("112031", "DCM", "Attenuation Coefficient")
NUMBER_OF_LESIONS = Code("246206008", "SCT", "Number of lesions")

MEAN = Code("373098007", "SCT", "Mean")
STANDARD_DEVIATION = Code("386136009", "SCT", "Standard Deviation")
MAXIMUM = Code("56851009", "SCT", "Maximum")
ABSENT = Code("272519000", "SCT", "Absent")

MILLILITRE = Code("ml", "UCUM", "ml")
MILLIMETRE = Code("mm", "UCUM", "mm")
HOUNSFIELD = Code("[hnsf'U]", "UCUM", "Hounsfield unit")
NO_UNITS = Code("1", "UCUM", "no units")

CT = Code("25045-6", "LN", "CT unspecified body region")
ARTIFICIAL_INTELLIGENCE = Code("123110", "DCM", "Artificial Intelligence")


def code_sequence(code: Code) -> Any:
    """A code as the one item of a DICOM sequence."""
    import pydicom

    item = pydicom.Dataset()
    item.CodeValue = code.value
    item.CodingSchemeDesignator = code.scheme_designator
    item.CodeMeaning = code.meaning
    return pydicom.Sequence([item])
