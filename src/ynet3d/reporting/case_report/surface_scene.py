"""The 3D view of a report: surfaces small enough for a page, and the page that turns them."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ynet3d.labels import Label
from ynet3d.reporting import style
from ynet3d.reporting.mesh import Mesh, surface_of
from ynet3d.reporting.rasterizer import View
from ynet3d.reporting.rendering import Surfaces, render
from ynet3d.reporting.surface import VIEWS
from ynet3d.reporting.templating import source
from ynet3d.reporting.views import Box, crop, foreground_box
from ynet3d.volumes import Volume

_MOST_TRIANGLES = {Label.LIVER: 34_000, Label.TUMOUR: 24_000}
_FINEST_MM = {Label.LIVER: 2.4, Label.TUMOUR: 1.2}
_NUMBERED = 12  # lesions with their number in the view; more would hide it
_STILL_WIDTH = 420
_AROUND = 0.08  # free rim of a still, as a share of the surface


@dataclass(frozen=True)
class Still:
    """The surfaces from one side, for paper."""

    name: str
    letters: str
    png: bytes
    size: tuple[int, int]
    width_mm: float

    @property
    def uri(self) -> str:
        """The picture as a data URI."""
        return f"data:image/png;base64,{base64.b64encode(self.png).decode('ascii')}"


class SurfaceScene:
    """Liver and tumours of a mask in 3D.

    Args:
        label: 0 background, 1 liver, 2 tumour.
        lesions: those of `statistics`, for their numbers.
    """

    def __init__(self, label: Volume, lesions: Sequence[Mapping[str, Any]]) -> None:
        self.label = label
        self.lesions = lesions

    @cached_property
    def surfaces(self) -> Surfaces:
        """The surfaces, with under 60 000 triangles together."""
        box = foreground_box(self.label.array)
        if box is None:
            return Surfaces(None, None)
        tumours = foreground_box(crop(self.label.array, box) >= Label.TUMOUR)
        inner: Box | None = None
        if tumours is not None:
            sides = [
                (first + low, first + high)
                for (first, _), (low, high) in zip(box, tumours, strict=True)
            ]
            inner = sides[0], sides[1], sides[2]
        return Surfaces(self._mesh(Label.LIVER, box), inner and self._mesh(Label.TUMOUR, inner))

    def _mesh(self, value: Label, box: Box) -> Mesh | None:
        """The surface on the finest grid that keeps it small."""
        grid_mm, most = _FINEST_MM[value], _MOST_TRIANGLES[value]
        while True:
            mesh = surface_of(
                self.label.array,
                self.label.affine,
                box,
                at_least=value,
                grid_mm=grid_mm,
                smooth_mm=max(grid_mm, 2.0) if value == Label.LIVER else grid_mm,
            )
            if mesh is None or len(mesh.faces) <= most:
                return mesh
            # Triangles grow with the square of the grid; never by less than a tenth.
            grid_mm *= max(1.1, 1.02 * float(np.sqrt(len(mesh.faces) / most)))

    def stills(self) -> list[Still]:
        """The surfaces from the front, from the right and from the feet; none without any."""
        return [still for view in VIEWS if (still := self._still(view)) is not None]

    def _still(self, view: View) -> Still | None:
        from PIL import Image

        extents = [self.surfaces.extent(one) for one in VIEWS]
        extent = self.surfaces.extent(view)
        if extent is None:
            return None
        # One scale and one height for all, so that they can be compared side by side.
        spans = [float((one[1] - one[0]).max()) for one in extents if one is not None]
        width_mm = max(spans) * (1 + 2 * _AROUND)
        across, up = extent.mean(axis=0).tolist()
        picture = render(
            self.surfaces,
            view,
            (_STILL_WIDTH, _STILL_WIDTH),
            middle=(across, up),
            pixel_mm=width_mm / _STILL_WIDTH,
            backdrop=("#ffffff", "#eef1f5"),
            veil=0.6,
        )
        stream = io.BytesIO()
        Image.fromarray(picture).save(stream, format="PNG", optimize=True)
        return Still(
            view.name, view.letters, stream.getvalue(), (_STILL_WIDTH, _STILL_WIDTH), width_mm
        )

    def page(self) -> str | None:
        """A page of its own that shows and turns the surfaces; None if there is nothing to show.

        It is trimesh's viewer (three.js and the surfaces in one file), with a script of ours for
        colours, the first view, the keyboard and the numbers of lesions.
        """
        from trimesh import Scene
        from trimesh.viewer.notebook import scene_to_html

        scene = Scene()
        named = (("tumours", self.surfaces.tumour), ("liver", self.surfaces.liver))
        colours = {"tumours": style.TUMOUR, "liver": style.LIVER}
        for name, mesh in named:
            if mesh is not None:
                scene.add_geometry(_as_trimesh(mesh, colours[name]), node_name=name, geom_name=name)
        if not scene.geometry:
            return None
        html = scene_to_html(scene)
        first = f"<script>{source('viewer_failure.js')}</script>"
        options = json.dumps({"lesions": self._numbers(), "colours": colours})
        last = f"<style>{source('viewer.css')}</style><script>const report = {options};\n"
        last += f"{source('viewer.js')}</script>"
        before, _, after = html.replace("<body>", f"<body>{first}", 1).rpartition("</body>")
        return f"{before}{last}</body>{after}"

    def _numbers(self) -> list[dict[str, Any]]:
        """Number and place (RAS+ mm, as the surfaces) of the largest lesions."""
        return [
            {"id": int(lesion["id"]), "at": [round(value, 1) for value in (-left, -back, head)]}
            for lesion in self.lesions[:_NUMBERED]
            for left, back, head in [lesion["centroid_lps_mm"]]
        ]


def _as_trimesh(mesh: Mesh, colour: str) -> Any:
    import trimesh
    from trimesh.visual import TextureVisuals
    from trimesh.visual.material import PBRMaterial

    faces = mesh.faces
    corners = mesh.vertices[faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    # The corners of a mirrored grid run the other way round, and a viewer would see the inside.
    if float(np.sum(across * mesh.normals[faces].mean(axis=1))) < 0.0:
        faces = faces[:, ::-1]
    material = PBRMaterial(
        baseColorFactor=[*(round(255 * part) for part in style.rgb(colour)), 255],
        metallicFactor=0.0,
        roughnessFactor=0.6,
        doubleSided=True,
    )
    return trimesh.Trimesh(
        vertices=mesh.vertices,
        faces=faces,
        vertex_normals=mesh.normals,
        visual=TextureVisuals(material=material),
        process=False,
        validate=False,
    )
