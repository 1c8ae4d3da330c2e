"""What a recipe may say. Sizes and spacings are in network order (D, H, W): slices to the head,
rows to the back, columns to the left.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]
Size = tuple[PositiveInt, PositiveInt, PositiveInt]


def _one_sentence(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    """Say what an option may be, instead of what each member of the union would have wanted."""
    try:
        return validate(value)
    except ValidationError:
        raise ValueError(
            "an option is a number, a text, true or false, a list of them or of such lists"
        ) from None


Scalar = int | float | bool | str
#: A network's option; lists become tuples, so that a recipe stays frozen.
Option = Annotated[Scalar | tuple[Scalar | tuple[Scalar, ...], ...], WrapValidator(_one_sentence)]


def _each_once(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(values)) < len(values):
        raise ValueError("expected each value once")
    return values


def _losses(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    try:
        checked = validate(value)
    except ValidationError:
        checked = {}
    if not checked or (isinstance(checked, dict) and set(checked) == {"blob"}):
        raise ValueError(
            "a loss is dice_cross_entropy, dice, cross_entropy, focal or tversky, or several with "
            "their weights above 0, as {dice: 1, focal: 0.5, blob: 1}; blob not alone, as it "
            "knows tumours only"
        )
    return checked


LossName = Literal["dice", "cross_entropy", "focal", "tversky", "blob"]
#: One loss by name, or the sum of several with their weights.
Loss = Annotated[
    Literal["dice_cross_entropy", "dice", "cross_entropy", "focal", "tversky"]
    | dict[LossName, PositiveFloat],
    WrapValidator(_losses),
]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class NetworkChoice(_Frozen):
    """Which network, by its registered name, with its own options."""

    name: str = "3dynet"
    options: dict[str, Option] = Field(default_factory=dict)
    initialisation: Literal["he_normal", "default"] = "he_normal"


class Preprocessing(_Frozen):
    """Source grid to network grid; the same at training and at prediction."""

    window_hu: tuple[float, float] = (-175.0, 250.0)  # mapped to [0, 1], clipped outside
    size: Size | None = (64, 256, 256)  # resize every scan to this many voxels (the paper) ...
    spacing_mm: tuple[PositiveFloat, PositiveFloat, PositiveFloat] | None = None  # ... or to this
    #: Only the liver's box, wider by this on all sides: for the second stage (`--refine`).
    crop_to_liver_mm: Annotated[float, Field(ge=0.0)] | None = None

    @model_validator(mode="after")
    def _check(self) -> Preprocessing:
        low, high = self.window_hu
        if low >= high:
            raise ValueError(f"window_hu is [{low}, {high}], expected [lower, higher]")
        if (self.size is None) == (self.spacing_mm is None):
            raise ValueError("give either size or spacing_mm, and set the other to null")
        return self


class Augmentation(_Frozen):
    """Random changes of each training sample, on the fly. All zero: none."""

    flip_probability: Probability = 0.0  # for each axis
    affine_probability: Probability = 0.0
    shift_fraction: Fraction = 0.0  # of the size along each axis, either way
    scale_fraction: Fraction = 0.0  # 0.1: between 0.9 and 1.1 times as large
    rotation_degrees: Annotated[float, Field(ge=0.0, le=180.0)] = 0.0  # about each axis
    intensity_shift: Fraction = 0.0  # of the window's width
    intensity_shift_probability: Probability = 0.0
    noise: Fraction = 0.0  # standard deviation at most, of the window's width
    noise_probability: Probability = 0.0
    low_resolution_probability: Probability = 0.0  # resampled to half and back ("resampling")
    gamma: Annotated[float, Field(ge=0.0)] = 0.0  # 0.5: grey values to a power in [1/1.5, 1.5]
    gamma_probability: Probability = 0.0
    contrast: Annotated[float, Field(ge=0.0)] = 0.0  # 0.5: [1/1.5, 1.5] times as far from the mean
    contrast_probability: Probability = 0.0
    brightness: Annotated[float, Field(ge=0.0)] = 0.0  # 0.5: grey values times [1/1.5, 1.5]
    brightness_probability: Probability = 0.0
    blur_voxels: Annotated[float, Field(ge=0.0, le=5.0)] = 0.0  # standard deviation at most
    blur_probability: Probability = 0.0


class Patches(_Frozen):
    """Train on patches and predict by sliding window, instead of whole scans."""

    size: Size = (64, 128, 128)
    per_case: PositiveInt = 1  # patches taken from each scan in one epoch
    liver_probability: Probability = 0.33  # centred on a liver voxel
    tumour_probability: Probability = 0.33  # centred on a tumour voxel, where the scan has one

    @model_validator(mode="after")
    def _check(self) -> Patches:
        total = self.liver_probability + self.tumour_probability
        if total > 1:
            raise ValueError(f"liver_probability + tumour_probability is {total:.3g}, at most 1")
        return self


class Training(_Frozen):
    """Loss, optimiser, schedule and length."""

    epochs: PositiveInt = 500
    minutes: PositiveFloat | None = None  # ends the run (annealed) even if epochs are left
    batch_size: PositiveInt = 1  # of a step: of all processes and passes together
    #: At most so many samples go through the network at once; the rest of a process's part of the
    #: batch goes in further passes whose gradients add up. None: all at once.
    micro_batch_size: PositiveInt | None = None
    learning_rate: PositiveFloat = 1e-4
    weight_decay: Annotated[float, Field(ge=0.0)] = 0.0
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    loss: Loss = "dice_cross_entropy"  # or losses and their weights: {dice: 1, focal: 0.5}
    dice_includes_background: bool = True  # Tversky as well
    dice_over_batch: bool = False  # one Dice over all samples of the batch; Tversky as well
    focal_gamma: Annotated[float, Field(ge=0.0)] = 2.0  # 0: cross-entropy
    tversky_alpha: PositiveFloat = 0.3  # weight of what is claimed but is not there
    tversky_beta: PositiveFloat = 0.7  # weight of what is there but is not found
    class_weights: tuple[PositiveFloat, PositiveFloat, PositiveFloat] = (1.0, 1.0, 1.0)
    gradient_clip: PositiveFloat | None = None  # largest norm of the gradient
    ema_decay: Fraction = 0.0  # exponential moving average of the weights; 0: none
    validate_every: PositiveInt = 1  # epochs
    mixed_precision: bool = True  # bfloat16, where the device computes in it
    #: Compute maps twice instead of keeping them: less memory, longer steps, the same gradients.
    checkpoint_activations: bool | Literal["auto"] = "auto"  # auto: if they would fill half a GPU
    deep_supervision: bool = False  # the decoder's coarser stages learn the label as well
    seed: Annotated[int, Field(ge=0)] = 0

    @property
    def loss_weights(self) -> dict[str, float]:
        """Each loss that is trained on, and its weight in the sum."""
        if isinstance(self.loss, str):
            names = ["dice", "cross_entropy"] if self.loss == "dice_cross_entropy" else [self.loss]
            return dict.fromkeys(names, 1.0)
        return {str(name): weight for name, weight in self.loss.items()}


Weight = Annotated[float, Field(ge=0.0)]


class TumourKinds(_Frozen):
    """How often each look of an inserted tumour is drawn, relative to the others."""

    hypodense: Weight = 5.0
    necrotic: Weight = 1.5  # a darker core
    rim: Weight = 1.5  # hypodense with an enhancing rim
    hyperdense: Weight = 1.2
    capsule: Weight = 0.5  # a thin bright capsule
    calcified: Weight = 0.3

    @model_validator(mode="after")
    def _check(self) -> TumourKinds:
        if not any(self.model_dump().values()):
            raise ValueError("all kinds have weight 0, expected at least one above 0")
        return self


class Synthesis(_Frozen):
    """Synthetic tumours in the training samples, and wholly synthetic samples. All zero: none."""

    tumour_probability: Probability = 0.0  # that a sample with liver gets tumours
    tumours: tuple[PositiveInt, PositiveInt] = (1, 4)  # fewest and most in a sample
    diameter_mm: tuple[PositiveFloat, PositiveFloat] = (4.0, 70.0)
    diameter_median_mm: PositiveFloat = 12.0  # of a log-normal distribution ...
    diameter_spread: PositiveFloat = 0.65  # ... and its standard deviation, of the logarithm
    contrast_hu: tuple[PositiveFloat, PositiveFloat] = (10.0, 65.0)  # against the liver, either way
    kinds: TumourKinds = TumourKinds()
    mass_effect_probability: Probability = 0.3  # that a tumour of 15 mm or more displaces the liver
    cyst_probability: Probability = 0.0  # that a sample with liver gets a cyst, which is liver
    fatty_probability: Probability = 0.0  # that a real sample's liver loses density to fat
    whole_probability: Probability = 0.0  # that a sample is made from a label map alone

    @model_validator(mode="after")
    def _check(self) -> Synthesis:
        for name in ("tumours", "diameter_mm", "contrast_hu"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} is [{low}, {high}], expected [least, most]")
        return self

    @property
    def wanted(self) -> bool:
        """Whether any sample is changed."""
        return any(
            (
                self.tumour_probability,
                self.cyst_probability,
                self.fatty_probability,
                self.whole_probability,
            )
        )


class Inference(_Frozen):
    """How a trained network is applied."""

    overlap: Fraction = 0.25  # of neighbouring windows, when the recipe has patches
    window_weights: Literal["gaussian", "constant"] = "gaussian"  # of voxels in a window
    #: Mean over the image and its mirror images along these axes: 2, 4 or 8 times the work.
    mirror: Annotated[tuple[Literal["D", "H", "W"], ...], AfterValidator(_each_once)] = ()
    #: Weights that hold several networks: the first sees the whole scan, the others what is no
    #: further than this from the liver it finds; None: all see all.
    others_around_liver_mm: PositiveFloat | None = 30.0
    tumour_bias: float = 0.0  # added to the logit of tumour; above 0: more tumour
    #: Logits are divided by it before confidence is told (Guo et al. 2017); masks do not change.
    temperature: PositiveFloat = 1.0
    largest_liver_component: bool = False  # keep the largest connected organ only
    tumours_inside_liver: bool = False  # drop those of which most lies outside the closed liver
    minimum_tumour_ml: Annotated[float, Field(ge=0.0)] = 0.0  # smaller tumours become liver


class Recipe(_Frozen):
    """Everything that decides a run, saved beside its results."""

    name: str
    about: str = ""
    network: NetworkChoice = NetworkChoice()
    preprocessing: Preprocessing = Preprocessing()
    augmentation: Augmentation = Augmentation()
    patches: Patches | None = None
    synthesis: Synthesis = Synthesis()
    training: Training = Training()
    inference: Inference = Inference()

    @model_validator(mode="after")
    def _synthesis_knows_millimetres(self) -> Recipe:
        if self.synthesis.wanted and self.preprocessing.spacing_mm is None:
            raise ValueError(
                "synthesis draws in millimetres: give preprocessing.spacing_mm, and set "
                "preprocessing.size to null"
            )
        return self
