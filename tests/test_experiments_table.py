"""Table 1: its figures, and its three forms."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from types import SimpleNamespace

import pytest

from ynet3d.experiments.published import METRICS, TABLE_1
from ynet3d.experiments.table1 import Table1, make_table, markdown, mean_and_sd, write_table


def evaluation(dice: float, sd: float | None = 0.1, cases: int = 3) -> SimpleNamespace:
    """All metrics of both classes are `dice`."""
    found = SimpleNamespace(
        mean_with_reference=dice, sd_with_reference=sd, cases_with_reference=cases
    )
    classes = {name: dict.fromkeys(METRICS, found) for name in ("liver", "tumour")}
    return SimpleNamespace(summary=classes)


def run(name: str, title: str) -> SimpleNamespace:
    return SimpleNamespace(name=name, title=title)


def table_of(runs: list[SimpleNamespace], found: dict[str, SimpleNamespace]) -> Table1:
    return make_table(runs, found, about="3 scans")  # type: ignore[arg-type] - stand-ins


RUNS = [run("vnet", "3D V-Net"), run("other_net", "Other & net")]
FOUND = {"vnet": evaluation(0.5), "other_net": evaluation(0.75, None)}


def test_published_figures_are_the_papers() -> None:
    """Two spot checks of what the paper prints, and the whole shape."""
    assert TABLE_1["3dynet"]["tumour"]["precision"] == (0.483, 0.383)
    assert TABLE_1["3dynet-ee"]["liver"]["dice"] == (0.878, 0.043)
    for classes in TABLE_1.values():
        assert set(classes) == {"liver", "tumour"}
        assert all(tuple(metrics) == METRICS for metrics in classes.values())


def test_markdown_has_the_papers_layout_with_its_figures_beside_ours() -> None:
    table = table_of(RUNS, FOUND)
    lines = markdown(table).splitlines()
    assert lines[0].count("|") == 3 + 2 * len(METRICS)
    assert lines[2].startswith("| 3D V-Net | Liver | 0.500 ± 0.100 | 0.920 ± 0.071 |")
    assert lines[5].startswith("| Other & net | Tumours | **0.750** | – |")
    assert "3 scans" in lines[-1]


def test_files(tmp_path: Path) -> None:
    table = table_of(RUNS, FOUND)
    write_table(table, tmp_path)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "table1.csv").read_text("utf-8"))))
    assert len(rows) == 2 * 2 * len(METRICS)
    assert rows[0] == {
        "network": "vnet",
        "title": "3D V-Net",
        "class": "liver",
        "metric": "sensitivity",
        "mean": "0.5",
        "sd": "0.1",
        "cases": "3",
        "paper_mean": "0.92",
        "paper_sd": "0.071",
    }
    assert rows[-1]["sd"] == rows[-1]["paper_mean"] == ""
    latex = (tmp_path / "table1.tex").read_text("utf-8")
    assert r"Other \& net" in latex
    assert r"\textbf{0.750}" in latex
    assert latex.count(r"\textcolor{gray}{paper}") == 2
    assert latex.count("{") == latex.count("}")


@pytest.mark.parametrize(
    ("mean", "sd", "words"),
    [(None, None, "–"), (0.25, None, "0.250"), (0.25, 0.5, "0.250 ± 0.500")],
)
def test_mean_and_sd(mean: float | None, sd: float | None, words: str) -> None:
    assert mean_and_sd(mean, sd) == words


@pytest.mark.parametrize(
    ("other", "best"),
    [(evaluation(0.75), True), (evaluation(0.75, cases=2), False), (evaluation(0.5), False)],
)
def test_bold_is_for_the_highest_over_the_same_cases(other: SimpleNamespace, best: bool) -> None:
    found = {"vnet": evaluation(0.5), "other_net": other}
    table = table_of(RUNS, found)
    assert table.is_best(table.rows[2], "dice") == best
    assert not table.is_best(table.rows[0], "dice")


def test_no_column_for_the_paper_where_few_networks_are_in_it() -> None:
    runs = [*RUNS, run("third", "Third")]
    table = table_of(runs, {**FOUND, "third": evaluation(0.6)})
    assert markdown(table).splitlines()[0].count("|") == 3 + len(METRICS)
