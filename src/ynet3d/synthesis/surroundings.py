"""A whole abdomen around the masks at hand: what nobody drew is made up, once for each label map.

Masks always win. What they leave open becomes fat, muscle, lung, stomach, bowel and the organs that
have no mask, placed by rule and roughened by random fields.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ynet3d.synthesis.fields import FloatArray
from ynet3d.synthesis.frame import Frame, Mask, frame_of, with_body
from ynet3d.synthesis.mask_reading import Structures
from ynet3d.synthesis.organs import bowel, kidneys, small_vessels, soft_organs, stomach
from ynet3d.synthesis.tissues import Tissue

Tissues = npt.NDArray[np.uint8]


def complete(found: Structures, generator: np.random.Generator) -> Tissues:
    """Tissue map (D, H, W) uint8 of a patient of whom `found` is known; at least the liver.

    The result is larger than the masks where a body had to be made around them.
    """
    found = with_body(found, generator)
    masks, frame = found.masks, frame_of(found)
    body = ndimage.binary_fill_holes(masks["body"]) | masks["liver"]
    tissue = np.zeros(body.shape, np.uint8)
    depth = _distance(body, found)
    bone = _filled_bones(masks["bone"], frame)
    wall, skin_fat = _trunk(tissue, body, depth, frame, masks, bone, generator)
    cavity = (depth > wall) | _grown(masks["liver"], found, 4)
    tissue[cavity & body] = Tissue.FAT
    back = _paint_back(tissue, frame, depth, skin_fat, generator)
    _paint_spine_surroundings(tissue, frame, cavity)
    cavity &= ~back
    roof = _diaphragm(frame, masks, cavity)
    away = _distance(~masks["liver"], found)
    room = cavity & (frame.z < roof) & (away > 1.5)
    if "lung" not in masks:
        _paint_lungs(tissue, frame, cavity & (frame.z > roof) & (away > 2), masks, generator)
    for paint in (small_vessels, bowel, stomach, kidneys, soft_organs):
        paint(tissue, frame, room & (tissue == Tissue.FAT), masks, generator)
    _paint_bones(tissue, masks["bone"], bone, frame, found)
    _paint_holes(tissue, frame, masks["liver"])
    _paint_masks(tissue, masks, found)
    tissue[body & (depth < 2.6)] = Tissue.SKIN
    _paint_liver(tissue, masks)
    return tissue


def _distance(mask: Mask, found: Structures) -> npt.NDArray[np.float32]:
    """Distance (mm) to where `mask` ends."""
    import edt

    result: npt.NDArray[np.float32] = edt.edt(
        np.ascontiguousarray(mask), anisotropy=found.spacing, black_border=False, parallel=1
    )
    return result


def _grown(mask: Mask, found: Structures, by_mm: float) -> Mask:
    result: Mask = _distance(~mask, found) <= by_mm
    return result


def _filled_bones(bone: Mask, frame: Frame) -> Mask:
    """Bones as solids with the spinal canal; masks of bone often hold the bright shell alone."""
    steps = max(1, round(3.0 / frame.spacing[1]))
    disk = np.hypot(*np.mgrid[-steps : steps + 1, -steps : steps + 1]) <= steps
    solid = np.zeros_like(bone)
    middle = np.abs(frame.x[0, 0]) < 12 * frame.size
    fronts = np.zeros(len(bone), np.float32)
    for index, plane in enumerate(bone):
        if plane.any():
            closed = ndimage.binary_closing(np.pad(plane, 8), disk)[8:-8, 8:-8]
            solid[index] = ndimage.binary_fill_holes(closed)
        # The spine leans: its front is looked for in every slice, away from the sternum.
        rows = np.flatnonzero(plane[:, middle].sum(axis=1) >= 3)
        rows = rows[frame.y[0, rows, 0] > -35 * frame.size]
        fronts[index] = frame.y[0, rows[0], 0] if len(rows) else np.nan
    known = np.flatnonzero(np.isfinite(fronts))
    if len(known):
        fronts = np.interp(np.arange(len(bone)), known, fronts[known]).astype(np.float32)
        fronts = ndimage.median_filter(fronts, 15)
    behind = frame.y - np.nan_to_num(fronts)[:, None, None] - 39 * frame.size
    canal = (frame.x / (9 * frame.size)) ** 2 + (behind / (8 * frame.size)) ** 2 < 1
    result: Mask = solid & ~canal
    return result


def _trunk(
    tissue: Tissues,
    body: Mask,
    depth: FloatArray,
    frame: Frame,
    masks: dict[str, Mask],
    bone: Mask,
    generator: np.random.Generator,
) -> tuple[FloatArray, float]:
    """Fat under the skin and the muscles of the wall; the wall's thickness and the fat's (mm)."""
    ribs = bone & (np.abs(frame.x) > 60 * frame.size)
    rib_depth = depth[ribs] if ribs.any() else depth[masks["liver"]]
    inner = float(np.clip(np.quantile(depth[masks["liver"]], 0.03), 10, 60))
    fat = float(np.clip(np.quantile(rib_depth, 0.15) - 5, 3, inner - 6))
    wave = frame.field(generator, 45)
    fine = frame.field(generator, 9)
    # Thicker in front below and behind, as belly and back are.
    low = np.clip(-frame.z / 150, 0, 1)
    front = np.clip(-frame.y / (60 * frame.size), 0, 1)
    thick = fat * (1 + 0.12 * wave + 0.25 * low * front)
    # The flanks have three muscles, the front one; between the two straps there is only a line.
    straps = front * np.exp(-(((np.abs(frame.x) / frame.size - 36) / 26) ** 2))
    bulk = (inner - fat) * (1 - 0.45 * front + 0.55 * straps + 0.2 * wave)
    wall = np.maximum(thick + np.maximum(bulk, 3), inner - 3).astype(np.float32)
    tissue[body] = Tissue.FAT
    muscle = (depth > thick) & (depth <= wall + 1) & body
    tissue[muscle] = Tissue.MUSCLE
    layer = np.abs(depth - (thick + (0.45 + 0.12 * wave) * (wall - thick))) < 0.6 + 1.1 * fine
    tissue[muscle & layer] = Tissue.FAT  # fat planes between the muscles
    return wall, fat


def _paint_back(
    tissue: Tissues,
    frame: Frame,
    depth: FloatArray,
    skin_fat: float,
    generator: np.random.Generator,
) -> Mask:
    """The long muscles beside the spine, with fat in them; returns where no cavity can be."""
    s, fine = frame.size, frame.field(generator, 6)
    side = np.abs(frame.x)
    erector = ((side - 32 * s) / (28 * s)) ** 2 + (
        (frame.y - 58 * s) / (19 * s)
    ) ** 2 < 1 + 0.1 * fine
    behind = erector & (depth > skin_fat)
    tissue[behind] = Tissue.MUSCLE
    tissue[behind & (np.abs(fine - 1.2) < 0.12)] = Tissue.FAT
    blocked: Mask = behind
    return blocked


def _paint_spine_surroundings(tissue: Tissues, frame: Frame, cavity: Mask) -> None:
    """Psoas, crura and what lies between vertebrae."""
    s, side = frame.size, np.abs(frame.x)
    low = np.clip(-(frame.z + 80 * s) / (120 * s), 0, 1)
    psoas = ((side - (26 + 8 * low) * s) / ((3 + 14 * low) * s)) ** 2
    psoas = psoas + ((frame.y - 16 * s) / ((6 + 14 * low) * s)) ** 2
    tissue[(psoas < 1) & (frame.z < -70 * s)] = Tissue.MUSCLE
    crura = ((side - 15 * s) / (6 * s)) ** 2 + ((frame.y + 3 * s) / (12 * s)) ** 2 < 1
    tissue[crura & cavity & (frame.z > -130 * s)] = Tissue.MUSCLE
    column = (frame.x / (23 * s)) ** 2 + ((frame.y - 16 * s) / (16 * s)) ** 2 < 1
    tissue[column & np.ones_like(cavity)] = Tissue.MUSCLE  # discs; vertebrae come later
    canal = (frame.x / (9 * s)) ** 2 + ((frame.y - 40 * s) / (8 * s)) ** 2 < 1
    tissue[canal & np.ones_like(cavity)] = Tissue.MUSCLE


def _diaphragm(frame: Frame, masks: dict[str, Mask], cavity: Mask) -> FloatArray:
    """Height (1, H, W) of the diaphragm: on the liver, mirrored to the left, lower outside."""
    liver = masks["liver"] | masks.get("spleen", np.zeros_like(masks["liver"]))
    z = frame.z[:, 0, 0]
    covered = liver.any(axis=0)
    top = np.where(covered, z[liver.shape[0] - 1 - liver[::-1].argmax(axis=0)], np.nan)
    columns = np.arange(liver.shape[2])
    middle = int(np.argmin(np.abs(frame.x[0, 0])))
    mirror = np.clip(2 * middle - columns, 0, liver.shape[2] - 1)
    left = np.where(frame.x[0] > 10, top[:, mirror] - 18 * frame.size, np.nan)
    known = np.fmax(top, left)
    there = np.isfinite(known)
    away, (rows, cols) = ndimage.distance_transform_edt(
        ~there, sampling=frame.spacing[1:], return_indices=True
    )
    height = known[rows, cols] - 1.1 * away
    sigma = [7 / step for step in frame.spacing[1:]]
    smooth = ndimage.gaussian_filter(height, sigma)
    result: FloatArray = (
        np.fmax(smooth, np.where(covered, top, -np.inf))[None].astype(np.float32) + 2
    )
    return result


def _paint_lungs(
    tissue: Tissues,
    frame: Frame,
    chest: Mask,
    masks: dict[str, Mask],
    generator: np.random.Generator,
) -> None:
    s = frame.size
    wave = 0.12 * frame.field(generator, 30)
    middle = frame.ellipsoid((0, -22, 3), (500, 40, 27), wave) > 0
    # The heart lies on the diaphragm, to the left; how high that is, the liver says.
    heart = frame.ellipsoid((30, -62, 26), (52, 38, 50), wave)
    chambers = frame.ellipsoid((34, -62, 30), (40, 24, 34), 1.5 * wave) > 0
    tissue[chest] = Tissue.LUNG
    tissue[chest & (frame.field(generator, 5) > 2.1)] = Tissue.LUNG_VESSEL
    tissue[chest & (middle | (heart > -0.1))] = Tissue.FAT
    tissue[chest & (heart > 0)] = Tissue.HEART
    tissue[chest & (heart > 0.15) & chambers] = Tissue.CHAMBER
    gullet = ((frame.x - 8 * s) / (7 * s)) ** 2 + ((frame.y + 24 * s) / (6 * s)) ** 2 < 1
    tissue[chest & gullet] = Tissue.MUSCLE


def _paint_bones(tissue: Tissues, bone: Mask, solid: Mask, frame: Frame, found: Structures) -> None:
    tissue[solid] = Tissue.MARROW
    shell = solid & (_distance(solid, found) < 2.2)
    tissue[shell | (bone & (np.abs(frame.x) > 30 * frame.size))] = Tissue.BONE


def _paint_holes(tissue: Tissues, frame: Frame, liver: Mask) -> None:
    """What the liver encloses in a slice: the vena cava behind, the gallbladder in front."""
    for index, plane in enumerate(liver):
        holes = ndimage.binary_fill_holes(plane) & ~plane
        if holes.any():
            behind = holes & (frame.y[0] > -45 * frame.size)
            tissue[index][behind] = Tissue.VEIN
            tissue[index][holes & ~behind] = Tissue.GALLBLADDER


def _paint_masks(tissue: Tissues, masks: dict[str, Mask], found: Structures) -> None:
    """What is known replaces what was made up."""
    plain = {
        "lung": Tissue.LUNG,
        "spleen": Tissue.SPLEEN,
        "pancreas": Tissue.PANCREAS,
        "gallbladder": Tissue.GALLBLADDER,
        "adrenal": Tissue.ADRENAL,
        "heart": Tissue.HEART,
        "bowel": Tissue.CONTENT,
        "portal": Tissue.PORTAL,
        "vein": Tissue.VEIN,
        "artery": Tissue.ARTERY,
    }
    for name, value in plain.items():
        if name in masks:
            tissue[masks[name]] = value
    if "kidney" in masks:
        tissue[masks["kidney"]] = Tissue.KIDNEY
        tissue[_distance(masks["kidney"], found) > 6] = Tissue.MEDULLA
    for hollow in ("stomach", "bowel"):
        if hollow in masks:
            tissue[masks[hollow]] = Tissue.WALL
            tissue[_distance(masks[hollow], found) > 3.5] = Tissue.CONTENT


def _paint_liver(tissue: Tissues, masks: dict[str, Mask]) -> None:
    """The liver, its vessels and what grows in it, which is all the labels know."""
    liver = masks["liver"]
    tumour = masks.get("tumour", np.zeros_like(liver))
    tissue[liver] = Tissue.LIVER
    if "portal" in masks:
        tissue[liver & masks["portal"]] = Tissue.LIVER_PORTAL
    if "vein" in masks:
        tissue[liver & masks["vein"]] = Tissue.LIVER_VEIN
    if "cyst" in masks:
        tissue[liver & masks["cyst"]] = Tissue.CYST
    tissue[tumour] = Tissue.TUMOUR
