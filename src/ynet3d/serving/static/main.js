// The page: which scan is looked at, what happens to it, and the words for it.

import { api } from "./api.js";
import { handleKeys } from "./keys.js";
import { ResultPanel, make } from "./result.js";
import { WINDOWS } from "./windows.js";

const $ = (id) => document.getElementById(id);
const POLL_MS = 400;
const IDLE_MS = 4000;
const STATES = { queued: "waiting", running: "running", done: "done", failed: "failed", cancelled: "cancelled" };

const page = { job: null, shown: {}, edited: 0, busy: false };
window.ynet3d = page; // for tests

const panel = new ResultPanel({ onLesion: (lesion) => viewer.goTo(lesion.centroid_lps_mm) });
let viewer;

function complain(text) {
  $("error").hidden = !text;
  $("error").firstElementChild.textContent = text ?? "";
}

async function guarded(work) {
  try {
    return await work();
  } catch (error) {
    if (error.status === 401) $("login").showModal();
    else complain(error.message);
    return undefined;
  }
}

// ---- scans

async function send(file) {
  complain("");
  $("sending").hidden = false;
  const bar = $("sending").querySelector("progress");
  bar.value = 0;
  try {
    await guarded(async () => {
      const job = await api.upload(file, (share) => { bar.value = share; });
      await refresh();
      await open(job);
    });
  } finally {
    $("sending").hidden = true;
    $("file").value = "";
  }
}

function askFirst() {
  return !page.edited || confirm("Your correction of this mask is not saved. Leave it?");
}

async function open(job) {
  if (page.job?.id !== job.id && !askFirst()) return;
  if (page.job?.id !== job.id) {
    setEdited(0);
    choosePen(null);
    page.shown = {};
    panel.clear();
    viewer?.clear();
    $("place").textContent = "";
    $("saved").textContent = "";
    history.replaceState(null, "", `#${job.id}`);
  }
  page.job = job;
  await update(job);
}

async function refresh() {
  const jobs = await api.jobs();
  const items = jobs.map((job) => {
    const item = make("li", undefined, { className: job.state });
    const button = make("button", undefined, { type: "button", title: job.name });
    button.setAttribute("aria-current", String(page.job?.id === job.id));
    const detail = job.state === "done" || job.state === "failed" ? job.message || STATES[job.state] : describe(job);
    button.append(make("b", job.name), make("small", detail));
    button.addEventListener("click", () => guarded(() => open(job)));
    item.append(button);
    return item;
  });
  $("jobs").replaceChildren(...items);
  return jobs;
}

function describe(job) {
  if (job.state === "queued") return job.ahead ? `Waiting, ${job.ahead} before it` : "Waiting";
  if (job.state !== "running") return STATES[job.state];
  const share = job.total ? ` ${Math.round((100 * job.done) / job.total)} %` : "";
  return `${job.stage || "Starting"}${share}`;
}

// ---- one scan, as far as it has come

async function update(job) {
  page.job = job;
  const active = job.state === "queued" || job.state === "running";
  const hasMask = job.files.includes("statistics.json");
  $("empty").hidden = job.files.includes("image.nii.gz");
  if (active && !job.files.includes("image.nii.gz")) $("empty").firstElementChild.textContent = "";
  $("progress").hidden = !active || (hasMask && job.task === "predict");
  if (active) {
    $("progress").querySelector("p").textContent = describe(job);
    const bar = $("progress").querySelector("progress");
    if (job.total) Object.assign(bar, { max: job.total, value: job.done });
    else bar.removeAttribute("value");
  }
  if (job.state === "failed" || job.state === "cancelled") {
    $("empty").hidden = false;
    $("empty").firstElementChild.textContent = job.message || "This job was cancelled.";
    if (job.state === "failed") complain(job.message);
    panel.clear();
  }
  if (job.state === "done" && page.shown.state !== "done" && job.task === "correct") {
    $("saved").textContent = job.message.startsWith("Liver") || job.message.startsWith("No liver")
      ? "Saved; everything was measured anew." : job.message;
  }
  await guarded(() => draw(job, hasMask));
  page.shown.state = job.state;
}

