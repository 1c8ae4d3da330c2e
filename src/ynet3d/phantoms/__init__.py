"""The embedded default: abdominal CT made by procedure."""

from ynet3d.phantoms.liver import Tumour
from ynet3d.phantoms.options import PhantomOptions
from ynet3d.phantoms.phantom import Phantom, make_phantom
from ynet3d.phantoms.writing import write_phantoms

__all__ = ["Phantom", "PhantomOptions", "Tumour", "make_phantom", "write_phantoms"]
