"""One phantom: a patient drawn from a seed, scanned as the options say."""

from __future__ import annotations

from dataclasses import dataclass

import nibabel
import numpy as np
import numpy.typing as npt

from ynet3d.labels import Label
from ynet3d.phantoms.body import Body
from ynet3d.phantoms.fields import FloatArray, resample, resampling_matrix
from ynet3d.phantoms.liver import Tumour, paint_liver, place_tumours
from ynet3d.phantoms.options import PhantomOptions
from ynet3d.phantoms.organs import paint_organs
from ynet3d.phantoms.scanner import add_noise, paint_table
from ynet3d.phantoms.scene import Pose, Scene
from ynet3d.phantoms.skeleton import paint_skeleton
from ynet3d.phantoms.trunk import paint_trunk
from ynet3d.volumes.orientation import Reorientation
from ynet3d.volumes.volume import Volume

ORIENTATIONS = ("LPS", "RAS", "LAS", "RPS", "LPI", "RAI")
#: Streams of random numbers, one a concern, so that an option never changes what it does not name.
_BODY, _POSE, _TRUNK, _BONES, _ORGANS, _LIVER, _TUMOURS, _SCAN, _NOISE = range(9)


@dataclass(frozen=True, eq=False)
class Phantom:
    """A CT made by procedure, and the truth about it.

    Attributes:
        image: int16, HU.
        label: uint8, 0 background, 1 liver, 2 tumour, on the same grid.
        tumours: the tumours drawn (a small one may fall between thick slices).
        liver_ml: label 1 and 2 together.
        tumour_ml: label 2.
        seed: what it was made from.
    """

    image: Volume
    label: Volume
    tumours: tuple[Tumour, ...]
    liver_ml: float
    tumour_ml: float
    seed: int


@dataclass(frozen=True)
class _Grid:
    """Centres of the voxels in scanner mm, canonical order (z up, y to the back, x to the left)."""

    z: FloatArray
    y: FloatArray
    x: FloatArray
    spacing: tuple[float, float, float]


def make_phantom(seed: int, options: PhantomOptions | None = None) -> Phantom:
    """Make the abdominal CT of patient `seed`: the same seed and options give the same voxels."""
    options = options or PhantomOptions()

    def stream(concern: int) -> np.random.Generator:
        return np.random.default_rng([seed, concern])

    body = Body(stream(_BODY))
    pose = Pose(stream(_POSE))
    liver_ml = float(np.clip(stream(_LIVER).normal(1480, 240), 1080, 2000))
    body.fit_liver(liver_ml / pose.volume_scale)
    tumours = place_tumours(body, stream(_TUMOURS), options.tumours)
    scan = stream(_SCAN)
    grid, orientation = _choose_grid(options, body, pose, scan)

    scene = Scene(pose, *_coarse_axes(grid))
    trunk = paint_trunk(scene, body, stream(_TRUNK))
    paint_organs(scene, body, trunk, stream(_ORGANS))
    paint_skeleton(scene, body, stream(_BONES))
    liver, tumour = paint_liver(scene, body, trunk, tumours, stream(_LIVER))

    fine = (grid.z, grid.y, grid.x)
    matrices = tuple(
        resampling_matrix(coarse, target, step)
        for coarse, target, step in zip(scene.axes, fine, grid.spacing, strict=True)
    )
    along_z, along_y, along_x = matrices
    label = _labels(liver, tumour, (along_z, along_y, along_x))
    hu = resample(scene.hu, (along_z, along_y, along_x))
    back = scene.axes[1][np.flatnonzero((trunk.skin < 0).any(axis=(0, 2)))[-1]]
    paint_table(hu, grid.y, grid.x, float(back) + 3)
    radius = np.hypot(grid.y[:, None] - pose.shift[1], grid.x[None, :] - pose.shift[2])
    strength = (0.45 + 0.65 * np.exp(-((radius / 120) ** 2))).astype(np.float32)
    noise = scan.uniform(8, 18) if options.noise_hu is None else options.noise_hu
    add_noise(hu, stream(_NOISE), sd_hu=noise, spacing_mm=grid.spacing, attenuation=strength)
    circle = scan.random() < 0.3
    if circle if options.field_of_view_circle is None else options.field_of_view_circle:
        centre = np.hypot(grid.y - grid.y.mean(), 0)[:, None], (grid.x - grid.x.mean())[None, :]
        outside = np.hypot(*centre) > (grid.x[-1] - grid.x[0]) / 2
        hu[:, outside] = -1024
    image = np.clip(np.rint(hu), -1024, 3071).astype(np.int16)
    return _store(image, label, grid, orientation, seed, tumours)