async function draw(job, hasMask) {
  if (viewer && job.files.includes("image.nii.gz") && page.shown.image !== job.id) {
    page.shown.image = job.id;
    await viewer.showScan(await api.file(job, "image.nii.gz"));
  }
  // While a correction is measured, the files are those before it.
  const settled = job.state === "done" || job.task === "predict";
  const version = `${job.id} ${job.revision}`;
  if (hasMask && settled && page.shown.mask !== version) {
    page.shown.mask = version;
    const [found, mask] = await Promise.all([api.statistics(job), api.file(job, "segmentation.nii.gz")]);
    panel.show(job, found);
    page.shown.files = job.files.length;
    await viewer?.showMask(mask);
    setEdited(0);
  } else if (hasMask && page.shown.mask === version && page.shown.files !== job.files.length) {
    page.shown.files = job.files.length;
    panel.files(job); // surfaces and report come after the mask
  }
}

async function poll() {
  let pause = IDLE_MS;
  try {
    const jobs = await refresh();
    const current = jobs.find((job) => job.id === page.job?.id);
    if (current && !page.busy) await update(current);
    else if (page.job && !current) leave();
    if (jobs.some((job) => job.state === "queued" || job.state === "running")) pause = POLL_MS;
    if ($("error").dataset.lost) { complain(""); delete $("error").dataset.lost; }
  } catch (error) {
    if (error.status === 401) { if (!$("login").open) $("login").showModal(); }
    else { complain(error.message); $("error").dataset.lost = "1"; }
  }
  clearTimeout(page.timer);
  page.timer = setTimeout(poll, pause);
}

function leave() {
  page.job = null;
  page.shown = {};
  setEdited(0);
  panel.clear();
  viewer?.clear();
  $("empty").hidden = false;
  $("empty").firstElementChild.textContent = "No scan yet. Drop a CT of the abdomen anywhere on this page.";
  $("progress").hidden = true;
  $("place").textContent = "";
  history.replaceState(null, "", location.pathname);
}

// ---- correcting

function setEdited(count) {
  page.edited = Math.max(0, count);
  $("save").disabled = $("undo").disabled = !page.edited;
}

function choosePen(value) {
  viewer?.setPen(value);
  const chosen = value === null ? "off" : String(value);
  for (const button of $("pens").children) button.setAttribute("aria-pressed", String(button.dataset.pen === chosen));
}

function undo() {
  if (!page.edited) return;
  viewer.undo();
  setEdited(page.edited - 1);
}

async function save() {
  if (!page.edited || !page.job || page.job.state !== "done") {
    if (page.edited) complain("The scan is still being worked on: save in a moment.");
    return;
  }
  complain("");
  page.busy = true;
  $("save").disabled = true;
  $("saved").textContent = "Saving…";
  try {
    const job = await api.saveMask(page.job.id, await viewer.maskFile());
    choosePen(null);
    setEdited(0);
    $("saved").textContent = "Measuring anew…";
    page.shown.state = job.state;
    page.job = job;
  } catch (error) {
    $("saved").textContent = "";
    $("save").disabled = false;
    complain(error.message);
  } finally {
    page.busy = false;
  }
  poll();
}

// ---- controls

function press(group, button) {
  for (const one of group.children) one.setAttribute("aria-pressed", String(one === button));
}

function chooseLayout(name) {
  viewer?.setLayout(name);
  press($("layouts"), $("layouts").querySelector(`[data-layout="${name}"]`));
}

function chooseWindow(name) {
  viewer?.setWindow(WINDOWS[name]);
}

function showWindow({ width, level }) {
  page.window = { width, level };
  for (const button of $("windows").children) {
    const preset = WINDOWS[button.dataset.window];
    const same = Math.abs(preset.width - width) < 1 && Math.abs(preset.level - level) < 1;
    button.setAttribute("aria-pressed", String(same));
  }
  showPlace();
}

function showPlace(place, scan) {
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

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  try { localStorage.setItem("ynet3d-theme", theme); } catch { /* no storage: for this visit only */ }
}

function theme() {
  let kept = null;
  try { kept = localStorage.getItem("ynet3d-theme"); } catch { /* no storage */ }
  return kept ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
}

