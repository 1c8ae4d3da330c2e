"""Training: loss, sampling, loop, checkpoint, log."""

from ynet3d.training.data import TrainingData, TrainingResult
from ynet3d.training.loop import train
from ynet3d.training.loss import make_loss
from ynet3d.training.starting import check_run

__all__ = ["TrainingData", "TrainingResult", "check_run", "make_loss", "train"]
