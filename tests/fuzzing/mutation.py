"""From a seed and a number to an input: which file of which kind is spoilt, and how."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from random import Random

from fuzzing.byte_changes import change_bytes
from fuzzing.case import Case
from fuzzing.dicom_changes import change_dicom
from fuzzing.header_changes import change_nifti, change_text_header
from fuzzing.text_changes import change_text
from fuzzing.weights_changes import change_safetensors, with_checksum
from fuzzing.zip_changes import change_zip

Change = Callable[[bytes, Random], tuple[bytes, str]]


def make_case(seeds: Mapping[str, Sequence[Case]], kind: str, seed: int, number: int) -> Case:
    """Input `number` of a kind; the same for the same seed."""
    random = Random(f"{seed}/{kind}/{number}")
    case = random.choice(seeds[kind])
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        name = random.choice(sorted(case.files))
        blind = random.random() < 0.25
        way = change_bytes if blind else _change_for(name, case.files[name])
        content, note = way(case.files[name], random)
        case = case.with_file(name, lambda _, content=content: content, note)
    if kind == "weights" and random.random() < 0.7:
        files = with_checksum(case.files, "best.safetensors", "best.json")
        case = replace(case, files=files, note=f"{case.note}; checksum corrected")
    if len(case.files) > 1 and random.random() < 0.04:
        gone = random.choice(sorted(case.files))
        files = {name: data for name, data in case.files.items() if name != gone}
        case = replace(case, files=files, note=f"{case.note}; without {gone}")
    return case


def _change_for(name: str, data: bytes) -> Change:
    if name.endswith((".nii", ".nii.gz")):
        return change_nifti
    if name.endswith((".nrrd", ".nhdr", ".mha", ".mhd")):
        return change_text_header
    if name.endswith(".safetensors"):
        return change_safetensors
    if name.endswith(".zip"):
        return change_zip
    if name.endswith((".yaml", ".json", ".csv", ".tsv")):
        return lambda data, random: change_text(data, random, name=name)
    if data[128:132] == b"DICM":
        return change_dicom
    return change_bytes
