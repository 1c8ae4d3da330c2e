"""Surfaces: closed, of the mask's volume, where the affine says; every file read by trimesh."""

from __future__ import annotations

import itertools
import json
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from command_line import left_in, run
from hypothesis import given, settings
from hypothesis import strategies as st
from lesion_cases import Mask, affines, masks
from scipy import ndimage

from ynet3d.errors import MissingExtraError
from ynet3d.meshes import FORMATS, Surface, closed_surface, surfaces_of
from ynet3d.pipelines.meshes import write_meshes
from ynet3d.volumes import Volume, in_lps, write_label

OBLIQUE = np.array([[0.96, -0.28, 0.0], [0.28, 0.96, 0.0], [0.0, 0.0, 1.0]])
TO_LPS = np.array([-1.0, -1.0, 1.0])
CENTRE = np.array([30.0, -45.0, 120.0])  # RAS+


def as_trimesh(surface: Surface) -> trimesh.Trimesh:
    return trimesh.Trimesh(surface.vertices, surface.faces)


def affine_of(directions: np.ndarray) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = directions
    return affine


def ellipsoid(directions: np.ndarray, axes: tuple[float, float, float]) -> Volume:
    """One with these half axes in patient mm around CENTRE, on a grid with these voxel edges."""
    shape = np.ceil(2 * (max(axes) + 3) / np.linalg.norm(directions, axis=0)).astype(int)
    affine = affine_of(directions)
    affine[:3, 3] = CENTRE - directions @ ((shape - 1) / 2)
    places = np.moveaxis(np.indices(shape), 0, -1) @ directions.T + affine[:3, 3] - CENTRE
    return Volume((np.linalg.norm(places / axes, axis=-1) <= 1).astype(np.uint8), affine)


def mask_mm3(volume: Volume) -> float:
    return 1000 * volume.voxel_ml * int(np.count_nonzero(volume.array))


@pytest.mark.parametrize(
    "directions",
    [
        OBLIQUE @ np.diag([0.9, 0.9, 1.5]),
        np.diag([-0.8, -0.8, 5.0]),
        np.diag([0.7, -0.7, 2.5])[:, [2, 0, 1]],
        np.diag([2.0, 2.0, 2.0]),
    ],
)
def test_ellipsoids(directions: np.ndarray) -> None:
    """Closed, of the mask's volume, and each vertex near the true surface in LPS mm."""
    axes = (26.0, 18.0, 21.0)
    volume = ellipsoid(directions, axes)
    surface = closed_surface(volume.array > 0, volume.affine, grid_mm=1.5, most_triangles=3000)
    mesh = as_trimesh(surface)
    assert surface.closed
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.body_count == 1
    assert mesh.volume == pytest.approx(mask_mm3(volume), rel=0.01)  # positive: outwards
    assert 1500 < len(surface.faces) <= 3000
    assert mesh.centroid == pytest.approx(CENTRE * TO_LPS, abs=0.3)
    radius = np.linalg.norm((surface.vertices - CENTRE * TO_LPS) / axes, axis=1)
    assert radius.mean() == pytest.approx(1, abs=0.02)
    thickest = float(np.linalg.norm(directions, axis=0).max())
    assert np.abs(radius - 1).max() * 18 < 0.6 + 0.35 * thickest


FEW = {
    "one voxel": np.ones((1, 1, 1), bool),
    "a row": np.ones((1, 4, 1), bool),
    "two that touch by a corner": np.eye(2, dtype=bool)[:, :, None] & np.ones((1, 1, 1), bool),
    "a plate": np.ones((9, 9, 1), bool),
    "a stack": np.ones((1, 1, 6), bool),
    "a hollow cube": np.pad(np.zeros((1, 1, 1), bool), 1, constant_values=True),
}


@pytest.mark.parametrize("name", FEW)
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.7, 0.7, 5.0)])
def test_few_voxels_keep_their_volume_and_place(
    name: str, spacing: tuple[float, float, float]
) -> None:
    mask, affine = FEW[name], affine_of(OBLIQUE @ np.diag(spacing))
    mesh = as_trimesh(closed_surface(mask, affine, grid_mm=0.6, most_triangles=12_000))
    assert mesh.is_watertight
    expected = int(mask.sum()) * float(np.prod(spacing))
    assert mesh.volume == pytest.approx(expected, rel=0.01)
    middle = in_lps(np.argwhere(mask).mean(axis=0), affine)
    assert mesh.centroid == pytest.approx(middle, abs=0.1)
    # Never farther out than about half a voxel.
    voxels = (mesh.vertices * TO_LPS) @ np.linalg.inv(affine[:3, :3]).T
    assert voxels.min() > -1.1
    assert (voxels < np.array(mask.shape) + 0.1).all()


