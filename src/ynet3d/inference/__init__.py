"""Volume in, label volume out."""

from ynet3d.inference.network_pass import count_windows, network_logits, pass_shape
from ynet3d.inference.predictor import Predictor, predict

__all__ = ["Predictor", "count_windows", "network_logits", "pass_shape", "predict"]
