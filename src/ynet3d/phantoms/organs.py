"""Organs of the abdomen, painted back to front; the liver comes last."""

from __future__ import annotations

import numpy as np

from ynet3d.phantoms.body import Body
from ynet3d.phantoms.fields import FloatArray, SmoothField
from ynet3d.phantoms.scene import Box, Scene, ellipsoid, smooth_max
from ynet3d.phantoms.trunk import Trunk


def paint_organs(scene: Scene, body: Body, trunk: Trunk, rng: np.random.Generator) -> None:
    """Kidneys, great vessels, bowel, pancreas, stomach and spleen."""
    grain = SmoothField(rng, scale_mm=11)
    _paint_kidneys(scene, body, rng)
    _paint_bowel(scene, body, rng)
    _paint_great_vessels(scene, body, rng)
    _paint_pancreas(scene, rng, grain)
    _paint_stomach(scene, trunk, rng)
    _paint_duodenum(scene, rng)
    _paint_spleen(scene, trunk, rng)


def _under_diaphragm(scene: Scene, trunk: Trunk, box: tuple[slice, slice, slice]) -> FloatArray:
    """Distance to the space of the abdomen, with 3 mm for its lining."""
    dome = (scene.z[box] - trunk.diaphragm[box]) * np.float32(0.75) + 2.5
    return smooth_max(trunk.cavity[box] + 3, dome, 6)


def _paint_kidneys(scene: Scene, body: Body, rng: np.random.Generator) -> None:
    hu = rng.uniform(150, 190)
    ripple = SmoothField(rng, scale_mm=10)
    for side, kidney in body.kidneys.items():
        middle, radii = kidney.centre, kidney.radii
        box = scene.box(middle, float(radii.max()))
        distance = kidney.distance(scene.z[box], scene.y[box], scene.x[box])
        wave = ripple.on_grid(*(axis[s] for axis, s in zip(scene.axes, box, strict=True)))
        hilum = (middle[0], middle[1] - 8, middle[2] - side * 22)
        sinus = ellipsoid(
            scene.z[box],
            scene.y[box],
            scene.x[box],
            hilum,
            (20, 11, 19),
            turn=(side * 35, 0, 0),
        )
        distance = smooth_max(distance + 0.8 * wave, -sinus, 6)
        scene.paint(scene.cover(distance), hu + 12, box)
        # Pyramids: patches of slightly lower density under the cortex.
        pyramids = np.maximum(distance + 6, 5 - 9 * wave)
        scene.paint(scene.cover(pyramids, 4), hu - 28, box)
        pelvis = np.maximum(np.abs(sinus) - 2.4, distance - 6)
        scene.paint(scene.cover(pelvis, 3) * 0.7, 60, box)
        # Adrenal gland: a thin limb above the upper pole.
        top = np.array([middle[0] + radii[0] - 6, middle[1] - 10, middle[2] - side * 24])
        for y, x in ((16, 4), (14, -6)):
            limb = np.stack([top, top + np.array([-6, y, side * x])])
            scene.pipe(limb, 2.2, 75)


def _paint_great_vessels(scene: Scene, body: Body, rng: np.random.Generator) -> None:
    aorta_hu, vein_hu = rng.uniform(140, 170), rng.uniform(125, 150)
    wander = rng.normal(0, 2.5, 6)
    z = np.array([110, 40, -30, -100, -170, -300])
    aorta = np.stack([z, 22 + np.array([14, 10, 3, 0, 0, 2]) + wander * 0.5, 9 + wander], axis=1)
    radii = rng.uniform(9.5, 12.5) * np.array([1.08, 1.05, 1, 0.9, 0.8, 0.7])
    scene.pipe(aorta, radii + 1.2, 70)
    scene.pipe(aorta, radii, aorta_hu)
    distance, box = vena_cava(scene, body)
    scene.paint(scene.cover(distance), vein_hu, box)
    # Oesophagus.
    scene.pipe([[110, 26, 4], [20, 14, 6], [-20, 4, 18], [-32, 2, 34]], [7, 7, 7.5, 8], 62)
    # Coeliac trunk and superior mesenteric artery.
    scene.pipe(
        [[-88, 22, 9], [-92, 4, 9], [-90, -4, 2], [-88, -8, -14]], [3.2, 3, 2.4, 2.0], aorta_hu
    )
    scene.pipe([[-92, 4, 9], [-86, 4, 30], [-76, 16, 62]], [2.8, 2.3, 2.0], aorta_hu)
    scene.pipe(
        [[-104, 22, 9], [-114, 4, 9], [-150, -4, 8], [-300, -10, 0]], [3.6, 3.4, 3, 2], aorta_hu
    )
    # Renal vessels.
    scene.pipe([[-124, 24, -20], [-134, 36, -44]], [4.5, 4], vein_hu + 5)
    scene.pipe([[-122, 20, -18], [-116, 12, 6], [-118, 30, 42]], [4.5, 4.2, 4], vein_hu + 5)
    scene.pipe([[-118, 24, 9], [-122, 36, 42]], 2.6, aorta_hu)
    # Superior mesenteric and splenic veins, to the portal vein.
    scene.pipe([[-300, -16, -14], [-150, -12, -10], [-112, -8, -8]], [3.5, 5, 6], 168)
    scene.pipe(
        [[-112, -8, -8], [-100, 0, 14], [-90, 4, 44], [-80, 18, 72], [-72, 30, 84]],
        [5.5, 4.8, 4.5, 4, 3.2],
        168,
    )
    # Mesenteric twigs.
    for _ in range(60):
        start = np.array([rng.uniform(-190, -130), -10 + rng.normal(0, 6), rng.normal(0, 10)])
        reach = (rng.uniform(-60, 10), rng.uniform(-60, 15), rng.normal(0, 50))
        end = start + np.array(reach)
        bend = (start + end) / 2 + rng.normal(0, 9, 3)
        scene.pipe([start, bend, end], [2.0, 1.6, 1.1], 120)


