"""Models compared on the same cases: paired statistics, tables and pictures."""

from ynet3d.evaluation.comparison.comparing import Comparison, DifferingCase, compare
from ynet3d.evaluation.comparison.models import compare_files
from ynet3d.evaluation.comparison.output import write_comparison
from ynet3d.evaluation.comparison.pairs import PairComparison
from ynet3d.evaluation.comparison.score_files import read_scores
from ynet3d.evaluation.comparison.scores import ModelScores
from ynet3d.evaluation.comparison.screen import comparison_table
from ynet3d.evaluation.comparison.words import difference, effect, p_value

__all__ = [
    "Comparison",
    "DifferingCase",
    "ModelScores",
    "PairComparison",
    "compare",
    "compare_files",
    "comparison_table",
    "difference",
    "effect",
    "p_value",
    "read_scores",
    "write_comparison",
]
