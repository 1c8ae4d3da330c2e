// One scan, as far as it has come: progress, image, mask, tumours, files.

import { api } from "./api.js";
import { setEdited } from "./correcting.js";
import { $, complain, guarded, page } from "./page.js";

const STATES = { queued: "waiting", running: "running", done: "done", failed: "failed", cancelled: "cancelled" };

export function describe(job) {
  if (job.state === "queued") return job.ahead ? `Waiting, ${job.ahead} before it` : "Waiting";
  if (job.state !== "running") return STATES[job.state];
  const share = job.total ? ` ${Math.round((100 * job.done) / job.total)} %` : "";
  return `${job.stage || "Starting"}${share}`;
}

export async function update(job) {
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
    page.panel.clear();
  }
  await guarded(() => draw(job, hasMask));
  if (job.state === "done" && job.task === "correct" && ["queued", "running"].includes(page.shown.state)) {
    $("saved").textContent = job.message.startsWith("Liver") || job.message.startsWith("No liver")
      ? "Saved; everything was measured anew." : job.message;
  }
  page.shown.state = job.state;
}

async function draw(job, hasMask) {
  if (page.viewer && job.files.includes("image.nii.gz") && page.shown.image !== job.id) {
    page.shown.image = job.id;
    await page.viewer.showScan(await api.file(job, "image.nii.gz"));
  }
  // While a correction is measured, the files are those before it.
  const settled = job.state === "done" || job.task === "predict";
  const version = `${job.id} ${job.revision}`;
  if (hasMask && settled && page.shown.mask !== version) {
    page.shown.mask = version;
    const [found, mask] = await Promise.all([api.statistics(job), api.file(job, "segmentation.nii.gz")]);
    page.panel.show(job, found);
    page.shown.files = job.files.length;
    await page.viewer?.showMask(mask);
    setEdited(0);
  } else if (hasMask && page.shown.mask === version && page.shown.files !== job.files.length) {
    page.shown.files = job.files.length;
    page.panel.files(job); // surfaces and report come after the mask
  }
}

export function leave() {
  page.job = null;
  page.shown = {};
  setEdited(0);
  page.panel.clear();
  page.viewer?.clear();
  $("empty").hidden = false;
  $("empty").firstElementChild.textContent = "No scan yet. Drop a CT of the abdomen anywhere on this page.";
  $("progress").hidden = true;
  $("place").textContent = "";
  history.replaceState(null, "", location.pathname);
}
