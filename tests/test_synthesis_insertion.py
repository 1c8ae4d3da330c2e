"""Synthetic lesions lie in the liver, have the size and contrast asked for, and repeat."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from ynet3d.labels import Label
from ynet3d.recipes import Synthesis, TumourKinds
from ynet3d.synthesis import Lesion, draw_cyst, draw_lesion, draw_lesions, insert_lesions
from ynet3d.synthesis.fields import displacement, kernel_noise, smooth_field

SPACING = (4.0, 2.5, 2.5)
LIVER_HU, OTHER_HU = 105.0, -100.0
BALL = Lesion("hypodense", "round", 30.0, -40.0, 0.5, 0.5, 0.0)


def scan(noise: float = 0.0) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
    """An ellipsoid of a liver in fat."""
    z, y, x = np.mgrid[:28, :48, :48]
    inside = ((z - 14) / 12) ** 2 + ((y - 24) / 21) ** 2 + ((x - 24) / 21) ** 2 < 1
    label = inside.astype(np.uint8)
    hu = np.where(inside, LIVER_HU, OTHER_HU)
    hu = hu + np.random.default_rng(0).normal(0, noise, hu.shape) if noise else hu
    return hu.astype(np.float32), label


def inserted(
    seed: int, *lesions: Lesion, noise: float = 0.0, **options: object
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
    hu, label = scan(noise)
    return insert_lesions(
        hu,
        label,
        spacing=SPACING,
        generator=np.random.default_rng(seed),
        options=Synthesis.model_validate(options),
        lesions=lesions or None,
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31))
def test_nothing_outside_the_liver_changes(seed: int) -> None:
    hu, label = scan(8.0)
    made, marks = inserted(seed, noise=8.0, mass_effect_probability=0.0, tumours=(3, 3))
    outside = label == 0
    assert np.array_equal(made[outside], hu[outside])
    assert np.array_equal(marks > 0, label > 0)
    assert np.isfinite(made).all()


def test_what_was_given_stays_as_it_was() -> None:
    hu, label = scan()
    before = hu.copy(), label.copy()
    insert_lesions(
        hu, label, spacing=SPACING, generator=np.random.default_rng(0), options=Synthesis()
    )
    assert np.array_equal(hu, before[0])
    assert np.array_equal(label, before[1])


def test_volume_and_density_are_those_asked_for() -> None:
    volumes = []
    for seed in range(12):
        hu, label = inserted(seed, BALL)
        tumour = label == Label.TUMOUR
        volumes.append(tumour.sum() * np.prod(SPACING))
        assert np.median(hu[tumour]) == pytest.approx(LIVER_HU + BALL.contrast_hu, abs=9)
    # Some lie at the edge of the liver, and are cut there.
    assert np.max(volumes) == pytest.approx(np.pi / 6 * 30**3, rel=0.25)
    assert np.median(volumes) == pytest.approx(np.pi / 6 * 30**3, rel=0.3)


@pytest.mark.parametrize("diameter", [7.0, 10.0, 20.0])
def test_label_follows_the_diameter(diameter: float) -> None:
    lesion = dataclasses.replace(BALL, diameter_mm=diameter)
    volumes = [
        (inserted(seed, lesion)[1] == Label.TUMOUR).sum() * np.prod(SPACING) for seed in range(30)
    ]
    assert np.mean(volumes) == pytest.approx(np.pi / 6 * diameter**3, rel=0.35)


def test_tumours_lie_at_the_surface_and_amid_the_liver() -> None:
    """Half of the places are looked for at the surface; in the volume, small ones seldom are."""
    lesion = dataclasses.replace(BALL, diameter_mm=12.0)
    organ = scan()[1] > 0
    rim = organ & ~ndimage.binary_erosion(organ)
    touching = []
    for seed in range(60):
        tumour = inserted(seed, lesion)[1] == Label.TUMOUR
        assert tumour.any()
        touching.append(bool((tumour & rim).any()))
    assert 0.4 < np.mean(touching) < 0.8


def test_the_scans_noise_is_kept() -> None:
    lesion = dataclasses.replace(BALL, diameter_mm=50.0)
    hu, label = inserted(1, lesion, noise=12.0)
    tumour, liver = label == Label.TUMOUR, label == Label.LIVER

    def noise(mask: npt.NDArray[np.bool_]) -> float:
        both = mask[:, :, 2:] & mask[:, :, :-2]
        return float((hu[:, :, 2:] - hu[:, :, :-2])[both].std() / np.sqrt(2))

    assert noise(tumour) == pytest.approx(noise(liver), rel=0.25)


@pytest.mark.parametrize(
    ("kind", "darker"), [("necrotic", True), ("rim", False), ("calcified", False)]
)
def test_kinds_differ_from_plain_ones(kind: str, darker: bool) -> None:
    plain = dataclasses.replace(BALL, diameter_mm=40.0)
    hu, label = inserted(3, plain)
    other, same = inserted(3, dataclasses.replace(plain, kind=kind))
    tumour = (label == Label.TUMOUR) & (same == Label.TUMOUR)
    change = other[tumour] - hu[tumour]
    assert (np.quantile(change, 0.02) < -8) if darker else (np.quantile(change, 0.98) > 8)


def test_a_cyst_is_water_and_stays_liver() -> None:
    hu, label = inserted(
        0, dataclasses.replace(draw_cyst(np.random.default_rng(0)), diameter_mm=30)
    )
    assert not (label == Label.TUMOUR).any()
    water = hu[label == Label.LIVER] < 20
    assert water.sum() * np.prod(SPACING) == pytest.approx(np.pi / 6 * 30**3, rel=0.35)


def test_bright_vessels_keep_small_tumours_away() -> None:
    hu, label = scan()
    vessel = np.zeros(label.shape, bool)
    vessel[:, 20:28, 20:28] = True
    hu[vessel & (label > 0)] = LIVER_HU + 70
    small = dataclasses.replace(BALL, diameter_mm=10.0)
    for seed in range(20):
        _, marks = insert_lesions(
            hu,
            label,
            spacing=SPACING,
            generator=np.random.default_rng(seed),
            options=Synthesis(),
            lesions=[small] * 3,
        )
        assert not (marks[vessel] == Label.TUMOUR).any()


def test_mass_effect_pushes_outwards_and_folds_nothing() -> None:
    hu, label = scan()
    hu[:, :, 30:32] = LIVER_HU + 10  # a plane beside where lesions may lie
    pushing = dataclasses.replace(BALL, mass_effect=0.3)
    liver = [int((inserted(seed, pushing)[1] > 0).sum()) for seed in range(8)]
    assert min(liver) >= int((label > 0).sum())
    assert max(liver) > int((label > 0).sum())


def test_same_seed_same_lesions_and_another_seed_others() -> None:
    first, again, other = (inserted(seed, noise=8.0) for seed in (4, 4, 5))
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])


def test_without_liver_nothing_happens() -> None:
    hu, label = np.zeros((8, 8, 8), np.float32), np.zeros((8, 8, 8), np.uint8)
    made, marks = insert_lesions(
        hu, label, spacing=SPACING, generator=np.random.default_rng(0), options=Synthesis()
    )
    assert np.array_equal(made, hu)
    assert not marks.any()


def test_sizes_are_drawn_as_the_recipe_says() -> None:
    generator = np.random.default_rng(0)
    options = Synthesis(diameter_mm=(5, 40), diameter_median_mm=12)
    sizes = np.array([draw_lesion(generator, options).diameter_mm for _ in range(2000)])
    assert np.median(sizes) == pytest.approx(12, rel=0.06)
    assert sizes.min() == 5
    assert sizes.max() == 40
    assert 0.3 < (sizes < 10).mean() < 0.5
    kinds = TumourKinds(hypodense=0, necrotic=0, rim=0, hyperdense=1, capsule=0, calcified=0)
    bright = [draw_lesion(generator, Synthesis(kinds=kinds)) for _ in range(50)]
    assert {lesion.kind for lesion in bright} == {"hyperdense"}
    assert min(lesion.contrast_hu for lesion in bright) > 0


def test_probabilities() -> None:
    generator = np.random.default_rng(0)
    none = [draw_lesions(generator, Synthesis()) for _ in range(50)]
    assert not any(none)
    often = [draw_lesions(generator, Synthesis(tumour_probability=0.5)) for _ in range(400)]
    assert np.mean([bool(lesions) for lesions in often]) == pytest.approx(0.5, abs=0.08)
    cysts = draw_lesions(generator, Synthesis(cyst_probability=1.0))
    assert [lesion.kind for lesion in cysts] == ["cyst"]


def test_fields_have_unit_variance() -> None:
    generator = np.random.default_rng(0)
    smooth = smooth_field(generator, (40, 60, 50), (3, 4, 5))
    noise = kernel_noise(generator, (40, 60, 50), smoothness=(0.2, 0.4, 0.4))
    assert smooth.std() == pytest.approx(1, abs=0.08)
    assert noise[2:-2, 2:-2, 2:-2].std() == pytest.approx(1, abs=0.02)
    pairs = np.corrcoef(noise[:, :, 1:].ravel(), noise[:, :, :-1].ravel())[0, 1]
    assert pairs == pytest.approx(2 * 0.4 / (1 + 2 * 0.4**2), abs=0.03)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([30.0, 60.0]))
def test_displacements_never_fold(seed: int, scale: float) -> None:
    """Positive Jacobian determinant everywhere, even for the largest amplitude accepted."""
    spacing = (4.0, 2.5, 2.5)
    field = displacement(
        np.random.default_rng(seed), (12, 20, 20), spacing=spacing, scale_mm=scale, amplitude_mm=99
    )
    assert np.abs(field).max() > 1
    rows = [np.stack(np.gradient(part, *spacing)) for part in field]
    jacobian = np.stack(rows) + np.eye(3)[:, :, None, None, None]
    assert np.linalg.det(np.moveaxis(jacobian, (0, 1), (-2, -1))).min() > 0
