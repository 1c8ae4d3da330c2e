"""A trained network as a file that other programs run without this package."""

from ynet3d.exporting.export import FORMATS, Exported, export_weights

__all__ = ["FORMATS", "Exported", "export_weights"]
