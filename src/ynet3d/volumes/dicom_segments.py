"""What the segments of a DICOM SEG stand for: liver, tumour, something else, or nobody knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ynet3d.errors import InputError
from ynet3d.label_names import is_elsewhere, label_of_name, labels_of_names
from ynet3d.labels import Label

#: Coded concepts (scheme, value), of SNOMED CT and of its older form in DICOM. The words of a
#: code's meaning are looked at too, so these only matter where those are in another language.
_LIVER_CODES = {("SCT", "10200004"), ("SRT", "T-62000"), ("FMA", "7197")}
_TUMOUR_CODES = {
    ("SCT", "52988006"),  # lesion
    ("SCT", "4147007"),  # mass
    ("SRT", "M-03000"),
    ("SCT", "108369006"),  # neoplasm
    ("SCT", "372087000"),  # neoplasm, primary
    ("SCT", "86049000"),  # malignant neoplasm, primary
    ("SRT", "M-80003"),
    ("SCT", "14799000"),  # neoplasm, secondary
    ("SRT", "M-80006"),
    ("SCT", "128462008"),  # metastasis
    ("SCT", "1187425009"),  # carcinoma
    ("SCT", "68453008"),
    ("SRT", "M-80103"),
}


@dataclass(frozen=True)
class Segment:
    """How a SEG describes one of its segments.

    Attributes:
        number: as its frames refer to it.
        label: free text of whoever drew it.
        meaning: of the coded property type, in words.
        code: scheme and value of that type.
        region: where in the body, in words; "" if not said.
    """

    number: int
    label: str
    meaning: str = ""
    code: tuple[str, str] = ("", "")
    region: str = ""

    def __str__(self) -> str:
        what = ", ".join(part for part in (self.meaning, self.region) if part)
        return f"{self.number} {self.label!r}" + (f" ({what})" if what else "")


def classes_of(segments: Sequence[Segment], name: str) -> dict[int, Label]:
    """Liver, tumour or background for each segment number.

    Coded type and label both speak; where only one is understood, it decides. Known other
    structures (vessels, bones, spleen, ...) are background; a lesion of another organ is not
    guessed at.

    Raises:
        InputError: a segment that is none of these, or neither liver nor tumour among them.
    """
    in_words = [f"{each.label} {each.meaning} {each.region}" for each in segments]
    found = {
        segment.number: None if together is None and each is Label.TUMOUR else each
        for segment, each, together in zip(
            segments, map(_class_of, segments), labels_of_names(in_words), strict=True
        )
    }
    unclear = [segment for segment in segments if found[segment.number] is None]
    if unclear:
        raise InputError(
            f"{name} has {_listed(unclear)}, and it is not clear whether that is liver, tumour or "
            "something else: name the segments Liver and Tumour (and code their types so), or "
            "export these alone."
        )
    classes = {number: label for number, label in found.items() if label is not None}
    if not any(classes.values()):
        raise InputError(
            f"{name} has no segment of the liver or its tumours, only "
            f"{_listed(segments) or 'none at all'}: give the SEG of the liver."
        )
    return classes


def _class_of(segment: Segment) -> Label | None:
    known = {_class_of_type(segment), label_of_name(segment.label)} - {None}
    if len(known) != 1:
        return None
    found = known.pop()
    elsewhere = any(map(is_elsewhere, (segment.label, segment.meaning, segment.region)))
    return None if found is Label.TUMOUR and elsewhere else found


def _class_of_type(segment: Segment) -> Label | None:
    if segment.code in _LIVER_CODES:
        return Label.LIVER
    if segment.code in _TUMOUR_CODES:
        return Label.TUMOUR
    return label_of_name(segment.meaning)


def _listed(segments: Sequence[Segment]) -> str:
    shown = ", ".join(str(segment) for segment in segments[:5])
    more = f" and {len(segments) - 5} more" if len(segments) > 5 else ""
    return f"the segment{'s' if len(segments) > 1 else ''} {shown}{more}" if segments else ""
