"""CT from label maps: what is known stays, what is made up stays outside of it, labels fit."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from command_line import left_in, run
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from small_runs import small_recipe, write_small_dataset

from ynet3d.errors import InputError
from ynet3d.labels import Label
from ynet3d.progress import Progress
from ynet3d.recipes import Recipe
from ynet3d.synthesis import MaskSource, Synthesiser, find_masks, prepare_maps
from ynet3d.synthesis.appearance import Appearance, draw_appearance
from ynet3d.synthesis.mask_reading import Structures, read_ircadb_structures
from ynet3d.synthesis.rendering import Scanner, _coordinates, draw_scanner, render
from ynet3d.synthesis.surroundings import complete
from ynet3d.synthesis.tissues import LIVER_RANGE, Tissue, structure_of_name

SPACING = (8.0, 5.0, 5.0)
STILL = Scanner(
    noise_hu=0.0,
    smoothness=(0, 0, 0),
    slice_blur=0,
    blur=0,
    table=False,
    turn_degrees=(0, 0, 0),
    scale=(1, 1, 1),
    bend_mm=0,
    bend_scale_mm=50,
)


def structures() -> Structures:
    """A body with a spine, a liver on the patient's right, and a tumour and a vessel in it."""
    z, y, x = np.mgrid[:24, :56, :72]

    def ellipsoid(centre: tuple[int, ...], radii: tuple[int, ...]) -> npt.NDArray[np.bool_]:
        parts = zip((z, y, x), centre, radii, strict=True)
        return np.asarray(sum(((a - c) / r) ** 2 for a, c, r in parts) < 1)

    liver = ellipsoid((12, 24, 22), (9, 14, 13))
    return Structures(
        SPACING,
        {
            "body": ((y - 28) / 25.0) ** 2 + ((x - 36) / 33.0) ** 2 < 1,
            "bone": (((y - 38) / 4.0) ** 2 + ((x - 36) / 4.0) ** 2 < 1),
            "liver": liver,
            "tumour": ellipsoid((12, 24, 20), (3, 4, 4)),
            "portal": liver & (np.abs(y - 28) < 2) & (np.abs(z - 8) < 1),
            "spleen": ellipsoid((14, 36, 56), (4, 5, 4)),
        },
    )


