// The scan in three planes and the mask in 3D, by NiiVue.

import { WINDOWS } from "./windows.js";
import { DRAG_MODE, NVImage, Niivue, SHOW_RENDER, SLICE_TYPE } from "/viewer/niivue.js";

const LIVER = [255, 159, 28];
const TUMOUR = [46, 196, 79];
const COLOURS = {
  R: [0, LIVER[0], TUMOUR[0]], G: [0, LIVER[1], TUMOUR[1]], B: [0, LIVER[2], TUMOUR[2]],
  A: [0, 255, 255], I: [0, 1, 2], labels: ["", "liver", "tumour"],
};
// left, top, width, height; the mask in 3D takes what is left (style.css).
const LAYOUTS = {
  all: [
    { sliceType: SLICE_TYPE.AXIAL, position: [0, 0, 0.62, 1] },
    { sliceType: SLICE_TYPE.CORONAL, position: [0.62, 0, 0.38, 0.3333] },
    { sliceType: SLICE_TYPE.SAGITTAL, position: [0.62, 0.3333, 0.38, 0.3333] },
  ],
  axial: [{ sliceType: SLICE_TYPE.AXIAL, position: [0, 0, 1, 1] }],
  coronal: [{ sliceType: SLICE_TYPE.CORONAL, position: [0, 0, 1, 1] }],
  sagittal: [{ sliceType: SLICE_TYPE.SAGITTAL, position: [0, 0, 1, 1] }],
};

export class Viewer {
  constructor({ planes, solid, stage, onPlace, onWindow, onEdit }) {
    Object.assign(this, { stage, onWindow, onEdit });
    this.opacity = 0.4;
    this.hidden = false;
    this.hasMask = false;
    this.layout = "all";
    const shared = {
      dragAndDropEnabled: false, // the page takes what is dropped
      loadingText: "", isResizeCanvas: true, logLevel: "error", backColor: [0, 0, 0, 1],
      clipPlaneHotKey: "", cycleClipPlaneHotKey: "", viewModeHotKey: "", isColorbar: false,
    };
    this.planes = new Niivue({
      ...shared, isRadiologicalConvention: true, sagittalNoseLeft: true, multiplanarShowRender: SHOW_RENDER.NEVER,
      isNearestInterpolation: false, crosshairWidth: 1.2, crosshairWidthUnit: "mm", crosshairColor: [0.45, 0.75, 1, 0.7],
      crosshairGap: 10, isOrientationTextVisible: true, isCornerOrientationText: false, fontColor: [0.8, 0.86, 0.92, 1],
      fontMinPx: 11, fontSizeScaling: 0.35, maxDrawUndoBitmaps: 16, penSize: 5, trustCalMinMax: false,
      mouseEventConfig: {
        leftButton: { primary: DRAG_MODE.crosshair, withShift: DRAG_MODE.measurement, withCtrl: DRAG_MODE.pan },
        rightButton: DRAG_MODE.windowing, centerButton: DRAG_MODE.slicer3D,
      },
      touchEventConfig: { singleTouch: DRAG_MODE.crosshair, doubleTouch: DRAG_MODE.slicer3D },
    });
    this.solid = new Niivue({ ...shared, show3Dcrosshair: false, crosshairWidth: 0, isOrientCube: false });
    this.canvases = { planes, solid };
    this.planes.onLocationChange = (place) => onPlace(place, this.planes.volumes[0]);
    this.planes.onIntensityChange = () => this.reportWindow();
    this.planes.onDrawingChanged = (action) => { if (action === "draw") this.onEdit(); };
  }

  async start() {
    await this.planes.attachToCanvas(this.canvases.planes);
    await this.solid.attachToCanvas(this.canvases.solid);
    this.planes.setDrawColormap(COLOURS);
    this.planes.setCustomLayout(LAYOUTS.all);
    this.solid.setSliceType(SLICE_TYPE.RENDER);
  }

  clear() {
    this.hasMask = false;
    this.setPen(null);
    this.planes.closeDrawing();
    for (const view of [this.planes, this.solid]) {
      while (view.volumes.length) view.removeVolumeByIndex(0);
      view.drawScene();
    }
  }

