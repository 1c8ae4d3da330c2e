"""Metrics of label maps against references, over many cases and between models, and files."""

from ynet3d.components import label_components
from ynet3d.evaluation.agreement import VolumeAgreement, volume_agreement
from ynet3d.evaluation.bootstrap import Bootstrap, Estimate
from ynet3d.evaluation.cases import (
    CLASSES,
    CaseEvaluation,
    ClassEvaluation,
    LiverConvention,
    evaluate_pair,
)
from ynet3d.evaluation.comparison import (
    Comparison,
    ModelScores,
    compare,
    compare_files,
    comparison_table,
    write_comparison,
)
from ynet3d.evaluation.conventions import CONVENTIONS, EMPTY_CLASS_RULE, LITS_RULE, Convention
from ynet3d.evaluation.counting import Confusion, confusion
from ynet3d.evaluation.failures import Failure, failure_sentences
from ynet3d.evaluation.folders import evaluate
from ynet3d.evaluation.metrics import METRICS, ClassMetrics, dice
from ynet3d.evaluation.output import evaluation_json, write_evaluation
from ynet3d.evaluation.pairing import Pair, Pairing, match_pairs
from ynet3d.evaluation.plots import save_dice_plot
from ynet3d.evaluation.pooled import ClassPresence, PooledOverlap
from ynet3d.evaluation.relabelling import parse_label_map
from ynet3d.evaluation.screen import evaluation_table
from ynet3d.evaluation.summary import Evaluation, MetricSummary, summarise
from ynet3d.evaluation.surface import SurfaceDistances, surface_distances

__all__ = [
    "CLASSES",
    "CONVENTIONS",
    "EMPTY_CLASS_RULE",
    "LITS_RULE",
    "METRICS",
    "Bootstrap",
    "CaseEvaluation",
    "ClassEvaluation",
    "ClassMetrics",
    "ClassPresence",
    "Comparison",
    "Confusion",
    "Convention",
    "Estimate",
    "Evaluation",
    "Failure",
    "LiverConvention",
    "MetricSummary",
    "ModelScores",
    "Pair",
    "Pairing",
    "PooledOverlap",
    "SurfaceDistances",
    "VolumeAgreement",
    "compare",
    "compare_files",
    "comparison_table",
    "confusion",
    "dice",
    "evaluate",
    "evaluate_pair",
    "evaluation_json",
    "evaluation_table",
    "failure_sentences",
    "label_components",
    "match_pairs",
    "parse_label_map",
    "save_dice_plot",
    "summarise",
    "surface_distances",
    "volume_agreement",
    "write_comparison",
    "write_evaluation",
]
