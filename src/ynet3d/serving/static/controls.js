// Layout, window, place, opacity, brush size and theme: what changes the view, not the scan.

import { $, page } from "./page.js";
import { WINDOWS } from "./windows.js";

export function press(group, button) {
  for (const one of group.children) one.setAttribute("aria-pressed", String(one === button));
}

export function chooseLayout(name) {
  page.viewer?.setLayout(name);
  press($("layouts"), $("layouts").querySelector(`[data-layout="${name}"]`));
}

export function chooseWindow(name) {
  page.viewer?.setWindow(WINDOWS[name]);
}

export function showWindow({ width, level }) {
  page.window = { width, level };
  for (const button of $("windows").children) {
    const preset = WINDOWS[button.dataset.window];
    const same = Math.abs(preset.width - width) < 1 && Math.abs(preset.level - level) < 1;
    button.setAttribute("aria-pressed", String(same));
  }
  showPlace();
}

export function showPlace(place, scan) {
  if (place) page.place = { place, scan };
  if (!page.place?.scan) return;
  const [i, j, k] = page.place.place.vox ?? [];
  const value = page.place.place.values?.[0]?.value;
  const lines = [];
  if (page.window) lines.push(`W ${Math.round(page.window.width)}  L ${Math.round(page.window.level)}`);
  if (k !== undefined) lines.push(`slice ${Math.round(k) + 1} / ${scan_slices(page.place.scan)}`);
  if (value !== undefined) lines.push(`${Math.round(value)} HU`);
  page.voxel = [i, j, k];
  $("place").textContent = lines.join("\n");
}

const scan_slices = (scan) => scan.dimsRAS?.[3] ?? scan.dims?.[3] ?? "?";

export function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  try { localStorage.setItem("ynet3d-theme", theme); } catch { /* no storage: for this visit only */ }
}

export function theme() {
  let kept = null;
  try { kept = localStorage.getItem("ynet3d-theme"); } catch { /* no storage */ }
  return kept ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
}

export function setOpacity(value) {
  const opacity = Math.min(1, Math.max(0, value));
  $("opacity").value = String(opacity);
  page.viewer?.setOpacity(opacity);
}

export function setPenSize(value) {
  const size = Math.min(25, Math.max(1, value));
  $("pen-size").value = String(size);
  $("pen-size-shown").textContent = String(size);
  page.viewer?.setPenSize(size);
}
