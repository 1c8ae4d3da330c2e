"""Vessel trees that fill an organ: grown from target to target, calibres close to Murray's law."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ynet3d.phantoms.fields import FloatArray

Points = npt.NDArray[np.float64]


def grow_tree(
    rng: np.random.Generator,
    trunk: npt.ArrayLike,
    targets: Points,
    *,
    leaf_mm: float,
    root_mm: float,
    step_mm: float = 9.0,
) -> list[tuple[Points, npt.NDArray[np.float64]]]:
    """Branches as (points (n, 3), radii (n,)) from `trunk` to each of `targets`.

    Each target joins the nearest node of the tree, near the root first, so that long branches
    come to lie first and fine ones sprout from them.
    """
    nodes = [np.asarray(p, dtype=float) for p in np.asarray(trunk, dtype=float)]
    parent = [index - 1 for index in range(len(nodes))]
    depth = [0.0] * len(nodes)
    leaves = []
    for target in targets:
        away = np.linalg.norm(np.array(nodes) - target, axis=1)
        start = int(np.argmin(away + 0.12 * np.array(depth)))
        count = max(1, round(float(away[start]) / step_mm))
        origin, node = nodes[start], start
        sag = rng.normal(0, 0.09 * away[start], 3)
        for step in range(1, count + 1):
            t = step / count
            nodes.append(origin + (target - origin) * t + sag * 4 * t * (1 - t))
            parent.append(node)
            depth.append(depth[node] + float(away[start]) / count)
            node = len(nodes) - 1
        leaves.append(node)
    flow = np.zeros(len(nodes))
    for leaf in leaves:
        node = leaf
        while node >= 0:
            flow[node] += 1
            node = parent[node]
    radius = leaf_mm * np.maximum(flow, 1) ** (1 / 2.7)
    radius *= min(1.0, root_mm / radius[0])
    radius = np.maximum(radius, leaf_mm * 0.9)
    lines = []
    for node, before in enumerate(parent):
        if before >= 0:
            lines.append(
                (np.array([nodes[before], nodes[node]]), np.array([radius[node], radius[node]]))
            )
    return lines


def points_inside(
    rng: np.random.Generator,
    distance: Callable[..., FloatArray],
    low: tuple[float, float, float],
    high: tuple[float, float, float],
    *,
    count: int,
    depth_mm: float,
) -> Points:
    """Random points at least `depth_mm` below the surface of `distance`, shape (<= count, 3)."""
    points = rng.uniform(low, high, (40 * count + 400, 3))
    columns = points.astype(np.float32).T
    inside = distance(columns[0], columns[1], columns[2]) < -depth_mm
    return points[inside][:count]
