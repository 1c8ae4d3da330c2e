// The brush: strokes, undoing them, and saving the corrected mask.

import { api } from "./api.js";
import { $, complain, page } from "./page.js";

export function setEdited(count) {
  page.edited = Math.max(0, count);
  $("save").disabled = $("undo").disabled = !page.edited;
}

export function choosePen(value) {
  page.viewer?.setPen(value);
  const chosen = value === null ? "off" : String(value);
  for (const button of $("pens").children) button.setAttribute("aria-pressed", String(button.dataset.pen === chosen));
}

export function undo() {
  if (!page.edited) return;
  page.viewer.undo();
  setEdited(page.edited - 1);
}

/** Save the corrected mask, to be measured anew; whether the server took it. */
export async function save() {
  if (!page.edited || !page.job || page.job.state !== "done") {
    if (page.edited) complain("The scan is still being worked on: save in a moment.");
    return false;
  }
  complain("");
  page.busy = true;
  $("save").disabled = true;
  $("saved").textContent = "Saving…";
  try {
    const job = await api.saveMask(page.job.id, await page.viewer.maskFile());
    choosePen(null);
    setEdited(0);
    $("saved").textContent = "Measuring anew…";
    page.shown.state = job.state;
    page.job = job;
    page.saves += 1;
    return true;
  } catch (error) {
    $("saved").textContent = "";
    $("save").disabled = false;
    complain(error.message);
    return false;
  } finally {
    page.busy = false;
  }
}
