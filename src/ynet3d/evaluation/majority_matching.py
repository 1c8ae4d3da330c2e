"""Our matching of lesions: each belongs to the one on the other side that holds most of it."""

from __future__ import annotations

import numpy as np

from ynet3d.evaluation.overlaps import Group, Overlaps


def majority_groups(overlaps: Overlaps) -> tuple[Group, ...]:
    """Group predicted and reference lesions that belong together.

    A lesion belongs to the lesion of the other side that holds more than half of its voxels; there
    is at most one. Lesions linked in this way, however indirectly, form a group: a pair, two
    references bridged by one prediction, a reference split into two predictions.

    - Nothing depends on the numbers of the lesions (there are no ties), and swapping prediction and
      reference only swaps the sides.
    - Two lesions with IoU > 0.5 are always in one group, since what they share is more than half of
      either. Where nothing is bridged or split, this is one-to-one matching at IoU > 0.5.
    - The IoU of a group is never below that of a pair in it with IoU > 0.5: whatever joined them
      brings more shared voxels (over half of its own) than others. Lesions that merely graze each
      other stay apart, so that none can spoil another's match or borrow it.

    Returns:
        Groups with lesions on both sides, in order of their lowest prediction.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    predictions, references = len(overlaps.prediction_voxels), len(overlaps.reference_voxels)
    links = [
        (p - 1, predictions + r - 1)
        for (p, r), voxels in overlaps.common.items()
        if 2 * voxels > min(overlaps.prediction_voxels[p - 1], overlaps.reference_voxels[r - 1])
    ]
    if not links:
        return ()
    size = predictions + references
    graph = coo_array((np.ones(len(links)), np.array(links).T), shape=(size, size))
    _, part = connected_components(graph, directed=False)
    members: dict[int, tuple[list[int], list[int]]] = {}
    for node in sorted({node for link in links for node in link}):
        predicted, referred = members.setdefault(int(part[node]), ([], []))
        if node < predictions:
            predicted.append(node + 1)
        else:
            referred.append(node - predictions + 1)
    return tuple(Group(tuple(p), tuple(r)) for p, r in members.values())
