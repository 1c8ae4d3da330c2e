"""The canvas: a coarse grid in the scanner, the pose and shape of a patient, and brushes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from ynet3d.phantoms.fields import FloatArray, SmoothField

Box = tuple[slice, slice, slice]
Point = Sequence[float] | npt.NDArray[np.float64]
Branches = list[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]


class Pose:
    """From scanner mm to the standard patient's mm, both (z up, y to the back, x to the left)."""

    def __init__(self, rng: np.random.Generator) -> None:
        degrees = rng.normal(0, (2.5, 1.2, 1.2)).clip(-6, 6)  # about z, y, x
        self._rotation = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
        self.shift = np.array([rng.uniform(-6, 6), rng.uniform(-10, 10), rng.uniform(-8, 8)])
        size = rng.normal(1.0, 0.035)
        self._scale = size * rng.normal(1, (0.035, 0.03, 0.03))
        #: mL in the scanner per mL of the standard patient.
        self.volume_scale = float(np.prod(self._scale))
        self._wobble = [SmoothField(rng, scale_mm=75) for _ in range(3)]
        self._amplitude = (4.5, 3.2, 3.6)

    def to_patient(self, points: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Scanner points (n, 3) to patient points."""
        moved = (points - self.shift) @ self._rotation / self._scale
        wobble = [f.at(points) * a for f, a in zip(self._wobble, self._amplitude, strict=True)]
        return moved + np.stack(wobble, axis=1)

    def to_scanner(self, points: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Patient points (n, 3) to scanner points (fixed-point iteration; the wobble is smooth)."""
        guess = (points * self._scale) @ self._rotation.T + self.shift
        for _ in range(5):
            guess = guess + ((points - self.to_patient(guess)) * self._scale) @ self._rotation.T
        return guess

    def grid(self, z: FloatArray, y: FloatArray, x: FloatArray) -> list[FloatArray]:
        """Patient coordinates (z, y, x) of a scanner grid, three arrays."""
        inverse = self._rotation / self._scale
        out = []
        for axis in range(3):
            values = self._wobble[axis].on_grid(z, y, x)
            values *= self._amplitude[axis]
            values += (
                (inverse[0, axis] * (z - self.shift[0]))[:, None, None]
                + (inverse[1, axis] * (y - self.shift[1]))[None, :, None]
                + (inverse[2, axis] * (x - self.shift[2]))[None, None, :]
            ).astype(np.float32)
            out.append(values)
        return out


class Scene:
    """HU on a coarse grid, painted back to front."""

    def __init__(self, pose: Pose, z: FloatArray, y: FloatArray, x: FloatArray) -> None:
        self.pose = pose
        self.axes = (z, y, x)
        self.steps = tuple(float(axis[1] - axis[0]) for axis in self.axes)
        self.edge = float(np.mean(self.steps[1:]))  # mm over which an edge passes from 0 to 1
        self.z, self.y, self.x = pose.grid(z, y, x)
        self.hu: FloatArray = np.full(self.z.shape, -1000, dtype=np.float32)

    def cover(self, distance: FloatArray, blur_mm: float = 0.0) -> FloatArray:
        """Share of a voxel inside, from the signed distance (mm, negative inside)."""
        share = distance * np.float32(-1 / max(self.edge, blur_mm))
        share += np.float32(0.5)
        return np.clip(share, 0, 1, out=share)

    def paint(self, share: FloatArray, hu: float | FloatArray, box: Box | None = None) -> None:
        """Lay a tissue of `hu` over what is there, as much as `share` says."""
        there = self.hu if box is None else self.hu[box]
        there += share * (hu - there)

    def box(self, centre: Point, reach_mm: Point | float) -> Box:
        """Part of the grid within `reach_mm` of a patient point, along (z, y, x)."""
        middle = self.pose.to_scanner(np.array([centre], dtype=float))[0]
        reach = np.broadcast_to(np.asarray(reach_mm, dtype=float), 3) * 1.2 + 8
        return self._box(middle - reach, middle + reach)

    def _box(self, low: npt.NDArray[np.floating], high: npt.NDArray[np.floating]) -> Box:
        edges = [
            np.searchsorted(axis, (a, b)) for axis, a, b in zip(self.axes, low, high, strict=True)
        ]
        first, second, third = (slice(int(a), int(b)) for a, b in edges)
        return first, second, third

    def ellipsoid(
        self, centre: Point, radii: Point, *, turn: Point = (0, 0, 0)
    ) -> tuple[FloatArray, Box]:
        """Signed distance to an ellipsoid and the box it is in."""
        box = self.box(centre, max(radii))
        return ellipsoid(self.z[box], self.y[box], self.x[box], centre, radii, turn=turn), box

    def blob(
        self,
        centre: Point,
        radii: Point,
        hu: float,
        *,
        turn: Point = (0, 0, 0),
        blur_mm: float = 0.0,
    ) -> None:
        """Paint an ellipsoid."""
        distance, box = self.ellipsoid(centre, radii, turn=turn)
        self.paint(self.cover(distance, blur_mm), hu, box)

    def tube(
        self,
        points: npt.ArrayLike,
        radii: npt.ArrayLike,
        *,
        flatten: float = 1.0,
    ) -> tuple[FloatArray, Box]:
        """Signed distance to a tube along patient points (n, 3), and the box it is in."""
        return self.tube_in_scanner(
            self.pose.to_scanner(np.asarray(points, dtype=float)), radii, flatten=flatten
        )

    def tube_in_scanner(
        self, line: npt.NDArray[np.float64], radii: npt.ArrayLike, *, flatten: float = 1.0
    ) -> tuple[FloatArray, Box]:
        """As `tube`, along points already in scanner mm."""
        radius = np.broadcast_to(np.asarray(radii, dtype=float), len(line))
        reach = radius.max() + 4
        box = self._box(line.min(0) - reach, line.max(0) + reach)
        shape = tuple(s.stop - s.start for s in box)
        distance = np.full(shape, 1e3, dtype=np.float32)
        if distance.size == 0:
            return distance, box
        for a, b, ra, rb in zip(line[:-1], line[1:], radius[:-1], radius[1:], strict=True):
            near = max(ra, rb) + 4
            part = self._box(np.minimum(a, b) - near, np.maximum(a, b) + near)
            inner = tuple(
                slice(p.start - s.start, p.stop - s.start) for p, s in zip(part, box, strict=True)
            )
            there = distance[inner]
            if there.size:
                np.minimum(there, self._capsule(part, a, b, ra, rb, flatten), out=there)
        return distance, box

    def _capsule(
        self,
        box: Box,
        a: npt.NDArray[np.floating],
        b: npt.NDArray[np.floating],
        ra: float,
        rb: float,
        flatten: float,
    ) -> FloatArray:
        z, y, x = (
            (axis[s] - start).astype(np.float32).reshape([-1 if i == k else 1 for i in range(3)])
            for k, (axis, s, start) in enumerate(zip(self.axes, box, a, strict=True))
        )
        along = (b - a).astype(np.float32)
        t = z * along[0] + y * along[1] + x * along[2]
        t /= np.float32(max(float(along @ along), 1e-6))
        np.clip(t, 0, 1, out=t)
        squared = (z - t * along[0]) ** 2
        squared += ((y - t * along[1]) / np.float32(flatten)) ** 2
        squared += (x - t * along[2]) ** 2
        np.sqrt(squared, out=squared)
        t *= np.float32(ra - rb)
        squared += t
        squared -= np.float32(ra)
        return squared

    def tree(self, branches: Branches, hu: float, share: FloatArray) -> None:
        """Paint a vessel tree as far as `share` (the whole grid's) reaches."""
        lines = self.pose.to_scanner(np.concatenate([points for points, _ in branches]))
        for index, (_, radii) in enumerate(branches):
            distance, box = self.tube_in_scanner(lines[2 * index : 2 * index + 2], radii)
            self.paint(self.cover(distance) * share[box], hu, box)

    def pipe(self, points: npt.ArrayLike, radii: npt.ArrayLike, hu: float) -> None:
        """Paint a tube."""
        distance, box = self.tube(points, radii)
        self.paint(self.cover(distance), hu, box)


def ellipsoid(
    z: FloatArray,
    y: FloatArray,
    x: FloatArray,
    centre: Point,
    radii: Point,
    *,
    turn: Point = (0, 0, 0),
) -> FloatArray:
    """Signed distance (mm, near the surface) to an ellipsoid; `turn` in degrees about z, y, x."""
    p = [z - np.float32(centre[0]), y - np.float32(centre[1]), x - np.float32(centre[2])]
    if any(turn):
        m = Rotation.from_euler("xyz", turn, degrees=True).as_matrix().astype(np.float32)
        p = [p[0] * m[0, k] + p[1] * m[1, k] + p[2] * m[2, k] for k in range(3)]
    p = [part * np.float32(1 / radius) for part, radius in zip(p, radii, strict=True)]
    level = np.sqrt(p[0] ** 2 + p[1] ** 2 + p[2] ** 2)
    p = [part * np.float32(1 / radius) for part, radius in zip(p, radii, strict=True)]
    slope = np.sqrt(p[0] ** 2 + p[1] ** 2 + p[2] ** 2)
    return level * (level - 1) / np.maximum(slope, np.float32(1e-4))


def smooth_max(a: FloatArray, b: FloatArray, blend_mm: float) -> FloatArray:
    """Intersection of two signed distances, with a rounded edge."""
    mix = np.clip(blend_mm - np.abs(a - b), 0, None)
    return np.maximum(a, b) + mix * mix * np.float32(0.25 / blend_mm)


def smooth_min(a: FloatArray, b: FloatArray, blend_mm: float) -> FloatArray:
    """Union of two signed distances, with a rounded edge."""
    return -smooth_max(-a, -b, blend_mm)