def vena_cava(scene: Scene, body: Body) -> tuple[FloatArray, Box]:
    """Distance to the inferior vena cava."""
    z, y, x = (
        (24, 0, -30, -100, -170, -300),
        (6, 10, 16, 20, 24, 26),
        (-18, -22, -25, -24, -22, -21),
    )
    size = body.cava_mm * np.array([1, 1.1, 1, 0.9, 0.85, 0.85])
    return scene.tube(np.stack([z, y, x], axis=1), size, flatten=0.82)


def _paint_pancreas(scene: Scene, rng: np.random.Generator, grain: SmoothField) -> None:
    hu = rng.uniform(82, 108)
    line = np.array(
        [
            [-136, -6, -26],
            [-118, -10, -24],
            [-106, -18, -4],
            [-98, -14, 18],
            [-88, 0, 46],
            [-78, 20, 74],
        ]
    ) + rng.normal(0, 2.5, (6, 3))
    size = np.array([9, 13, 9, 8.5, 9.5, 8]) * rng.uniform(0.85, 1.15)
    distance, box = scene.tube(line, size)
    wave = grain.on_grid(*(axis[s] for axis, s in zip(scene.axes, box, strict=True)))
    share = scene.cover(distance + 2.2 * wave, 2.5)
    scene.paint(share, hu + 7 * wave, box)


def _paint_stomach(scene: Scene, trunk: Trunk, rng: np.random.Generator) -> None:
    full = rng.uniform(0.72, 1.12)
    line = np.array(
        [
            [-28, 18, 66],
            [-52, 8, 72],
            [-78, -18, 70],
            [-102, -42, 52],
            [-112, -50, 24],
            [-106, -40, -8],
            [-104, -26, -26],
        ]
    ) + rng.normal(0, 4, (7, 3))
    size = np.array([30, 35, 33, 27, 22, 16, 11]) * full
    fold = SmoothField(rng, scale_mm=13)
    distance, box = scene.tube(line, size)
    wave = fold.on_grid(*(axis[s] for axis, s in zip(scene.axes, box, strict=True)))
    distance = smooth_max(distance, _under_diaphragm(scene, trunk, box), 5)
    scene.paint(scene.cover(distance), 88, box)
    lumen = distance + 4.5 + 1.8 * np.clip(wave, -1, 1.5)
    meal = rng.uniform(5, 55)
    scene.paint(scene.cover(lumen), meal + 14 * np.clip(wave, -0.5, 2), box)
    # Gas rises to the front; the fluid level is flat in the room, not in the patient.
    level = float(scene.pose.to_scanner(np.array([[-90, rng.uniform(-52, -18), 50]]))[0, 1])
    gas = np.maximum(lumen + 0.8, (scene.axes[1][box[1]] - level)[None, :, None])
    scene.paint(scene.cover(gas.astype(np.float32)), -960, box)


def _paint_duodenum(scene: Scene, rng: np.random.Generator) -> None:
    """A C around the head of the pancreas."""
    line = np.array(
        [
            [-104, -24, -28],
            [-112, -10, -46],
            [-140, 2, -48],
            [-158, 4, -22],
            [-156, 4, 16],
            [-132, -6, 36],
        ]
    ) + rng.normal(0, 3, (6, 3))
    distance, box = scene.tube(line, rng.uniform(10, 13))
    scene.paint(scene.cover(distance), 92, box)
    scene.paint(scene.cover(distance + 3.4), rng.uniform(10, 45), box)


