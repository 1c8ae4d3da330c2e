"""Shape of one patient: the abdominal cavity, its walls, the diaphragm and the liver.

Everything is a function of patient coordinates in mm, (z, y, x): z to the head with 0 at the top
of the right dome of the diaphragm, y to the back, x to the patient's left. Distances are signed,
negative inside.
"""

from __future__ import annotations

import numpy as np

from ynet3d.phantoms.fields import FloatArray
from ynet3d.phantoms.scene import ellipsoid, smooth_max, smooth_min


def _rise(values: FloatArray, low: float, high: float) -> FloatArray:
    """Smooth step from 0 at `low` to 1 at `high`."""
    t = np.clip((values - low) / np.float32(high - low), 0, 1)
    return t * t * (3 - 2 * t)


class Kidney:
    """Where a kidney lies; `side` is -1 for the right one, 1 for the left one."""

    def __init__(self, rng: np.random.Generator, side: int) -> None:
        level = rng.uniform(-152, -132) if side < 0 else rng.uniform(-134, -114)
        self.side = side
        self.centre = (level, 46 + rng.uniform(-3, 3), side * rng.uniform(60, 66))
        self.radii = rng.uniform((50, 24, 26), (58, 28, 30))

    def distance(self, z: FloatArray, y: FloatArray, x: FloatArray) -> FloatArray:
        """Distance to its capsule; the upper poles lean towards the spine."""
        turn = (self.side * 35, 8, self.side * -12)
        return ellipsoid(z, y, x, self.centre, self.radii, turn=turn)


