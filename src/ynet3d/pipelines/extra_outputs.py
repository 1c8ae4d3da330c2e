"""What a prediction writes on request beside its mask: DICOM objects, surfaces, a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ynet3d.dicom_output import require_highdicom
from ynet3d.errors import InputError, MissingExtraError
from ynet3d.meshes import require_vtk
from ynet3d.pipelines.meshes import write_surfaces_of
from ynet3d.progress import Progress
from ynet3d.volumes import Volume, is_volume_path

if TYPE_CHECKING:
    from ynet3d.dicom_output.source import DicomSource

#: Folders and a file in that of a prediction.
DICOM, MESHES, REPORT = "dicom", "meshes", "report.html"


@dataclass(frozen=True)
class ExtraOutputs:
    """What is asked for.

    Attributes:
        dicom: a folder `dicom` with SEG, structured report and RT structure set.
        meshes: a folder `meshes` with closed surfaces in every format.
        report: `report.html` and `report.pdf`.
        where_possible: a scan that is no DICOM series gets no DICOM objects, instead of a refusal.
        deidentify: DICOM objects do not tell whose scan they are of.
    """

    dicom: bool = False
    meshes: bool = False
    report: bool = False
    where_possible: bool = False
    deidentify: bool = False

    @classmethod
    def possible(cls) -> tuple[ExtraOutputs, list[str]]:
        """All that the installed packages can write, and sentences about what is missing."""
        possible, lacking = {}, []
        for name in ("dicom", "meshes", "report"):
            try:
                cls(**{name: True}).check([])
                possible[name] = True
            except MissingExtraError as error:
                lacking.append(str(error))
        return cls(**possible), lacking

    def check(self, scans: Sequence[Path]) -> None:
        """Refuse what cannot be written, before an hour of predicting; imports little.

        Raises:
            InputError: DICOM of a scan that is none.
            MissingExtraError: a package is missing.
        """
        if self.dicom:
            require_highdicom()
            for scan in () if self.where_possible else filter(is_volume_path, scans):
                raise _no_series(scan)
        if self.meshes:
            require_vtk()
        if self.report:
            from ynet3d.reporting.case_report import require_extras

            require_extras()

    def source_of(self, scan: Path, volume: Volume, series: str | None) -> DicomSource | None:
        """The series that DICOM objects will refer to; None if there will be none.

        Raises:
            InputError: the scan is no DICOM series, or one that cannot be referred to.
        """
        if not self.dicom:
            return None
        from ynet3d.dicom_output.source import read_source

        if volume.metadata.get("format") != "DICOM":
            if self.where_possible:
                return None
            raise _no_series(scan)
        return read_source(scan, series=series)

    def write_with_mask(
        self, label: Volume, source: DicomSource | None, folder: Path, content: Mapping[str, Any]
    ) -> list[str]:
        """Write the DICOM objects into `folder`, and return what there is to say of all outputs.

        These sentences belong in `statistics.json`, so that they come before it is written.
        """
        notes: list[str] = []
        if source is not None:
            from ynet3d.dicom_output.regions import origin_of
            from ynet3d.dicom_output.writing import write_dicom

            written = write_dicom(
                label,
                source,
                folder / DICOM,
                found=content,
                origin=origin_of(content),
                deidentify=self.deidentify,
            )
            notes += written.notes
        if self.meshes and not content["liver_ml"]:
            notes.append("The mask is empty, so no surfaces were written.")
        return notes

    def write_after_mask(
        self,
        image: Volume,
        label: Volume,
        folder: Path,
        content: Mapping[str, Any],
        progress: Progress,
    ) -> None:
        """Write surfaces and report into `folder`, where the mask lies safely by then."""
        if self.meshes and content["liver_ml"]:
            write_surfaces_of(label, folder / MESHES, progress=progress)
        if self.report:
            from ynet3d.reporting.case_report import write_case_report

            write_case_report(image, label, content, folder)
        made = {
            DICOM: self.dicom,
            MESHES: self.meshes and content["liver_ml"] > 0,
            REPORT: self.report,
        }
        for name, written in made.items():
            if not written and (folder / name).exists():
                progress.say(f"Note: {folder / name} is of an earlier prediction.")


def _no_series(scan: Path) -> InputError:
    return InputError(
        f"--dicom writes objects that refer to the slices of a DICOM series, and {scan} is none: "
        "give the DICOM folder or zip, or leave --dicom out."
    )
