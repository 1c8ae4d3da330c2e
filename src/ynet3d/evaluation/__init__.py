"""Metrics of label maps against references, over many cases and between models, and files."""

from ynet3d.components import label_components
from ynet3d.evaluation.cases import (
    CLASSES,
    CaseEvaluation,
    ClassEvaluation,
    LiverConvention,
    evaluate_pair,
)
from ynet3d.evaluation.comparison import Comparison, compare
from ynet3d.evaluation.comparison_output import comparison_table, write_comparison
from ynet3d.evaluation.counting import Confusion, confusion
from ynet3d.evaluation.folders import evaluate
from ynet3d.evaluation.metrics import EMPTY_CLASS_RULE, METRICS, ClassMetrics
from ynet3d.evaluation.output import evaluation_json, evaluation_table, write_evaluation
from ynet3d.evaluation.pairing import Pair, match_pairs
from ynet3d.evaluation.plots import save_dice_plot
from ynet3d.evaluation.summary import Evaluation, MetricSummary, summarise

__all__ = [
    "CLASSES",
    "EMPTY_CLASS_RULE",
    "METRICS",
    "CaseEvaluation",
    "ClassEvaluation",
    "ClassMetrics",
    "Comparison",
    "Confusion",
    "Evaluation",
    "LiverConvention",
    "MetricSummary",
    "Pair",
    "compare",
    "comparison_table",
    "confusion",
    "evaluate",
    "evaluate_pair",
    "evaluation_json",
    "evaluation_table",
    "label_components",
    "match_pairs",
    "save_dice_plot",
    "summarise",
    "write_comparison",
    "write_evaluation",
]
