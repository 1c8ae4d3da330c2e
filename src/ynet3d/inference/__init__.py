"""Volume in, label volume out."""

from ynet3d.inference.network_pass import count_windows, network_logits, pass_shape
from ynet3d.inference.predictor import Predictor
from ynet3d.inference.two_stage import TwoStagePredictor, make_predictor, predict

__all__ = [
    "Predictor",
    "TwoStagePredictor",
    "count_windows",
    "make_predictor",
    "network_logits",
    "pass_shape",
    "predict",
]
