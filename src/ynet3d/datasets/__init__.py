"""Which cases exist, checking them, splitting them."""

from ynet3d.datasets.case import Case
from ynet3d.datasets.check_report import check_table, write_check_csv
from ynet3d.datasets.checking import CaseCheck, Flag, Severity, check_case, check_dataset
from ynet3d.datasets.dataset import DataSet
from ynet3d.datasets.fingerprint import dataset_fingerprint
from ynet3d.datasets.label_source import LabelFile, LabelSource
from ynet3d.datasets.merging import merge_datasets
from ynet3d.datasets.opening import LAYOUTS, open_dataset
from ynet3d.datasets.split_file import chosen_split, read_split, write_split
from ynet3d.datasets.splitting import PAPER_RATIO, Split, make_split

__all__ = [
    "LAYOUTS",
    "PAPER_RATIO",
    "Case",
    "CaseCheck",
    "DataSet",
    "Flag",
    "LabelFile",
    "LabelSource",
    "Severity",
    "Split",
    "check_case",
    "check_dataset",
    "check_table",
    "chosen_split",
    "dataset_fingerprint",
    "make_split",
    "merge_datasets",
    "open_dataset",
    "read_split",
    "write_check_csv",
    "write_split",
]
