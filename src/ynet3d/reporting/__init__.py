"""Pictures, statistics and pages: what people look at."""

from ynet3d.reporting.architecture_figure import save_architecture
from ynet3d.reporting.cost_figure import CostPoint, save_dice_against_cost
from ynet3d.reporting.curves import save_curves
from ynet3d.reporting.lesion_table import write_lesions_csv
from ynet3d.reporting.network_comparison import ComparedCase, save_network_comparison
from ynet3d.reporting.overlay import save_overlay
from ynet3d.reporting.page import Case, CaseRow, Page, write_page
from ynet3d.reporting.parts import Cell, Column, Headline, Picture, Table
from ynet3d.reporting.run_curves import save_curves_of_runs
from ynet3d.reporting.section_page import Section, SectionPage, write_section_page
from ynet3d.reporting.statistics import statistics
from ynet3d.reporting.surface import save_surface

__all__ = [
    "Case",
    "CaseRow",
    "Cell",
    "Column",
    "ComparedCase",
    "CostPoint",
    "Headline",
    "Page",
    "Picture",
    "Section",
    "SectionPage",
    "Table",
    "save_architecture",
    "save_curves",
    "save_curves_of_runs",
    "save_dice_against_cost",
    "save_network_comparison",
    "save_overlay",
    "save_surface",
    "statistics",
    "write_lesions_csv",
    "write_page",
    "write_section_page",
]
