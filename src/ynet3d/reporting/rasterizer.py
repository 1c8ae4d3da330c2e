"""Orthographic drawing of triangle meshes with a depth buffer, in numpy alone.

VTK would draw the same, but its wheel needs the system's OpenGL libraries, which a bare container
does not have. This needs nothing, and a view of a liver takes about half a second.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ynet3d.reporting.mesh import Mesh

_LARGEST_TRIANGLE = 64  # pixels; a mesh finer than the picture never comes near


@dataclass(frozen=True)
class View:
    """Where one looks from: unit vectors in patient mm (RAS+), and letters at the edges.

    Attributes:
        right: direction to the right of the picture.
        up: direction to the top of the picture.
        letters: patient directions at the left, right, top and bottom.
    """

    name: str
    right: tuple[float, float, float]
    up: tuple[float, float, float]
    letters: str

    @property
    def towards(self) -> npt.NDArray[np.float64]:
        """Direction from the patient to the viewer."""
        return np.cross(self.right, self.up)

    @property
    def rotation(self) -> npt.NDArray[np.float32]:
        """Rows: right, up, towards the viewer."""
        return np.array([self.right, self.up, self.towards], np.float32)


@dataclass(frozen=True)
class Frame:
    """The picture's place in a view.

    Attributes:
        origin: mm along (right, up) of the upper left corner.
        pixel_mm: size of a pixel.
        size: rows and columns.
    """

    origin: tuple[float, float]
    pixel_mm: float
    size: tuple[int, int]


@dataclass(frozen=True)
class Layer:
    """What one sees of a mesh.

    Attributes:
        depth: shape (H, W), mm towards the viewer, minus infinity where there is nothing.
        normals: shape (H, W, 3), along (right, up, towards the viewer).
    """

    depth: npt.NDArray[np.float32]
    normals: npt.NDArray[np.float32]


def draw_layer(mesh: Mesh, view: View, frame: Frame, *, back: bool = False) -> Layer:
    """The surface nearest to the viewer.

    Args:
        mesh: what to draw.
        view: where from.
        frame: where the picture lies.
        back: draw only the triangles that face away (the inside of the far wall).
    """
    height, width = frame.size
    turned = mesh.vertices @ view.rotation.T
    normals = mesh.normals @ view.rotation.T
    across = (turned[:, 0] - frame.origin[0]) / frame.pixel_mm - 0.5
    down = (frame.origin[1] - turned[:, 1]) / frame.pixel_mm - 0.5
    x, y, z = across[mesh.faces], down[mesh.faces], turned[:, 2][mesh.faces]

    # A triangle faces the viewer when its mean normal does.
    facing = normals[:, 2][mesh.faces].sum(axis=1)
    keep = facing < 0 if back else facing > -0.6
    faces, x, y, z = mesh.faces[keep], x[keep], y[keep], z[keep]
    double_area = (x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0]) - (x[:, 2] - x[:, 0]) * (
        y[:, 1] - y[:, 0]
    )
    solid = np.abs(double_area) > 1e-6
    faces, x, y, z, double_area = (a[solid] for a in (faces, x, y, z, double_area))

    left, top = np.ceil(x.min(axis=1)).astype(int), np.ceil(y.min(axis=1)).astype(int)
    wide = np.floor(x.max(axis=1)).astype(int) - left + 1
    high = np.floor(y.max(axis=1)).astype(int) - top + 1
    depth = np.full(height * width, -np.inf, np.float32)
    owner = np.full(height * width, -1, np.int64)
    for row in range(min(_LARGEST_TRIANGLE, int(high.max(initial=0)))):
        for column in range(min(_LARGEST_TRIANGLE, int(wide.max(initial=0)))):
            chosen = np.flatnonzero((high > row) & (wide > column))
            if not len(chosen):
                break
            px, py = left[chosen] + column, top[chosen] + row
            weights = _weights(x[chosen], y[chosen], double_area[chosen], px, py)
            inside = (weights >= -1e-4).all(axis=1)
            inside &= (px >= 0) & (px < width) & (py >= 0) & (py < height)
            chosen = chosen[inside]
            pixel = py[inside] * width + px[inside]
            near = np.einsum("ij,ij->i", weights[inside], z[chosen])
            # Later writes win, so the nearest of those that share a pixel is written last.
            order = np.argsort(near)
            order = order[near[order] > depth[pixel[order]]]
            depth[pixel[order]] = near[order]
            owner[pixel[order]] = chosen[order]
    seen = _normals(owner, faces, normals, x, y, double_area, width)
    return Layer(depth.reshape(frame.size), seen.reshape((*frame.size, 3)))


def _weights(
    x: npt.NDArray[np.float32],
    y: npt.NDArray[np.float32],
    double_area: npt.NDArray[np.float32],
    px: npt.NDArray[np.int_],
    py: npt.NDArray[np.int_],
) -> npt.NDArray[np.float32]:
    """Barycentric weights of pixels in triangles, shape (N, 3)."""
    first = ((x[:, 1] - px) * (y[:, 2] - py) - (x[:, 2] - px) * (y[:, 1] - py)) / double_area
    second = ((x[:, 2] - px) * (y[:, 0] - py) - (x[:, 0] - px) * (y[:, 2] - py)) / double_area
    return np.stack([first, second, 1.0 - first - second], axis=1).astype(np.float32)


def _normals(
    owner: npt.NDArray[np.int64],
    faces: npt.NDArray[np.int64],
    normals: npt.NDArray[np.float32],
    x: npt.NDArray[np.float32],
    y: npt.NDArray[np.float32],
    double_area: npt.NDArray[np.float32],
    width: int,
) -> npt.NDArray[np.float32]:
    """Unit normals of the seen pixels, shape (pixels, 3), interpolated within their triangles."""
    result = np.zeros((len(owner), 3), np.float32)
    seen = np.flatnonzero(owner >= 0)
    chosen = owner[seen]
    weights = _weights(x[chosen], y[chosen], double_area[chosen], seen % width, seen // width)
    mixed = np.einsum("nc,nca->na", weights, normals[faces[chosen]])
    result[seen] = mixed / np.maximum(np.linalg.norm(mixed, axis=1, keepdims=True), 1e-9)
    return result