function setOpacity(value) {
  const opacity = Math.min(1, Math.max(0, value));
  $("opacity").value = String(opacity);
  viewer?.setOpacity(opacity);
}

function setPenSize(value) {
  const size = Math.min(25, Math.max(1, value));
  $("pen-size").value = String(size);
  $("pen-size-shown").textContent = String(size);
  viewer?.setPenSize(size);
}

function connect() {
  $("theme").addEventListener("click", () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
  $("help-open").addEventListener("click", () => $("help").showModal());
  $("error").lastElementChild.addEventListener("click", () => complain(""));
  $("file").addEventListener("change", () => { if ($("file").files[0]) send($("file").files[0]); });
  $("drop").addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); $("file").click(); }
  });
  document.addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("dropping"); });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("dropping"); });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    const files = event.dataTransfer?.files ?? [];
    if (files.length === 1) send(files[0]);
    else if (files.length) complain(`${files.length} files were dropped: drop one NIfTI file, or one zip of a DICOM series.`);
  });
  for (const button of $("layouts").children) button.addEventListener("click", () => chooseLayout(button.dataset.layout));
  for (const button of $("windows").children) button.addEventListener("click", () => chooseWindow(button.dataset.window));
  for (const button of $("pens").children) {
    button.addEventListener("click", () => choosePen(button.dataset.pen === "off" ? null : Number(button.dataset.pen)));
  }
  $("opacity").addEventListener("input", () => setOpacity(Number($("opacity").value)));
  $("pen-size").addEventListener("input", () => setPenSize(Number($("pen-size").value)));
  $("reset").addEventListener("click", () => viewer?.fit());
  $("undo").addEventListener("click", undo);
  $("save").addEventListener("click", save);
  $("cancel").addEventListener("click", () => guarded(async () => { await api.cancel(page.job.id); await poll(); }));
  $("delete").addEventListener("click", () => {
    if (!confirm("Delete this scan and its result from the server?")) return;
    guarded(async () => { await api.remove(page.job.id); leave(); await refresh(); });
  });
  $("login").querySelector("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await api.login($("token").value);
      $("login").close();
      begin();
    } catch {
      $("login").querySelector(".wrong").hidden = false;
    }
    $("token").value = "";
  });
  window.addEventListener("beforeunload", (event) => { if (page.edited) event.preventDefault(); });
  handleKeys({
    moveSlice: (steps) => viewer?.moveSlice(steps),
    lesion: (step) => panel.step(step),
    window: () => chooseWindow(Math.abs((page.window?.width ?? 0) - WINDOWS.liver.width) < 1 ? "soft" : "liver"),
    toggleMask: () => viewer?.toggleMask(),
    opacity: (step) => setOpacity(Number($("opacity").value) + step),
    view: () => {
      const names = [...$("layouts").children].map((button) => button.dataset.layout);
      chooseLayout(names[(names.indexOf(viewer?.layout ?? "all") + 1) % names.length]);
    },
    pen: choosePen,
    penSize: (step) => setPenSize(Number($("pen-size").value) + step),
    undo,
    save,
    help: () => $("help").showModal(),
  });
}

async function begin() {
  await guarded(async () => {
    const { keep_hours: hours } = await api.limits();
    $("kept").textContent = `Scans are deleted ${hours === 1 ? "an hour" : `${hours} hours`} after their job.`;
    const jobs = await refresh();
    const wanted = jobs.find((job) => job.id === location.hash.slice(1));
    if (wanted) await open(wanted);
  });
  await poll();
}

async function main() {
  setTheme(theme());
  connect();
  try {
    // Only now, so that the page works without it.
    const { Viewer } = await import("./viewer.js");
    viewer = new Viewer({
      planes: $("planes"), solid: $("solid"), stage: $("stage"),
      onPlace: showPlace, onWindow: showWindow, onEdit: () => setEdited(page.edited + 1),
    });
    page.viewer = viewer;
    await viewer.start();
  } catch (error) {
    viewer = undefined;
    complain(`Scans cannot be shown here (${error.message}): the browser needs WebGL 2, and the server its viewer. Results can be downloaded all the same.`);
  }
  await begin();
  page.ready = true;
}

main();