def _paint_spleen(scene: Scene, trunk: Trunk, rng: np.random.Generator) -> None:
    size = rng.uniform(0.85, 1.15)
    middle = (-58 + rng.uniform(-8, 8), 36, 100)
    distance, box = scene.ellipsoid(middle, np.array([58, 50, 44]) * size, turn=(-25, 10, 15))
    z, y, x = scene.z[box], scene.y[box], scene.x[box]
    inner = (np.sqrt(((z + 62) / 75) ** 2 + ((y - 16) / 44) ** 2 + ((x - 54) / 36) ** 2) - 1) * 38
    distance = smooth_max(distance, -inner, 8)
    distance = smooth_max(distance, _under_diaphragm(scene, trunk, box), 5)
    scene.paint(scene.cover(distance), rng.uniform(112, 132), box)


def _wandering_loop(rng: np.random.Generator, start: np.ndarray, length: int) -> np.ndarray:
    points, heading = [start], rng.normal(0, 1, 3)
    for _ in range(length):
        heading = 0.75 * heading + rng.normal(0, 0.8, 3)
        heading /= np.linalg.norm(heading)
        points.append(points[-1] + heading * (7, 9, 10))
    return np.array(points)


def _paint_bowel(scene: Scene, body: Body, rng: np.random.Generator) -> None:
    """Small bowel as wandering loops, colon as a frame with haustra."""
    fold = SmoothField(rng, scale_mm=8)
    for _ in range(58):
        start = rng.uniform((-310, -66, -78), (-138, 8, 84))
        line = _wandering_loop(rng, start, 9)
        gap = body.cavity(*line.T.astype(np.float32))
        line = line[gap < -16]
        if len(line) < 3:
            continue
        radius = rng.uniform(8, 12.5)
        distance, box = scene.tube(line, radius * rng.uniform(0.85, 1.1, len(line)))
        scene.paint(scene.cover(distance), rng.uniform(80, 115), box)
        scene.paint(scene.cover(distance + 2.8), rng.uniform(12, 45), box)
        if rng.random() < 0.3:
            top = scene.axes[1][box[1]][None, :, None] - float(
                scene.pose.to_scanner(line[1:2])[0, 1]
            )
            scene.paint(scene.cover(np.maximum(distance + 3, top.astype(np.float32))), -940, box)
    front = -body.front + 26
    frames = [
        [[-310, 22, -98], [-230, 22, -98], [-185, 12, -96], [-165, -12, -88]],
        [
            [-165, -12, -88],
            [-172, front, -60],
            [-180, front - 4, -10],
            [-168, front, 40],
            [-130, -30, 84],
            [-104, 4, 98],
        ],
        [[-104, 4, 98], [-140, 30, 100], [-230, 32, 102], [-310, 26, 98]],
    ]
    for frame, radius in zip(frames, (23, 19, 14), strict=True):
        corner = np.array(frame, dtype=float)
        corner = corner + rng.normal(0, 4, corner.shape)
        t = np.linspace(0, len(corner) - 1, 12 * (len(corner) - 1))
        line = np.stack([np.interp(t, np.arange(len(corner)), c) for c in corner.T], axis=1)
        haustra = 1 + 0.16 * np.sin(np.arange(len(line)) * 1.5 + rng.uniform(0, 6))
        distance, box = scene.tube(line, radius * rng.uniform(0.85, 1.15) * haustra)
        wave = fold.on_grid(*(axis[s] for axis, s in zip(scene.axes, box, strict=True)))
        scene.paint(scene.cover(distance), 72, box)
        stool = 10 + 28 * wave - 320 * np.clip(wave - 0.9, 0, 1)
        scene.paint(scene.cover(distance + 2.4), stool, box)
        middle = float(scene.pose.to_scanner(corner[len(corner) // 2][None])[0, 1])
        level = scene.axes[1][box[1]][None, :, None] - middle + rng.uniform(-2, 14)
        gas = np.maximum(distance + 3 + 2 * wave, level.astype(np.float32))
        scene.paint(scene.cover(gas), -950, box)


def paint_gallbladder(scene: Scene, liver: FloatArray, rng: np.random.Generator) -> None:
    """Gallbladder in its fossa; `liver` (distance on the whole grid) is pressed in by it."""
    middle = np.array([-104, -42, -44]) + rng.normal(0, (4, 4, 5))
    radii = rng.uniform((24, 11, 11), (34, 17, 17))
    distance, box = scene.ellipsoid(middle, radii, turn=(12, 20, 28))
    liver[box] = smooth_max(liver[box], 1.0 - distance, 6)
    scene.paint(scene.cover(distance), 75, box)
    scene.paint(scene.cover(distance + 1.8), rng.uniform(2, 16), box)
