"""A comparison in numbers for people: values, differences, p."""

from __future__ import annotations

from ynet3d.evaluation.comparison.pairs import PairComparison

_METRIC_NAMES = {
    "dice": "Dice",
    "jaccard": "Jaccard",
    "voe": "VOE",
    "rvd": "RVD",
    "abs_rvd": "RVD, size",
    "assd_mm": "ASSD (mm)",
    "rmsd_mm": "RMSD (mm)",
    "msd_mm": "MSD (mm)",
    "hd95_mm": "HD95 (mm)",
}


def metric_name(metric: str) -> str:
    """A metric for people: `hd95_mm` is HD95 (mm)."""
    if metric.startswith("nsd_"):
        return f"NSD at {metric.removeprefix('nsd_').removesuffix('mm')} mm"
    return _METRIC_NAMES.get(metric, metric.replace("_", " "))


def plain(value: float | None, metric: str) -> str:
    """A value of a metric: two digits after the point for mm, three for shares."""
    return "-" if value is None else f"{value:.{_digits(metric)}f}"


def signed(value: float | None, metric: str) -> str:
    """A difference of a metric, always with its sign, unless it is 0."""
    return "-" if value is None else _with_sign(value, _digits(metric))


def difference(row: PairComparison) -> str:
    """Median difference and its interval: +0.031 [0.010, 0.052]."""
    text = signed(row.median_difference, row.metric)
    if row.interval_95 is None:
        return text
    low, high = (signed(end, row.metric) for end in row.interval_95)
    return f"{text} [{low}, {high}]"


def p_value(p: float | None) -> str:
    """Three significant digits, as far as anyone reads them."""
    if p is None:
        return "-"
    return "< 0.001" if p < 0.001 else f"{p:.3g}"


def effect(row: PairComparison) -> str:
    """The effect size with its sign."""
    return "-" if row.test is None else _with_sign(row.test.rank_biserial, 2)


def _digits(metric: str) -> int:
    return 2 if metric.endswith("_mm") else 3


def _with_sign(value: float, digits: int) -> str:
    text = f"{value:+.{digits}f}".replace("-", "\u2212")
    return text[1:] if float(text[1:]) == 0 else text
