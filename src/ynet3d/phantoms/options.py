"""What can be asked of a phantom; what is left open is drawn from the case's random numbers."""

from __future__ import annotations

import nibabel
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ynet3d.errors import InputError


class PhantomOptions(BaseModel):
    """Grid, orientation and tumours of a phantom.

    The anatomy depends on the seed alone: the same seed with other options is the same patient,
    scanned differently.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    matrix: int = Field(
        default=512, ge=16, le=1024, description="pixels along each side of a slice"
    )
    slices: int | None = Field(default=None, ge=4, le=2000, description="number of slices")
    coverage_mm: float | None = Field(
        default=None, gt=20, le=400, description="length scanned, from the lung bases downwards"
    )
    pixel_mm: float | None = Field(default=None, gt=0.2, le=30, description="pixel size")
    slice_mm: float | None = Field(
        default=None, gt=0.2, le=30, description="distance between slices"
    )
    tumours: int | None = Field(
        default=None, ge=0, le=20, description="number of tumours; 0 for none"
    )
    orientation: str | None = Field(
        default=None, description='where the stored axes run to, for instance "LPS" or "RAS"'
    )
    field_of_view_circle: bool | None = Field(
        default=None, description="blank the corners outside the reconstruction circle"
    )
    noise_hu: float | None = Field(
        default=None, ge=0, le=100, description="noise in soft tissue, sd"
    )

    @classmethod
    def checked(cls, **values: object) -> PhantomOptions:
        """Options from a user's words.

        Raises:
            InputError: a value is out of its range.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            raise InputError(
                f"The phantom's {first['loc'][0]} is {first['input']!r}: {first['msg']}."
            ) from None

    @field_validator("orientation")
    @classmethod
    def _three_different_axes(cls, value: str | None) -> str | None:
        if value is None:
            return None
        value = value.upper()
        axes = {
            next((i for i, pair in enumerate(("RL", "AP", "SI")) if c in pair), c) for c in value
        }
        if len(value) != 3 or axes != {0, 1, 2}:
            raise ValueError(
                f'orientation "{value}" needs one letter of each of R/L, A/P and S/I, as in "LPS"'
            )
        nibabel.orientations.axcodes2ornt(value)
        return value
