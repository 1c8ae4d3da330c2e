"""The metrics of one class in one case, and what they are of empty classes.

All of them come from two things: the four counts of voxels, and the distances between the two
surfaces. docs/evaluation.md defines each with its source.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from ynet3d.evaluation.counting import Confusion

if TYPE_CHECKING:
    from ynet3d.evaluation.surface import SurfaceDistances

#: The tolerance of NSD that is always reported.
NSD_TOLERANCE_MM = 2.0


@dataclass(frozen=True)
class ClassMetrics:
    """One class in one case; None where undefined.

    Attributes:
        sensitivity: found share of the reference, tp / (tp + fn).
        specificity: left-out share of everything else, tn / (tn + fp). It grows with the field of
            view, because most of a scan is background.
        precision: right share of the prediction, tp / (tp + fp).
        dice: 2 tp / (2 tp + fp + fn); 1 if both are empty.
        jaccard: tp / (tp + fp + fn); 1 if both are empty.
        voe: volumetric overlap error as a fraction, 1 - jaccard.
        rvd: relative volume difference (P - R) / R with its sign: positive if too large.
        assd_mm: average symmetric surface distance, pooled over both surfaces.
        rmsd_mm: root mean square symmetric surface distance, pooled over both surfaces.
        msd_mm: maximum symmetric surface distance (Hausdorff).
        hd95_mm: the larger of the two directed 95th percentiles of the surface distances.
        nsd_2mm: share of both surfaces that lies within 2 mm of the other; 1 if both are empty,
            0 if one is.
    """

    sensitivity: float | None
    specificity: float | None
    precision: float | None
    dice: float
    jaccard: float
    voe: float
    rvd: float | None
    assd_mm: float | None
    rmsd_mm: float | None
    msd_mm: float | None
    hd95_mm: float | None
    nsd_2mm: float

    @classmethod
    def of(cls, counts: Confusion, distances: SurfaceDistances | None) -> ClassMetrics:
        """The metrics of these counts and distances.

        Args:
            counts: voxels of the class.
            distances: between the surfaces; None if either mask is empty.
        """
        jaccard = ratio(counts.tp, counts.tp + counts.fp + counts.fn)
        jaccard = 1.0 if jaccard is None else jaccard
        return cls(
            sensitivity=ratio(counts.tp, counts.reference),
            specificity=ratio(counts.tn, counts.tn + counts.fp),
            precision=ratio(counts.tp, counts.prediction),
            dice=dice(counts),
            jaccard=jaccard,
            voe=1.0 - jaccard,
            rvd=ratio(counts.prediction - counts.reference, counts.reference),
            assd_mm=distances.assd_mm if distances else None,
            rmsd_mm=distances.rmsd_mm if distances else None,
            msd_mm=distances.msd_mm if distances else None,
            hd95_mm=distances.hd95_mm if distances else None,
            nsd_2mm=nsd(counts, distances, NSD_TOLERANCE_MM),
        )


#: Names of the metrics, in the order of every table (the paper's Table 1 first).
METRICS: tuple[str, ...] = tuple(field.name for field in fields(ClassMetrics))

#: Metrics in mm, undefined unless both masks have the class.
DISTANCES: tuple[str, ...] = tuple(name for name in METRICS if name.endswith("_mm"))


def dice(counts: Confusion) -> float:
    """2 tp / (2 tp + fp + fn); 1 if both masks are empty."""
    value = ratio(2 * counts.tp, counts.prediction + counts.reference)
    return 1.0 if value is None else value


def nsd(counts: Confusion, distances: SurfaceDistances | None, tolerance_mm: float) -> float:
    """Share of both surfaces within `tolerance_mm` of the other; by rule 1 or 0 for empty masks."""
    if distances is None:
        return 0.0 if counts.prediction or counts.reference else 1.0
    return distances.nsd(tolerance_mm)


def nsd_name(tolerance_mm: float) -> str:
    """The name of the metric at a tolerance: `nsd_2mm`, `nsd_0.5mm`."""
    return f"nsd_{tolerance_mm:g}mm"


def ratio(part: float, whole: float) -> float | None:
    """`part / whole`, None where there is nothing to divide by."""
    return part / whole if whole else None
