"""The paper's Table 1 in its layout, measured here, with the published figures beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ynet3d.evaluation import Evaluation
from ynet3d.experiments.plan import PlannedRun
from ynet3d.experiments.published import METRICS, TABLE_1, TABLE_1_SOURCE, MeanAndSd
from ynet3d.files import write_csv, write_text

_COLUMNS = (
    "network", "title", "class", "metric", "mean", "sd", "cases", "paper_mean", "paper_sd",
)  # fmt: skip
_CLASSES = {"liver": "Liver", "tumour": "Tumours"}


@dataclass(frozen=True)
class Cell:
    """One figure: mean and standard deviation over `cases`, and the published one, if any."""

    mean: float | None
    sd: float | None
    cases: int
    published: MeanAndSd | None

    @property
    def words(self) -> str:
        """As the paper prints it, with ± for its ∓."""
        return mean_and_sd(self.mean, self.sd)

    @property
    def published_words(self) -> str:
        """The published figure, a dash if there is none."""
        return "–" if self.published is None else mean_and_sd(*self.published)


@dataclass(frozen=True)
class TableRow:
    """One network and class."""

    run: str
    title: str
    class_name: str
    cells: Mapping[str, Cell]


@dataclass(frozen=True)
class Table1:
    """Rows in the paper's order; tumours over the cases whose reference has one."""

    rows: tuple[TableRow, ...]
    about: str

    @property
    def note(self) -> str:
        """What the figures are means of."""
        note = (
            f"Mean ± standard deviation over {self.about}; tumours over the cases whose reference "
            "has a tumour, undefined figures (precision without any predicted voxel) left out."
        )
        return f"{note} Paper: {TABLE_1_SOURCE}." if has_published(self) else note

    def is_best(self, row: TableRow, metric: str) -> bool:
        """Whether a mean is the highest of its column as printed, all over the same cases.

        A network must not look best by leaving undefined what it missed; where all are the same,
        none is best.
        """
        column = [each.cells[metric] for each in self.rows if each.class_name == row.class_name]
        means = [round(cell.mean, 3) for cell in column if cell.mean is not None]
        mean = row.cells[metric].mean
        if mean is None or len(means) < len(column) or len({cell.cases for cell in column}) > 1:
            return False
        return round(mean, 3) == max(means) > min(means)


def make_table(
    runs: Sequence[PlannedRun], evaluations: Mapping[str, Evaluation], *, about: str
) -> Table1:
    """Table 1 of `runs`; `about` says which cases `evaluations` are of."""
    rows = []
    for run in runs:
        summary = evaluations[run.name].summary
        for class_name in _CLASSES:
            cells = {}
            for metric in METRICS:
                found = summary[class_name][metric]
                published = TABLE_1.get(run.name, {}).get(class_name, {}).get(metric)
                cells[metric] = Cell(
                    found.mean_with_reference,
                    found.sd_with_reference,
                    found.cases_with_reference,
                    published,
                )
            rows.append(TableRow(run.name, run.title, class_name, cells))
    return Table1(tuple(rows), about)


def write_table(table: Table1, folder: Path, name: str = "table1") -> None:
    """Write NAME.md, NAME.csv and NAME.tex."""
    write_text(folder / f"{name}.md", markdown(table))
    write_csv(folder / f"{name}.csv", _COLUMNS, _rows(table))
    write_text(folder / f"{name}.tex", _latex(table))


def mean_and_sd(mean: float | None, sd: float | None) -> str:
    """A figure as the paper prints it."""
    if mean is None:
        return "–"
    return f"{mean:.3f}" if sd is None else f"{mean:.3f} ± {sd:.3f}"


def has_published(table: Table1) -> bool:
    """Whether half of the networks or more have figures in the paper; dashes alone say little."""
    found = [any(cell.published for cell in row.cells.values()) for row in table.rows]
    return sum(found) * 2 >= len(found) > 0


def markdown(table: Table1) -> str:
    """The table for a README or a notebook; the best mean of each column in bold."""
    paired = has_published(table)
    names = [
        part
        for metric in METRICS
        for part in ((metric.capitalize(), "paper") if paired else (metric.capitalize(),))
    ]
    lines = [f"| Network | Class | {' | '.join(names)} |", "|---" * (2 + len(names)) + "|"]
    for row in table.rows:
        cells = []
        for metric in METRICS:
            cell = row.cells[metric]
            cells.append(f"**{cell.words}**" if table.is_best(row, metric) else cell.words)
            if paired:
                cells.append(cell.published_words)
        lines.append(f"| {row.title} | {_CLASSES[row.class_name]} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", table.note, ""])


def _rows(table: Table1) -> list[tuple[object, ...]]:
    return [
        (row.run, row.title, row.class_name, metric, cell.mean, cell.sd, cell.cases)
        + (cell.published or (None, None))
        for row in table.rows
        for metric, cell in row.cells.items()
    ]


def _latex(table: Table1) -> str:
    """A tabular of the package booktabs, as the paper's but with its figures in grey beneath."""
    lines = [
        r"% needs \usepackage{booktabs,xcolor}",
        r"\begin{tabular}{ll" + "c" * len(METRICS) + "}",
        r"\toprule",
        "Network & Class & " + " & ".join(metric.capitalize() for metric in METRICS) + r" \\",
    ]
    previous = None
    for row in table.rows:
        if row.run != previous:
            lines.append(r"\midrule")
        cells = []
        for metric in METRICS:
            words = _latex_words(row.cells[metric].words)
            cells.append(rf"\textbf{{{words}}}" if table.is_best(row, metric) else words)
        title = "" if row.run == previous else _escaped(row.title)
        lines.append(f"{title} & {_CLASSES[row.class_name]} & " + " & ".join(cells) + r" \\")
        if any(cell.published for cell in row.cells.values()):
            published = [_latex_words(row.cells[metric].published_words) for metric in METRICS]
            grey = " & ".join(rf"\textcolor{{gray}}{{{words}}}" for words in published)
            lines.append(rf" & \textcolor{{gray}}{{paper}} & {grey} \\")
        previous = row.run
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", f"% {table.note}", ""])


def _latex_words(words: str) -> str:
    return words.replace("±", r"$\pm$").replace("–", "--")


def _escaped(text: str) -> str:
    for character in "&%#_":
        text = text.replace(character, f"\\{character}")
    return text
