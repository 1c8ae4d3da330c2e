"""Synthetic tumours in livers, and CT from label maps: training data that nobody had to draw."""

from ynet3d.synthesis.insertion import draw_lesions, insert_lesions
from ynet3d.synthesis.lesions import Lesion, draw_cyst, draw_lesion
from ynet3d.synthesis.samples import LesionInserter

__all__ = [
    "Lesion",
    "LesionInserter",
    "draw_cyst",
    "draw_lesion",
    "draw_lesions",
    "insert_lesions",
]