def _choose_grid(
    options: PhantomOptions, body: Body, pose: Pose, rng: np.random.Generator
) -> tuple[_Grid, str]:
    width = body.width_mm * 1.06 * rng.uniform(1.03, 1.2)
    slice_mm = float(rng.choice((1.5, 2.0, 2.5, 3.0, 4.0, 5.0), p=(0.1, 0.2, 0.3, 0.15, 0.1, 0.15)))
    length = rng.uniform(245, 285)
    top = rng.uniform(18, 50)
    orientation = str(rng.choice(ORIENTATIONS))
    centre = pose.shift[1:] + rng.normal(0, 4, 2)
    pixel = options.pixel_mm or float(np.clip(width, 0.65 * 512, 0.9 * 512)) / options.matrix
    length = options.coverage_mm or length
    if options.slice_mm is None and options.slices is not None:
        slice_mm = length / options.slices
    slice_mm = options.slice_mm or slice_mm
    slices = options.slices or max(4, round(length / slice_mm))
    across = (np.arange(options.matrix) - (options.matrix - 1) / 2) * pixel
    z = top + pose.shift[0] - slice_mm * np.arange(slices)[::-1]
    grid = _Grid(
        z.astype(np.float32),
        (across + centre[0]).astype(np.float32),
        (across + centre[1]).astype(np.float32),
        (slice_mm, pixel, pixel),
    )
    return grid, options.orientation or orientation


def _coarse_axes(grid: _Grid) -> tuple[FloatArray, FloatArray, FloatArray]:
    """A grid of 1.6 to 3 mm, over the same box: finer would only cost time."""
    axes = []
    for axis, (values, step) in enumerate(zip((grid.z, grid.y, grid.x), grid.spacing, strict=True)):
        coarse = min(max(step, 2.2 if axis == 0 else 1.6), 3.0)
        low, high = float(values[0]) - step, float(values[-1]) + step
        count = int(np.ceil((high - low) / coarse)) + 1
        axes.append((low + coarse * np.arange(count)).astype(np.float32))
    z, y, x = axes
    return z, y, x


def _labels(
    liver: FloatArray, tumour: FloatArray, matrices: tuple[FloatArray, FloatArray, FloatArray]
) -> npt.NDArray[np.uint8]:
    label = (resample(liver, matrices) >= 0.5).astype(np.uint8) * np.uint8(Label.LIVER)
    if tumour.any():
        label[(resample(tumour, matrices) >= 0.5) & (label > 0)] = Label.TUMOUR
    return label


def _store(
    image: npt.NDArray[np.int16],
    label: npt.NDArray[np.uint8],
    grid: _Grid,
    orientation: str,
    seed: int,
    tumours: list[Tumour],
) -> Phantom:
    """Put canonical arrays into the stored order of axes, with the affine that says so."""
    canonical = np.zeros((4, 4))
    # Canonical axes run (S, P, L); the world is RAS+.
    canonical[2, 0], canonical[1, 1], canonical[0, 2] = (
        grid.spacing[0],
        -grid.spacing[1],
        -grid.spacing[2],
    )
    canonical[:, 3] = (-float(grid.x[0]), -float(grid.y[0]), float(grid.z[0]), 1)
    transform = nibabel.orientations.ornt_transform(
        nibabel.orientations.io_orientation(canonical),
        nibabel.orientations.axcodes2ornt(orientation),
    )
    affine = canonical @ nibabel.orientations.inv_ornt_aff(transform, image.shape)

    def stored(array: npt.NDArray) -> npt.NDArray:
        turned = nibabel.orientations.apply_orientation(array, transform)
        return np.ascontiguousarray(turned)

    name = f"phantom, seed {seed}"
    volume = Volume(stored(image), affine, name)
    truth = Volume(stored(label), affine, name)
    assert Reorientation.of(affine).apply(volume.array).shape == image.shape
    voxel = volume.voxel_ml
    return Phantom(
        image=volume,
        label=truth,
        tumours=tuple(tumours),
        liver_ml=float(np.count_nonzero(label)) * voxel,
        tumour_ml=float(np.count_nonzero(label == Label.TUMOUR)) * voxel,
        seed=seed,
    )