@settings(deadline=None, max_examples=25)
@given(masks(), affines(), st.sampled_from([0.5, 1.5]))
def test_any_mask_has_a_closed_surface(mask: Mask, affine: np.ndarray, grid_mm: float) -> None:
    if not mask.any():
        return
    surface = closed_surface(mask, affine, grid_mm=grid_mm, most_triangles=2000)
    mesh = as_trimesh(surface)
    assert surface.closed
    assert mesh.is_watertight
    expected = int(mask.sum()) * abs(np.linalg.det(affine[:3, :3]))
    assert mesh.volume == pytest.approx(expected, rel=0.01)


def test_a_sponge_is_cut_coarser() -> None:
    """A network makes such masks of noise; as fine as others, one liver has 200 MB."""
    noise = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(30, 30, 30)), 1.0)
    mask = noise > 0
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    surface = closed_surface(mask, affine, grid_mm=1.5, most_triangles=2000)
    assert len(surface.faces) <= 3 * 2000
    assert surface.closed
    assert surface.volume_ml == pytest.approx(0.008 * mask.sum(), rel=0.005)


def test_closed_says_what_is_not() -> None:
    box = trimesh.creation.box()
    corners, faces = box.vertices.astype(np.float32), box.faces.astype(np.int32)
    assert Surface(corners, faces).closed
    assert not Surface(corners, faces[1:]).closed
    assert not Surface(corners, np.concatenate([faces[:1, ::-1], faces[1:]])).closed
    assert not Surface(corners, np.concatenate([faces, faces[:1]])).closed
    assert not Surface(corners, np.concatenate([faces, [[0, 0, 1]]]).astype(np.int32)).closed


def liver_with_tumours() -> Volume:
    """A liver of 40 x 36 x 30 mm with tumours of 10 x 8 x 9 mm and of one voxel."""
    labels = np.zeros((50, 46, 19), np.uint8)
    labels[5:45, 5:41, 2:17] = 1
    labels[30:40, 10:18, 5:10] = 2
    labels[12, 30, 8] = 2
    affine = np.diag([-1.0, 1.0, 2.0, 1.0])
    affine[:3, 3] = (60.0, -80.0, 10.0)
    return Volume(labels, affine)


def test_liver_and_tumours_have_names_and_numbers() -> None:
    volume = liver_with_tumours()
    count, surfaces = surfaces_of(volume)
    liver, large, small = surfaces
    assert count == 3
    assert [one.name for one in (liver, large, small)] == ["liver", "tumour-1", "tumour-2"]
    assert liver.opacity < large.opacity == 1
    assert len({one.colour for one in (liver, large, small)}) == 3
    assert [one.mask_ml for one in (liver, large, small)] == pytest.approx([43.2, 0.8, 0.002])
    for one in (liver, large, small):
        assert one.surface.volume_ml == pytest.approx(one.mask_ml, rel=0.01)
        assert as_trimesh(one.surface).is_watertight
    # From voxel 30 to 39 of an axis that runs to the left from x = 60 on the right.
    low, high = large.surface.vertices.min(axis=0), large.surface.vertices.max(axis=0)
    assert low == pytest.approx([-60 + 29.5, 80 - 17.5, 10 + 9], abs=0.9)
    assert high == pytest.approx([-60 + 39.5, 80 - 9.5, 10 + 19], abs=0.9)
    assert small.surface.vertices.mean(axis=0) == pytest.approx([-48, 50, 26], abs=0.2)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("meshes")
    write_label(liver_with_tumours(), folder / "mask.nii.gz")
    done = write_meshes(folder / "mask.nii.gz", folder / "out")
    return folder / "out", {one.name: one for one in done.surfaces}


NAMES = ("liver", "tumour-1", "tumour-2")


def test_stl_and_ply(written: tuple[Path, dict[str, Any]]) -> None:
    folder, surfaces = written
    for name, suffix in itertools.product(NAMES, ("stl", "ply")):
        mesh = trimesh.load(folder / f"{name}.{suffix}")
        assert mesh.is_watertight
        assert mesh.volume / 1000 == pytest.approx(surfaces[name].mask_ml, rel=0.01)
        vertices = surfaces[name].surface.vertices
        np.testing.assert_allclose(mesh.bounds, [vertices.min(axis=0), vertices.max(axis=0)])
        head = (folder / f"{name}.{suffix}").read_bytes()[:300]
        assert b"SPACE=LPS" in head  # what 3D Slicer looks for
        assert not head.startswith(b"solid")
    colours = trimesh.load(folder / "liver.ply").visual.vertex_colors
    assert np.unique(colours, axis=0).tolist() == [[255, 159, 28, 89]]


def test_obj(written: tuple[Path, dict[str, Any]]) -> None:
    folder, surfaces = written
    scene = trimesh.load(folder / "liver-and-tumours.obj", split_object=True)
    assert len(scene.geometry) == 3
    by_volume = sorted(scene.geometry.values(), key=lambda mesh: -mesh.volume)
    for name, mesh in zip(NAMES, by_volume, strict=True):
        assert mesh.is_watertight
        assert mesh.volume / 1000 == pytest.approx(surfaces[name].mask_ml, rel=0.01)
        vertices = surfaces[name].surface.vertices
        expected = [vertices.min(axis=0), vertices.max(axis=0)]
        np.testing.assert_allclose(mesh.bounds, expected, atol=2e-5)
    materials = (folder / "liver-and-tumours.mtl").read_text()
    assert [line for line in materials.splitlines() if line.startswith("newmtl")] == [
        f"newmtl {name}" for name in NAMES
    ]
    assert "d 0.35" in materials


