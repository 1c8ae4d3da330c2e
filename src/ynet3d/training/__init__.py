"""Training: loss, sampling, loop, checkpoint, log."""

from ynet3d.training.loop import TrainingData, TrainingResult, train
from ynet3d.training.loss import make_loss

__all__ = ["TrainingData", "TrainingResult", "make_loss", "train"]
