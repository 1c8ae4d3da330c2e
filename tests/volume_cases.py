"""Hypothesis strategies for grids: every order and direction of axes, and oblique ones."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

SHAPE = (5, 6, 7)

#: All 48 ways in which voxel axes can run along the patient's axes.
AXIS_MATRICES = [
    np.diag(signs)[:, order]
    for order in itertools.permutations(range(3))
    for signs in itertools.product((1.0, -1.0), repeat=3)
]


def rotation(x: float, y: float, z: float) -> npt.NDArray[np.float64]:
    """Rotation by three angles in radians."""
    cx, sx, cy, sy, cz, sz = np.cos(x), np.sin(x), np.cos(y), np.sin(y), np.cos(z), np.sin(z)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return np.asarray(about_z @ about_y @ about_x)


@st.composite
def affines(draw: st.DrawFn, *, oblique: bool = True) -> npt.NDArray[np.float64]:
    """Affines with perpendicular axes, of any order and direction, turned by up to 0.35 rad."""
    axes = draw(st.sampled_from(AXIS_MATRICES))
    if oblique and draw(st.booleans()):
        angle = st.floats(-0.35, 0.35)
        axes = rotation(draw(angle), draw(angle), draw(angle)) @ axes
    spacing = [draw(st.floats(0.4, 5.0)) for _ in range(3)]
    affine = np.eye(4)
    affine[:3, :3] = axes * spacing
    affine[:3, 3] = [draw(st.floats(-400.0, 400.0)) for _ in range(3)]
    return affine


def hu_array(seed: int, shape: tuple[int, int, int] = SHAPE) -> npt.NDArray[np.int16]:
    """Voxels that are all different from their mirror images."""
    return np.random.default_rng(seed).integers(-1024, 3000, shape).astype(np.int16)