def is_liver(tissue: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    low, high = LIVER_RANGE
    return (tissue >= low) & (tissue <= high)


@pytest.mark.parametrize(
    ("name", "structure"),
    [
        ("skin", "body"),
        ("livertumor01", "tumour"),
        ("livertumors", "tumour"),
        ("liverkyste", "cyst"),
        ("liver", "liver"),
        ("portalvein1", "portal"),
        ("venacava", "vein"),
        ("venoussystem", "vein"),
        ("leftsurretumor", "adrenal"),
        ("tumor", "adrenal"),
        ("rightkidney", "kidney"),
        ("metastasectomie", None),
    ],
)
def test_names_of_masks(name: str, structure: str | None) -> None:
    assert structure_of_name(name) == structure


def test_what_is_known_stays() -> None:
    found = structures()
    tissue = complete(found, np.random.default_rng(0))
    assert tissue.shape == found.shape
    assert np.array_equal(is_liver(tissue), found.masks["liver"] | found.masks["tumour"])
    assert np.array_equal(tissue == Tissue.TUMOUR, found.masks["tumour"])
    inner = found.masks["spleen"] & ~found.masks["liver"]
    assert (tissue[inner] == Tissue.SPLEEN).mean() > 0.95
    assert (tissue[~found.masks["body"] & ~found.masks["liver"]] == Tissue.AIR).all()
    assert (tissue[found.masks["body"]] != Tissue.AIR).all()
    for made_up in (Tissue.LUNG, Tissue.MUSCLE, Tissue.FAT, Tissue.KIDNEY, Tissue.CONTENT):
        assert (tissue == made_up).any(), made_up


def test_completion_repeats_and_varies() -> None:
    first, again, other = (
        complete(structures(), np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_liver_alone_gets_a_body() -> None:
    full = structures()
    alone = Structures(SPACING, {"liver": full.masks["liver"]})
    tissue = complete(alone, np.random.default_rng(0))
    assert is_liver(tissue).sum() == full.masks["liver"].sum()
    assert (tissue == Tissue.BONE).any() or (tissue == Tissue.MARROW).any()
    body = tissue != Tissue.AIR
    assert body.sum() > 5 * is_liver(tissue).sum()
    # No liver at the surface of the body.
    assert (tissue[:, 0] == Tissue.AIR).all()
    assert (tissue[:, :, 0] == Tissue.AIR).all()


def test_a_hole_in_the_liver_is_no_fat() -> None:
    found = structures()
    hole = np.zeros(found.shape, bool)
    hole[10:14, 23:25, 18:20] = True
    masks = {"liver": found.masks["liver"] & ~hole, "body": found.masks["body"]}
    tissue = complete(Structures(SPACING, masks), np.random.default_rng(0))
    assert np.isin(tissue[hole], (Tissue.VEIN, Tissue.GALLBLADDER)).all()


def plain(appearance: Appearance) -> Appearance:
    return dataclasses.replace(appearance, grain=np.zeros_like(appearance.grain))


def test_density_and_labels_without_noise_and_pose() -> None:
    found = structures()
    tissue = complete(found, np.random.default_rng(0))
    appearance = plain(draw_appearance(np.random.default_rng(0), tumour_contrast=-40))
    hu, label = render(
        tissue,
        tissue_spacing=SPACING,
        centre=tuple(n / 2 - 0.5 for n in tissue.shape),  # type: ignore[arg-type]  # three axes
        shape=found.shape,  # type: ignore[arg-type]  # three axes
        spacing=SPACING,
        appearance=appearance,
        scanner=STILL,
        generator=np.random.default_rng(1),
    )
    assert np.array_equal(label > 0, is_liver(tissue))
    assert np.array_equal(label == Label.TUMOUR, tissue == Tissue.TUMOUR)
    for kind in (Tissue.SPLEEN, Tissue.TUMOUR, Tissue.AIR, Tissue.MUSCLE):
        values = hu[tissue == kind]
        assert np.median(values) == pytest.approx(float(appearance.hu[kind]), abs=1), kind


def test_tumours_of_the_map_can_be_left_out() -> None:
    tissue = complete(structures(), np.random.default_rng(0))
    generator = np.random.default_rng(3)
    appearance = draw_appearance(generator, tumour_contrast=-40, keep_tumours=False)
    assert appearance.hu[Tissue.TUMOUR] == appearance.hu[Tissue.LIVER]
    _, label = render(
        tissue,
        tissue_spacing=SPACING,
        centre=(12, 28, 30),
        shape=(20, 40, 40),
        spacing=SPACING,
        appearance=appearance,
        scanner=draw_scanner(generator),
        generator=generator,
        keep_tumours=False,
    )
    assert set(np.unique(label)) == {Label.BACKGROUND, Label.LIVER}


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31))
def test_poses_fold_nothing(seed: int) -> None:
    """The determinant of the Jacobian from picture to patient is positive everywhere."""
    generator = np.random.default_rng(seed)
    scanner = dataclasses.replace(draw_scanner(generator), bend_mm=99.0)
    shape, spacing = (10, 24, 24), (4.0, 2.5, 2.5)
    where = _coordinates(shape, spacing, scanner, generator).reshape(3, *shape)
    jacobian = np.stack([np.stack(np.gradient(part, *spacing)) for part in where])
    assert np.linalg.det(np.moveaxis(jacobian, (0, 1), (-2, -1))).min() > 0


def test_phases() -> None:
    generator = np.random.default_rng(0)
    drawn = [draw_appearance(generator, tumour_contrast=-30) for _ in range(300)]
    phases = [each.phase for each in drawn]
    assert 0.5 < phases.count("portal") / 300 < 0.75
    for each in drawn:
        vessel, liver = each.hu[Tissue.PORTAL], each.hu[Tissue.LIVER]
        assert (vessel < liver) == (each.phase == "native")
        assert each.hu[Tissue.FAT] < 0 < each.hu[Tissue.MUSCLE] < each.hu[Tissue.BONE]


def synthetic_recipe(**synthesis: object) -> Recipe:
    return small_recipe(
        preprocessing={"window_hu": [-100, 200], "size": None, "spacing_mm": [8, 6, 6]},
        patches={"size": [12, 16, 16]},
        synthesis=synthesis,
    )


def test_samples_from_maps_repeat_and_fit_the_recipe(tmp_path: Path) -> None:
    folder = write_small_dataset(tmp_path / "data", cases=2)
    maps = prepare_maps(find_masks(folder), tmp_path / "cache", progress=Progress(quiet=True))
    again = prepare_maps(find_masks(folder), tmp_path / "cache", progress=Progress(quiet=True))
    assert [one.folder for one in maps] == [one.folder for one in again]
    change = Synthesiser.of(synthetic_recipe(whole_probability=1.0, tumour_probability=0.5), maps)
    empty = np.zeros((12, 16, 16), np.float32), np.zeros((12, 16, 16), np.uint8)
    seen = [change(*empty, np.random.default_rng(seed)) for seed in (0, 0, 1, 2, 3)]
    for image, label in seen:
        assert image.shape == label.shape == (12, 16, 16)
        assert image.dtype == np.float32
        assert label.dtype == np.uint8
        assert 0 <= image.min() < image.max() <= 1
        assert label.max() <= Label.TUMOUR
    assert any(label.any() for _, label in seen)
    assert np.array_equal(seen[0][0], seen[1][0])
    assert not np.array_equal(seen[1][0], seen[2][0])


def test_patients_can_be_left_out(tmp_path: Path) -> None:
    folder = write_small_dataset(tmp_path / "data", cases=3)
    names = [source.name for source in find_masks(folder, leave_out=["volume-1"])]
    assert names == ["volume-0", "volume-2"]
    with pytest.raises(InputError, match=r"no masks of volume-9, only of volume-0"):
        find_masks(folder, leave_out=["volume-9"])


def test_synthesis_needs_millimetres() -> None:
    with pytest.raises(ValueError, match=r"preprocessing\.spacing_mm"):
        small_recipe(synthesis={"tumour_probability": 0.5})
    assert not small_recipe().synthesis.wanted


def test_preview_sheet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_small_dataset(tmp_path / "data", cases=2)
    words = ("synth", "preview", folder, "--masks", folder, "--count", 1, "-q")
    assert run(capsys, *words, "-o", tmp_path / "sheet.png").code == 0
    assert run(capsys, *words, "-o", tmp_path / "again.png").code == 0
    assert (tmp_path / "sheet.png").read_bytes() == (tmp_path / "again.png").read_bytes()
    assert {"sheet.png", "again.png"} == {name for name in left_in(tmp_path) if "data" not in name}
    outcome = run(capsys, "synth", "preview", "-o", tmp_path / "none.png", "-q")
    outcome.assert_refused(match="nothing to show")


def test_a_run_with_synthesis_repeats(tmp_path: Path) -> None:
    """Wholly synthetic samples come from the labels, where no masks are given."""
    from ynet3d.datasets import open_dataset
    from ynet3d.training import TrainingData, train

    cases = open_dataset(write_small_dataset(tmp_path / "data", cases=3)).cases
    recipe = synthetic_recipe(whole_probability=0.5, tumour_probability=0.5)
    data = TrainingData("small", cases[:2], cases[2:])
    for name in ("one", "other"):
        train(
            data,
            tmp_path / name,
            recipe,
            device="cpu",
            cache=tmp_path / "cache",
            progress=Progress(quiet=True),
        )
    first, second = (load_file(tmp_path / name / "last.safetensors") for name in ("one", "other"))
    assert all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.real
def test_real_masks(real_data: Path) -> None:
    """The liver of 3D-IRCADb 10 has the volume of LiTS 37, which is the same patient."""
    path = real_data / "3dircadb01" / "3Dircadb1.10" / "MASKS_DICOM.zip"
    found = read_ircadb_structures(path, spacing=(2.0, 1.25, 1.25))
    ml = float((found.masks["liver"] | found.masks["tumour"]).sum() * 2 * 1.25**2 / 1000)
    assert ml == pytest.approx((234071 + 1935) * 1.472**2 * 3.2 / 1000, rel=0.02)
    assert MaskSource("3Dircadb1.10", masks=path).fingerprint()