  async showScan(bytes) {
    this.clear();
    const scan = await NVImage.new(bytes, "scan.nii.gz");
    this.planes.addVolume(scan);
    this.setWindow(WINDOWS.soft);
    this.planes.setPan2Dxyzmm([0, 0, 0, 1]);
    this.planes.scene.crosshairPos = [0.5, 0.5, 0.5];
    this.planes.drawScene();
  }

  async showMask(bytes) {
    const mask = await NVImage.new(bytes.slice(0), "mask.nii.gz");
    this.planes.loadDrawing(mask);
    this.planes.setDrawColormap(COLOURS);
    this.hasMask = true;
    this.applyOpacity();
    await this.showSolid(bytes);
  }

  async showSolid(bytes) {
    while (this.solid.volumes.length) this.solid.removeVolumeByIndex(0);
    const solid = await NVImage.new(bytes, "solid.nii.gz");
    this.solid.addVolume(solid);
    // The liver as a veil around the tumours; the scan itself would hide both.
    solid.setColormapLabel({ ...COLOURS, A: [0, 8, 255] });
    this.solid.updateGLVolume();
    this.solid.setVolumeRenderIllumination?.(0.5);
    this.solid.setScale(1.7);
    this.solid.setRenderAzimuthElevation(180, 12);
    this.solid.drawScene();
  }

  setLayout(name) {
    this.layout = name;
    this.stage.classList.toggle("solid", name === "solid");
    this.stage.classList.toggle("planes-only", name !== "solid" && name !== "all");
    if (LAYOUTS[name]) this.planes.setCustomLayout(LAYOUTS[name]);
    // The canvas of the 3D view has another size now; NiiVue looks at it when the window changes.
    window.dispatchEvent(new Event("resize"));
  }

  setWindow({ width, level }) {
    const scan = this.planes.volumes[0];
    if (!scan) return;
    scan.cal_min = level - width / 2;
    scan.cal_max = level + width / 2;
    this.planes.updateGLVolume();
    this.reportWindow();
  }

  reportWindow() {
    const scan = this.planes.volumes[0];
    if (scan) this.onWindow({ width: scan.cal_max - scan.cal_min, level: (scan.cal_max + scan.cal_min) / 2 });
  }

  setOpacity(opacity) {
    this.opacity = opacity;
    this.hidden = false;
    this.applyOpacity();
  }

  toggleMask() {
    this.hidden = !this.hidden;
    this.applyOpacity();
  }

  applyOpacity() {
    this.planes.setDrawOpacity(this.hidden ? 0 : this.opacity);
  }

  // A place in DICOM's patient axes (mm to the left, back, head).
  goTo([left, back, head]) {
    if (!this.planes.volumes.length) return;
    this.planes.scene.crosshairPos = this.planes.mm2frac([-left, -back, head]);
    this.planes.drawScene();
    this.planes.createOnLocationChange();
  }

  moveSlice(steps) {
    const along = { coronal: [0, 1, 0], sagittal: [1, 0, 0] }[this.layout] ?? [0, 0, 1];
    if (this.planes.volumes.length) this.planes.moveCrosshairInVox(...along.map((one) => one * steps));
  }

  fit() {
    this.planes.setPan2Dxyzmm([0, 0, 0, 1]);
  }

  // null looks, 0 erases, 1 draws liver, 2 draws tumour
  setPen(value) {
    this.pen = value;
    const drawing = value !== null && this.hasMask;
    this.planes.setDrawingEnabled(drawing);
    if (drawing) this.planes.setPenValue(value, false);
    this.canvases.planes.classList.toggle("drawing", drawing);
  }

  setPenSize(voxels) {
    this.planes.opts.penSize = voxels;
  }

  undo() {
    this.planes.drawUndo();
  }

  // The corrected mask as an uncompressed NIfTI file on the scan's grid.
  async maskFile() {
    return this.planes.saveImage({ filename: "", isSaveDrawing: true, volumeByIndex: 0 });
  }
}
