"""Experiments: suites of networks trained under identical settings, tested and compared."""

from ynet3d.experiments.experiment import ExperimentResult, Options, run_experiment
from ynet3d.experiments.suite import Suite, list_suites, load_suite

__all__ = ["ExperimentResult", "Options", "Suite", "list_suites", "load_suite", "run_experiment"]