def test_glb(written: tuple[Path, dict[str, Any]]) -> None:
    folder, surfaces = written
    path = folder / "liver-and-tumours.glb"
    scene = trimesh.load(path)
    assert set(scene.geometry) == set(NAMES)
    for name, mesh in scene.geometry.items():
        assert mesh.is_watertight
        np.testing.assert_array_equal(mesh.vertices, surfaces[name].surface.vertices)
        material = mesh.visual.material
        assert material.name == name
        assert (material.alphaMode == "BLEND") == (name == "liver")
    # In the scene: metres, head up, the front towards the viewer.
    whole = surfaces["liver"].surface.vertices
    low, high = whole.min(axis=0) / 1000, whole.max(axis=0) / 1000
    expected = [[low[0], low[2], -high[1]], [high[0], high[2], -low[1]]]
    np.testing.assert_allclose(scene.bounds, expected, atol=1e-6)
    content = path.read_bytes()
    magic, version, size = struct.unpack("<4sII", content[:12])
    assert (magic, version, size) == (b"glTF", 2, len(content))


def test_vtk_reads_them_too(written: tuple[Path, dict[str, Any]]) -> None:
    from vtkmodules.vtkFiltersCore import vtkMassProperties
    from vtkmodules.vtkIOGeometry import vtkOBJReader, vtkSTLReader
    from vtkmodules.vtkIOPLY import vtkPLYReader

    folder, surfaces = written
    for reader, name in (
        (vtkSTLReader(), "liver.stl"),
        (vtkPLYReader(), "tumour-1.ply"),
        (vtkOBJReader(), "liver-and-tumours.obj"),
    ):
        reader.SetFileName(str(folder / name))
        measured = vtkMassProperties()
        measured.SetInputConnection(reader.GetOutputPort())
        measured.Update()
        if name.endswith(".obj"):
            assert reader.GetOutput().GetNumberOfPolys() == sum(
                len(one.surface.faces) for one in surfaces.values()
            )
        else:
            expected = surfaces[name.split(".")[0]].mask_ml
            assert measured.GetVolume() / 1000 == pytest.approx(expected, rel=0.01)


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder of `ynet3d predict` will do; what is gone leaves no file behind."""
    volume = liver_with_tumours()
    write_label(volume, tmp_path / "case" / "segmentation.nii.gz")
    words = ["mesh", tmp_path / "case", "-o", tmp_path / "out", "--formats", "stl, GLB", "-q"]
    done = run(capsys, *words)
    assert done.code == 0, done
    assert "3 surfaces (liver, tumour-1, tumour-2) in 4 files" in done.out
    (tmp_path / "out" / "notes.txt").write_text("mine")
    listed = json.loads((tmp_path / "out" / "meshes.json").read_text("utf-8"))
    assert [one["name"] for one in listed["surfaces"]] == list(NAMES)
    assert "LPS" in listed["coordinates"]
    volume.array[12, 30, 8] = 1
    write_label(volume, tmp_path / "case" / "segmentation.nii.gz")
    assert run(capsys, *words).code == 0
    assert left_in(tmp_path / "out") == [
        "liver-and-tumours.glb",
        "liver.stl",
        "meshes.json",
        "notes.txt",
        "tumour-1.stl",
    ]


def test_what_cannot_be_drawn_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    mask, out = tmp_path / "mask.nii.gz", tmp_path / "out"
    volume = liver_with_tumours()
    write_label(volume, mask)
    run(capsys, "mesh", mask, "-o", out, "--formats", "stl,step").assert_refused(match="'step'")
    run(capsys, "mesh", mask, "-o", out, "--formats", ",").assert_refused(match="no format")
    write_label(volume.with_array(volume.array * 0), mask)
    run(capsys, "mesh", mask, "-o", out).assert_refused(match="neither liver nor tumour")
    write_label(volume.with_array(volume.array * 3), mask)
    run(capsys, "mesh", mask, "-o", out).assert_refused(match="the label 6")
    monkeypatch.setitem(sys.modules, "vtkmodules.vtkFiltersCore", None)
    done = run(capsys, "mesh", mask, "-o", out)
    done.assert_refused(match="pip install 'ynet3d[meshes]'", code=1)
    assert not out.exists()
    with pytest.raises(MissingExtraError, match="vtk"):
        closed_surface(np.ones((2, 2, 2), bool), np.eye(4), grid_mm=1, most_triangles=100)


def test_formats_are_those_of_the_help() -> None:
    assert FORMATS == ("stl", "obj", "ply", "glb")