class Body:
    """Random, but fixed, sizes of one patient."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.half_width = rng.uniform(122, 137)
        self.front = rng.uniform(78, 96)
        self.back = rng.uniform(80, 87)
        self.power = rng.uniform(2.25, 2.6)
        self.fat_mm = float(np.clip(rng.lognormal(np.log(15), 0.42), 6, 34))
        self.belly = rng.uniform(0, 12) * self.fat_mm / 15
        self.muscle_mm = rng.uniform(10, 14)
        self.dome_right = (rng.uniform(-8, 8), -rng.uniform(52, 64))
        self.dome_left = (rng.uniform(-6, 10), rng.uniform(52, 64))
        self.left_lower = rng.uniform(8, 24)
        self.vertebra_pitch = rng.uniform(29, 33)
        self.vertebra_offset = rng.uniform(-16, 16)
        # Liver
        self.right_radii = (rng.uniform(92, 108), rng.uniform(84, 94), rng.uniform(76, 88))
        self.left_reach = rng.uniform(60, 100)
        self.left_thickness = rng.uniform(30, 42)
        self.tip_slope = rng.uniform(0.55, 0.95)
        self.left_slope = rng.uniform(0.15, 0.5)
        self.visceral_level = rng.uniform(-112, -92)
        self.liver_offset = 0.0
        self.cava_mm = rng.uniform(10, 13)
        self.kidneys = {side: Kidney(rng, side) for side in (-1, 1)}

    @property
    def width_mm(self) -> float:
        """Outer width, skin to skin."""
        return 2 * (self.half_width + self.muscle_mm + 1.15 * self.fat_mm + 3)

    def cavity(self, z: FloatArray, y: FloatArray, x: FloatArray) -> FloatArray:
        """Distance to the inner surface of the trunk's wall."""
        chest, waist = _rise(z, -30, 110), _rise(-z, 120, 230)
        width = self.half_width * (1 - 0.10 * chest - 0.05 * waist)
        below = y + 4
        front = self.front * (1 - 0.06 * chest) + self.belly * waist
        half = np.where(below < 0, front, np.float32(self.back) * (1 - 0.04 * chest))
        power = np.float32(self.power)
        level = (np.abs(x) / width) ** power + (np.abs(below) / half) ** power
        level = np.maximum(level ** (1 / power), np.float32(1e-3))
        return np.sqrt(x * x + below * below) * (1 - 1 / level)

    def fat(self, z: FloatArray, y: FloatArray, x: FloatArray) -> FloatArray:
        """Thickness of the subcutaneous fat (mm)."""
        below = y + 4
        radius = np.sqrt(x * x + below * below) + 1
        lower = 1 + 0.3 * _rise(-z, 40, 200)
        back = np.clip(below / radius, 0, None)
        thick = self.fat_mm * (0.62 + 0.35 * np.abs(x) / radius + 0.55 * back * back) * lower
        groove = np.exp(-((x / 17) ** 2)) * (below > 0)
        return np.maximum(thick - groove * (4 + 0.3 * self.fat_mm), 2.5)

    def diaphragm(self, y: FloatArray, x: FloatArray) -> FloatArray:
        """Height (z) of the diaphragm."""
        y_right, x_right = self.dome_right
        y_left, x_left = self.dome_left
        right = ((x - x_right) / 84) ** 2 + ((y - y_right) / 88) ** 2
        left = ((x - x_left) / 78) ** 2 + ((y - y_left) / 84) ** 2
        height = -smooth_min(92 * right**1.25, self.left_lower + 92 * left**1.25, 55)
        recess = -smooth_max(68 + 0.52 * y, np.full_like(y, 50), 16)
        return smooth_max(height.astype(np.float32), recess.astype(np.float32), 20)

    def spine(self, y: FloatArray, x: FloatArray) -> FloatArray:
        """Distance to the column of spine, great vessels and crura that organs keep clear of."""
        level = np.sqrt((x / 36) ** 2 + ((y - 62) / 40) ** 2)
        return (level - 1) * 37

    def liver(
        self,
        z: FloatArray,
        y: FloatArray,
        x: FloatArray,
        cavity: FloatArray | None = None,
        diaphragm: FloatArray | None = None,
    ) -> FloatArray:
        """Distance to the surface of the liver."""
        cavity = self.cavity(z, y, x) if cavity is None else cavity
        diaphragm = self.diaphragm(y, x) if diaphragm is None else diaphragm
        shape = ellipsoid(z, y, x, (-82, 0, -64), self.right_radii)
        left = ellipsoid(z, y, x, (-48, -46, 12), (38, self.left_thickness, self.left_reach))
        shape = shape + np.float32(self.liver_offset)
        left = left + np.float32(0.25 * self.liver_offset)
        shape = smooth_min(shape, left, 26)
        # The visceral surface: high behind and on the left, low at the right front edge.
        side = x + 8
        floor = self.visceral_level - 0.30 * y
        floor = floor + np.where(side < 0, self.tip_slope * side, self.left_slope * side)
        shape = smooth_max(shape, (floor - z) * np.float32(0.8), 22)
        # Porta hepatis, and the notch of the round ligament.
        porta = ellipsoid(z, y, x, (-98, -8, -18), (18, 15, 26))
        notch = ellipsoid(z, y, x, (-100, -50, 8), (24, 22, 2.2))
        shape = smooth_max(shape, -porta, 12)
        shape = smooth_max(shape, -notch, 5)
        # Neighbours that press into it.
        kidney = self.kidneys[-1]
        shape = smooth_max(shape, 3 - kidney.distance(z, y, x), 8)
        # No liver between the kidney and the spine.
        level = kidney.centre[0]
        medial = ellipsoid(z, y, x, (level - 6, 56, -38), (58, 32, 26))
        shape = smooth_max(shape, -medial, 10)
        shape = smooth_max(shape, 1.5 - self.spine(y, x), 10)
        wall = smooth_max(cavity + 3.5, (z - diaphragm) * np.float32(0.75) + 2.5, 6)
        return smooth_max(shape, wall, 5)

    def fit_liver(self, target_ml: float) -> float:
        """Shift the liver's surface so that its volume comes close to `target_ml`; returns mL."""
        z, y, x = np.meshgrid(
            np.arange(-230, 12, 5.0, dtype=np.float32),
            np.arange(-105, 100, 5.0, dtype=np.float32),
            np.arange(-145, 140, 5.0, dtype=np.float32),
            indexing="ij",
        )
        low, high = -18.0, 22.0
        volume = 0.0
        for _ in range(7):
            self.liver_offset = (low + high) / 2
            volume = float((self.liver(z, y, x) < 0).sum()) * 0.125
            if volume > target_ml:
                low = self.liver_offset
            else:
                high = self.liver_offset
        return volume
