// The page: which scans there are, which one is looked at, and what the buttons do.

import { api } from "./api.js";
import {
  chooseLayout, chooseWindow, setOpacity, setPenSize, setTheme, showPlace, showWindow, theme,
} from "./controls.js";
import { choosePen, save, setEdited, undo } from "./correcting.js";
import { handleKeys } from "./keys.js";
import { $, complain, guarded, page } from "./page.js";
import { ResultPanel, make } from "./result.js";
import { describe, leave, update } from "./scan.js";
import { WINDOWS } from "./windows.js";

const POLL_MS = 400;
const IDLE_MS = 4000;
const MORE_LISTED = 200;
const MOST_LISTED = 1000; // the server gives no more at a time

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
    page.panel.clear();
    page.viewer?.clear();
    $("place").textContent = "";
    $("saved").textContent = "";
    history.replaceState(null, "", `#${job.id}`);
  }
  page.job = job;
  await update(job);
}

async function refresh() {
  const { jobs, total } = await api.jobs(page.listed);
  const items = jobs.map((job) => {
    const item = make("li", undefined, { className: job.state });
    const button = make("button", undefined, { type: "button", title: job.name });
    button.setAttribute("aria-current", String(page.job?.id === job.id));
    const detail = (["done", "failed"].includes(job.state) && job.message) || describe(job);
    button.append(make("b", job.name), make("small", detail));
    button.addEventListener("click", () => guarded(() => open(job)));
    item.append(button);
    return item;
  });
  $("jobs").replaceChildren(...items);
  $("older").hidden = total <= jobs.length || page.listed >= MOST_LISTED;
  $("older").textContent = `Show older scans (${total - jobs.length} more)`;
  return jobs;
}

/** A scan by its name, also where the list does not reach back to it; undefined if it is gone. */
async function find(jobs, id) {
  const listed = jobs.find((job) => job.id === id);
  if (listed || !/^[0-9a-f]{32}$/.test(id ?? "")) return listed;
  try {
    return await api.job(id);
  } catch (error) {
    if (error.status === 404) return undefined;
    throw error;
  }
}

let polled = Promise.resolve();

/** Look what the server has done; one look after the other, so that none shows half of another's. */
function poll() {
  polled = polled.then(look);
  return polled;
}

async function look() {
  let pause = IDLE_MS;
  try {
    const saves = page.saves; // what was asked before a correction was taken is old
    const jobs = await refresh();
    const asked = page.job?.id;
    const current = await find(jobs, asked);
    if (asked !== page.job?.id) pause = POLL_MS; // another was opened meanwhile
    else if (current && !page.busy && saves === page.saves) await update(current);
    else if (page.job && !current) leave();
    if ([...jobs, current].some((job) => job?.state === "queued" || job?.state === "running")) pause = POLL_MS;
    if ($("error").dataset.lost) { complain(""); delete $("error").dataset.lost; }
  } catch (error) {
    if (error.status === 401) { if (!$("login").open) $("login").showModal(); }
    else { complain(error.message); $("error").dataset.lost = "1"; }
  }
  clearTimeout(page.timer);
  page.timer = setTimeout(poll, pause);
}

async function saveAndWatch() {
  if (await save()) await poll();
}

// ---- controls

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
  $("older").addEventListener("click", () => {
    page.listed = Math.min(MOST_LISTED, page.listed + MORE_LISTED);
    guarded(refresh);
  });
  $("reset").addEventListener("click", () => page.viewer?.fit());
  $("undo").addEventListener("click", undo);
  $("save").addEventListener("click", saveAndWatch);
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
    } catch (error) {
      Object.assign($("login").querySelector(".wrong"), { hidden: false, textContent: error.message });
    }
    $("token").value = "";
  });
  window.addEventListener("beforeunload", (event) => { if (page.edited) event.preventDefault(); });
  handleKeys({
    moveSlice: (steps) => page.viewer?.moveSlice(steps),
    lesion: (step) => page.panel.step(step),
    window: () => chooseWindow(Math.abs((page.window?.width ?? 0) - WINDOWS.liver.width) < 1 ? "soft" : "liver"),
    toggleMask: () => page.viewer?.toggleMask(),
    opacity: (step) => setOpacity(Number($("opacity").value) + step),
    view: () => {
      const names = [...$("layouts").children].map((button) => button.dataset.layout);
      chooseLayout(names[(names.indexOf(page.viewer?.layout ?? "all") + 1) % names.length]);
    },
    pen: choosePen,
    penSize: (step) => setPenSize(Number($("pen-size").value) + step),
    undo,
    save: saveAndWatch,
    help: () => $("help").showModal(),
  });
}

async function begin() {
  await guarded(async () => {
    const { keep_hours: hours } = await api.limits();
    $("kept").textContent = `Scans are deleted ${hours === 1 ? "an hour" : `${hours} hours`} after their job.`;
    const jobs = await refresh();
    const wanted = await find(jobs, location.hash.slice(1));
    if (wanted) await open(wanted);
  });
  await poll();
}

async function main() {
  page.panel = new ResultPanel({ onLesion: (lesion) => page.viewer?.goTo(lesion.centroid_lps_mm) });
  setTheme(theme());
  connect();
  try {
    // Only now, so that the page works without it.
    const { Viewer } = await import("./viewer.js");
    page.viewer = new Viewer({
      planes: $("planes"), solid: $("solid"), stage: $("stage"),
      onPlace: showPlace, onWindow: showWindow, onEdit: () => setEdited(page.edited + 1),
    });
    await page.viewer.start();
  } catch (error) {
    page.viewer = undefined;
    complain(`Scans cannot be shown here (${error.message}): the browser needs WebGL 2, and the server its viewer. Results can be downloaded all the same.`);
  }
  await begin();
  page.ready = true;
}

main();
