"""Synthetic tumours in livers, and CT from label maps: training data that nobody had to draw."""

from ynet3d.synthesis.insertion import draw_lesions, insert_lesions
from ynet3d.synthesis.lesions import Lesion, draw_cyst, draw_lesion
from ynet3d.synthesis.maps import MaskSource, TissueMap, find_masks, prepare_maps
from ynet3d.synthesis.samples import Synthesiser

__all__ = [
    "Lesion",
    "MaskSource",
    "Synthesiser",
    "TissueMap",
    "draw_cyst",
    "draw_lesion",
    "draw_lesions",
    "find_masks",
    "insert_lesions",
    "prepare_maps",
]
