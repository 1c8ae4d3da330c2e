"""Closed surfaces of liver and tumours, and files of them for other programs."""

from ynet3d.meshes.closed import Surface, closed_surface, require_vtk
from ynet3d.meshes.organs import NamedSurface, surfaces_of
from ynet3d.meshes.writing import FORMATS, write_surfaces

__all__ = [
    "FORMATS",
    "NamedSurface",
    "Surface",
    "closed_surface",
    "require_vtk",
    "surfaces_of",
    "write_surfaces",
]
