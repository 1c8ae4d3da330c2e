"""Surfaces: true in mm on every grid, the right way round, nothing lost."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ynet3d.reporting import save_surface
from ynet3d.reporting.mesh import Mesh, surface_of
from ynet3d.reporting.rasterizer import Frame, draw_layer
from ynet3d.reporting.surface import VIEWS
from ynet3d.reporting.views import foreground_box
from ynet3d.volumes.volume import Volume

CENTRE = np.array([40.0, -25.0, 90.0])
OBLIQUE = np.array([[0.96, -0.28, 0.0], [0.28, 0.96, 0.0], [0.0, 0.0, 1.0]])
GRIDS = [
    OBLIQUE @ np.diag([1.5, 1.5, 3.0]),
    *(
        np.diag(np.multiply(signs, [1.0, 2.0, 6.0]))
        for signs in itertools.product((1, -1), repeat=3)
    ),
    np.diag([0.7, 0.7, 0.7])[:, [2, 0, 1]],
]


def ball(directions: np.ndarray, radius: float, at: np.ndarray = CENTRE) -> Volume:
    """A ball of label 1 on a grid with the given voxel edges (columns, mm), centred on CENTRE."""
    reach = 34.0
    spacing = np.linalg.norm(directions, axis=0)
    shape = np.ceil(2 * reach / spacing).astype(int) + 1
    affine = np.eye(4)
    affine[:3, :3] = directions
    affine[:3, 3] = CENTRE - directions @ ((shape - 1) / 2)
    world = np.moveaxis(np.indices(shape), 0, -1) @ directions.T + affine[:3, 3]
    inside = np.linalg.norm(world - at, axis=-1) < radius
    return Volume(inside.astype(np.uint8), affine)


def mesh_of(volume: Volume, at_least: int = 1) -> Mesh:
    box = foreground_box(volume.array)
    assert box is not None
    mesh = surface_of(
        volume.array, volume.affine, box, at_least=at_least, grid_mm=2.0, smooth_mm=1.5
    )
    assert mesh is not None
    return mesh


@pytest.mark.parametrize("directions", GRIDS)
def test_ball_in_patient_mm(directions: np.ndarray) -> None:
    mesh = mesh_of(ball(directions, 25.0))
    radii = np.linalg.norm(mesh.vertices - CENTRE, axis=1)
    assert radii.mean() == pytest.approx(25.0, abs=0.8)
    assert np.abs(radii - 25.0).max() < 4.0
    assert np.abs((mesh.vertices.min(axis=0) + mesh.vertices.max(axis=0)) / 2 - CENTRE).max() < 1.0
    outwards = (mesh.vertices - CENTRE) / radii[:, None]
    assert (np.einsum("ij,ij->i", mesh.normals, outwards) > 0.6).mean() > 0.99


def test_one_voxel_is_not_lost() -> None:
    label = np.ones((40, 40, 40), np.uint8)
    label[30, 10, 20] = 2
    mesh = mesh_of(Volume(label, np.eye(4)), at_least=2)
    assert np.abs(mesh.vertices.mean(axis=0) - [30, 10, 20]).max() < 1.5


@pytest.mark.parametrize("directions", GRIDS[1:9])
def test_views_keep_the_sides(directions: np.ndarray) -> None:
    towards = np.array([12.0, 10.0, 8.0])  # to the patient's right (RAS+), front and head
    mesh = mesh_of(ball(directions @ np.diag([1.0, 1.0, 0.5]), 14.0, CENTRE + towards))
    for view, (column, row) in zip(VIEWS, ((-12, 8), (10, 8), (-12, 10)), strict=True):
        across, up, _ = view.rotation @ CENTRE
        frame = Frame((float(across) - 50, float(up) + 50), 1.0, (100, 100))
        layer = draw_layer(mesh, view, frame)
        rows, columns = np.nonzero(np.isfinite(layer.depth))
        assert columns.mean() - 49.5 == pytest.approx(column, abs=1.2)
        assert 49.5 - rows.mean() == pytest.approx(row, abs=1.2)
        assert len(rows) == pytest.approx(np.pi * 14.0**2, rel=0.12)
        seen = np.isfinite(layer.depth)
        nearest = float((view.rotation @ (CENTRE + towards))[2]) + 14.0
        assert layer.depth[seen].max() == pytest.approx(nearest, abs=2.5)
        assert layer.normals[seen][:, 2].min() > -0.4


def test_picture(tmp_path: Path) -> None:
    volume = ball(np.eye(3) * 1.5, 30.0)
    array = volume.array.copy()
    array[20:26, 20:26, 20:26] = 2
    for found, green in ((array, True), (volume.array, False)):
        save_surface(volume.with_array(found), tmp_path / "surface.png", title="a ball")
        picture = np.asarray(Image.open(tmp_path / "surface.png").convert("RGB")).astype(int)
        assert picture.shape[1] == 1600
        below = picture[112:]
        assert (
            (below[..., 1] > below[..., 0] + 25) & (below[..., 1] > below[..., 2] + 25)
        ).any() == green
        assert (below[..., 0] > below[..., 2] + 60).any()


def test_empty(tmp_path: Path) -> None:
    label = Volume(np.zeros((5, 6, 7), np.uint8), np.eye(4))
    save_surface(label, tmp_path / "surface.png")
    below = np.asarray(Image.open(tmp_path / "surface.png").convert("RGB")).astype(int)[112:]
    assert np.ptp(below, axis=-1).max() < 40  # nothing coloured
    assert below.max() > 120  # but words
