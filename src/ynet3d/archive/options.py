"""What decides the results of an archive, and what decides only how the work is done."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

#: How often a case is started at most, where the fault need not lie in the scan.
MOST_ATTEMPTS = 3


class ArchiveSettings(BaseModel):
    """What decides the results: one OUT holds results of one of these.

    Attributes:
        weights, refine: as for `predict_files`.
        device, runtime, precision: what the network runs on and in.
        hu_offset: added to every voxel (HU).
        dicom, meshes, report: further outputs of each case.
        deidentify: results have numbers for names, and do not tell whose scans they are of.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    weights: tuple[str, ...] = ()
    refine: tuple[str, ...] = ()
    device: str = "auto"
    runtime: str = "auto"
    precision: str = "auto"
    hu_offset: int = 0
    dicom: bool = False
    meshes: bool = False
    report: bool = False
    deidentify: bool = False

    def identity(self) -> dict[str, Any]:
        """What results depend on: weights by their content and recipe, not by their paths.

        The device is left out: where a network runs, it gives the same masks.

        Raises:
            InputError: weights are missing.
        """
        from ynet3d.weights import describe_weights
        from ynet3d.weights.shipped import default_weights

        content = self.model_dump(mode="json", exclude={"device"})
        content["weights"] = [describe_weights(w) for w in self.weights or (default_weights(),)]
        content["refine"] = [describe_weights(w) for w in self.refine]
        return content


class RunOptions(BaseModel):
    """How the work is done; another run on the same OUT may choose anew.

    Attributes:
        engine: local (processes of this machine) or ray (actors of a Ray cluster).
        workers: cases at a time.
        threads: of one worker; by default this machine's cores are shared out.
        memory_gb: that one worker may allocate (10^9 bytes); None: no limit.
        case_minutes: after which a case is taken from its worker, as a fault; None: never.
        ray_address: of an existing cluster; None starts one on this machine.
        part: (i, n), the i-th of n parts of the archive, from 1, for array jobs.
        verify: full reads every result again at the start, size looks only at names and sizes.
        again: forget all results, and start with these settings.
        retry_failed: try failed cases once more.
        backoff_s: seconds before the second attempt; doubled before the third.
        steal_after: how many times the median case the last ones may take before an idle worker
            gets them as well; 0: never.
        price_per_hour: of all machines of this run together, in any currency.
        temp: folder for copies of remote scans.
        cache: of converted networks.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: Literal["local", "ray"] = "local"
    workers: int = Field(default=1, ge=1)
    threads: int | None = Field(default=None, ge=1)
    memory_gb: float | None = Field(default=None, gt=0)
    case_minutes: float | None = Field(default=None, gt=0)
    ray_address: str | None = None
    part: tuple[int, int] = (1, 1)
    verify: Literal["full", "size"] = "full"
    again: bool = False
    retry_failed: bool = False
    backoff_s: float = Field(default=10.0, ge=0)
    steal_after: float = Field(default=3.0, ge=0)
    price_per_hour: float | None = Field(default=None, ge=0)
    temp: Path | None = None
    cache: Path | None = None


def digest_of(identity: dict[str, Any]) -> str:
    """A short name for settings that give the same results."""
    text = json.dumps(identity, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
