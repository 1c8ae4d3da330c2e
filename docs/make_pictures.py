"""The pictures of docs/outputs.md and docs/dicom.md: files of a phantom as other programs see them.

    python docs/make_pictures.py

Surfaces are those of the PLY files, drawn by VTK; the SEG and the contours are read by highdicom
and pydicom, and laid over the slices that they refer to.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import highdicom as hd
import matplotlib.pyplot as plt
import numpy as np
import pydicom
import vtk
from PIL import Image
from vtk.util.numpy_support import vtk_to_numpy

from ynet3d.phantoms import PhantomOptions, write_phantoms
from ynet3d.pipelines.dicom_export import export_prediction
from ynet3d.pipelines.meshes import write_meshes

HERE = Path(__file__).parent
SEED = 7
#: Where a camera stands, in LPS, and what is up: from the front, and from the front right above.
VIEWS = (((0, -1, 0), (0, 0, 1)), ((-0.8, -0.75, 0.55), (0, 0, 1)))
_SIZE = (620, 520)
_WINDOW_HU = (-110, 190)
_AROUND = 20  # pixels


def main() -> None:
    """Make the phantom and both pictures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        options = PhantomOptions(matrix=256, tumours=5)
        write_phantoms(folder, cases=1, seed=SEED, options=options, dicom=True)
        mask, series = folder / "segmentation-0.nii.gz", folder / "dicom-0"
        write_meshes(mask, folder / "meshes", formats=["ply"])
        export_prediction(mask, series, folder / "dicom")
        picture_of_meshes(folder / "meshes", HERE / "meshes.png")
        picture_of_dicom(series, folder / "dicom", HERE / "dicom.png")


def picture_of_meshes(folder: Path, target: Path) -> None:
    """The surfaces in their own colours, from two sides."""
    window = vtk.vtkRenderWindow()
    window.SetOffScreenRendering(1)
    window.SetSize(2 * len(VIEWS) * _SIZE[0], 2 * _SIZE[1])  # halved below, for smooth edges
    window.SetMultiSamples(0)  # or nothing translucent is drawn
    window.SetAlphaBitPlanes(1)
    for number, (place, up) in enumerate(VIEWS):
        renderer = vtk.vtkRenderer()
        renderer.SetViewport(number / len(VIEWS), 0, (number + 1) / len(VIEWS), 1)
        renderer.SetBackground(1, 1, 1)
        renderer.SetUseDepthPeeling(1)
        renderer.SetMaximumNumberOfPeels(20)
        for path in sorted(folder.glob("*.ply")):
            renderer.AddActor(_actor(path))
        camera = renderer.GetActiveCamera()
        camera.SetFocalPoint(0, 0, 0)
        camera.SetPosition(*place)
        camera.SetViewUp(*up)
        renderer.ResetCamera()
        camera.Zoom(1.35)
        window.AddRenderer(renderer)
    window.Render()
    grab = vtk.vtkWindowToImageFilter()
    grab.SetInput(window)
    grab.ReadFrontBufferOff()
    grab.Update()
    output = grab.GetOutput()
    columns, rows, _ = output.GetDimensions()
    pixels = vtk_to_numpy(output.GetPointData().GetScalars()).reshape(rows, columns, -1)[::-1]
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    _save(picture.resize((columns // 2, rows // 2), Image.Resampling.LANCZOS), target)


def _actor(path: Path) -> vtk.vtkActor:
    reader = vtk.vtkPLYReader()
    reader.SetFileName(str(path))
    mapper = vtk.vtkPolyDataMapper()
    mapper.SetInputConnection(reader.GetOutputPort())  # with the colours of its vertices
    actor = vtk.vtkActor()
    actor.SetMapper(mapper)
    actor.ForceTranslucentOn()  # the opacity is that of the colours
    actor.GetProperty().SetDiffuse(0.85)
    actor.GetProperty().SetAmbient(0.1)
    return actor


def picture_of_dicom(series: Path, objects: Path, target: Path) -> None:
    """The SEG as areas and the contours as lines, over the slices with most of each tumour."""
    images = {
        str(image.SOPInstanceUID): image
        for image in (pydicom.dcmread(path) for path in series.iterdir())
    }
    order = sorted(images, key=lambda uid: images[uid].ImagePositionPatient[2])
    seg = hd.seg.segread(objects / "segmentation.dcm")
    numbers = list(seg.segment_numbers)
    masks = seg.get_pixels_by_source_instance(
        order, segment_numbers=numbers, assert_missing_frames_are_empty=True
    )
    contours = pydicom.dcmread(objects / "contours.dcm")
    chosen = [int(masks[..., number].sum(axis=(1, 2)).argmax()) for number in range(1, 4)]
    everywhere = np.nonzero(masks[chosen].any(axis=(0, 3)))
    shown = [(int(at.min()) - _AROUND, int(at.max()) + _AROUND) for at in everywhere]
    figure, panels = plt.subplots(1, 3, figsize=(12.4, 3.9), facecolor="white")
    for axes, k in zip(panels, chosen, strict=True):
        image = images[order[k]]
        hu = image.pixel_array * float(image.RescaleSlope) + float(image.RescaleIntercept)
        axes.imshow(hu, cmap="gray", vmin=_WINDOW_HU[0], vmax=_WINDOW_HU[1])
        for roi in contours.ROIContourSequence:
            colour = np.array(roi.ROIDisplayColor, float) / 255
            place = numbers.index(roi.ReferencedROINumber)
            area = np.zeros((*hu.shape, 4))
            alone = place > 0 or ~masks[k, ..., 1:].any(
                axis=-1
            )  # the liver is drawn around tumours
            area[(masks[k, ..., place] > 0) & alone] = (*colour, 0.4)
            axes.imshow(area, interpolation="nearest")
            for contour in roi.get("ContourSequence", ()):
                if contour.ContourImageSequence[0].ReferencedSOPInstanceUID == order[k]:
                    axes.plot(*_pixels(contour, image), color=colour, linewidth=1.1)
        axes.set_xlim(*shown[1])
        axes.set_ylim(*shown[0][::-1])
        present = [
            seg.get_segment_description(number).segment_label
            for place, number in enumerate(numbers)
            if masks[k, ..., place].any()
        ]
        axes.set_title(", ".join(present), fontsize=10)
        axes.axis("off")
    figure.tight_layout()
    figure.savefig(target, dpi=100)
    _save(Image.open(target).convert("RGB"), target)


def _pixels(contour: pydicom.Dataset, image: pydicom.Dataset) -> np.ndarray:
    """Columns and rows of the points of a contour, closed."""
    points = np.array(contour.ContourData, float).reshape(-1, 3)
    points = np.concatenate([points, points[:1]]) - np.array(image.ImagePositionPatient, float)
    directions = np.array(image.ImageOrientationPatient, float).reshape(2, 3)
    spacing = np.array(image.PixelSpacing, float)[::-1]
    return (points @ directions.T / spacing).T


def _save(picture: Image.Image, target: Path) -> None:
    picture.quantize(256, kmeans=2, dither=Image.Dither.NONE).save(target, optimize=True)


if __name__ == "__main__":
    main()
