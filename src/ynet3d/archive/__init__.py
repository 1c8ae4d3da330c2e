"""Predicting an archive case by case, by many workers: nothing lost, nothing done twice."""

from ynet3d.archive.options import ArchiveSettings, RunOptions
from ynet3d.archive.run import predict_archive

__all__ = ["ArchiveSettings", "RunOptions", "predict_archive"]
