// The panel beside the viewer: figures, tumours, notes, files. Text is only ever set as text.

import { api } from "./api.js";

const KINDS = [
  ["report.pdf", "Report (PDF)"],
  ["report.html", "Report (web page)"],
  ["segmentation.nii.gz", "Mask (NIfTI)"],
  ["segmentation-predicted.nii.gz", "Mask before correction"],
  ["lesions.csv", "Tumours (CSV)"],
  ["statistics.json", "All measurements (JSON)"],
  ["overlay.png", "Picture of the slices"],
  ["surface.png", "Picture in 3D"],
];
const FOLDERS = { meshes: "Surfaces", dicom: "DICOM" };

const $ = (id) => document.getElementById(id);

export function make(tag, text, properties = {}) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  return Object.assign(element, properties);
}

const rounded = (value, digits) =>
  value === null || value === undefined ? "–" : value.toFixed(digits);
const millilitres = (value) => `${rounded(value, value < 100 ? 1 : 0)} mL`;

export class ResultPanel {
  constructor({ onLesion }) {
    this.onLesion = onLesion;
    this.lesions = [];
    this.selected = -1;
  }

  clear() {
    $("result").hidden = true;
    document.querySelector("main").classList.remove("has-result");
    this.lesions = [];
  }

  show(job, found) {
    $("result").hidden = false;
    document.querySelector("main").classList.add("has-result");
    $("name").textContent = job.name;
    $("summary").textContent = found.summary;
    this.figures(found);
    this.table(found.lesions);
    $("notes").replaceChildren(...found.notes.map((note) => make("li", note)));
    $("notes-part").hidden = !found.notes.length;
    this.files(job);
  }

  figures(found) {
    const figure = (kind, name, value) => {
      const box = make("div", undefined, { className: kind });
      box.append(make("dt", name), make("dd", value));
      return box;
    };
    const share = found.tumour_share;
    $("figures").replaceChildren(
      figure("liver", "Liver", millilitres(found.liver_ml)),
      figure("tumour", "Tumour", millilitres(found.tumour_ml)),
      figure("", "Tumours", String(found.lesion_count)),
      figure("", "Of the liver", share === null ? "–" : `${(100 * share).toFixed(1)} %`),
    );
  }

  table(lesions) {
    this.lesions = lesions;
    this.selected = -1;
    const rows = lesions.map((lesion, index) => {
      const row = make("tr", undefined, { tabIndex: 0 });
      row.setAttribute("role", "button");
      row.setAttribute("aria-label", `Go to tumour ${lesion.id}`);
      row.append(
        make("td", String(lesion.id)),
        make("td", `${rounded(lesion.longest_axial_diameter_mm, 0)} × ${rounded(lesion.perpendicular_diameter_mm, 0)}`),
        make("td", rounded(lesion.ml, lesion.ml < 10 ? 2 : 1)),
        make("td", rounded(lesion.hu, 0)),
      );
      row.addEventListener("click", () => this.select(index));
      row.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") {
          event.preventDefault();
          this.select(index);
        }
      });
      return row;
    });
    $("lesions").tBodies[0].replaceChildren(...rows);
    $("lesions").hidden = $("lesion-hint").hidden = !rows.length;
    $("no-lesions").hidden = rows.length > 0;
  }

  select(index) {
    if (!this.lesions.length) return;
    this.selected = (index + this.lesions.length) % this.lesions.length;
    [...$("lesions").tBodies[0].rows].forEach((row, number) => {
      row.setAttribute("aria-selected", String(number === this.selected));
      if (number === this.selected) row.scrollIntoView({ block: "nearest" });
    });
    this.onLesion(this.lesions[this.selected]);
  }

  step(by) {
    this.select(this.selected < 0 ? (by > 0 ? 0 : -1) : this.selected + by);
  }

  files(job) {
    const link = (name, text) => {
      const item = make("li");
      const own = name.split("/").pop();
      const shown = /\.(png|pdf|html)$/.test(name);
      const anchor = make("a", text, { href: api.fileUrl(job, name) });
      if (shown) Object.assign(anchor, { target: "_blank", rel: "noopener" });
      else anchor.download = own;
      item.append(anchor);
      return item;
    };
    const items = KINDS.filter(([name]) => job.files.includes(name)).map(([name, text]) => link(name, text));
    for (const [folder, text] of Object.entries(FOLDERS)) {
      const names = job.files.filter((name) => name.startsWith(`${folder}/`) && !name.endsWith(".json"));
      if (!names.length) continue;
      const part = make("details");
      part.append(make("summary", `${text} (${names.length} files)`));
      const list = make("ul");
      list.append(...names.map((name) => link(name, name.slice(folder.length + 1))));
      part.append(list);
      const item = make("li");
      item.append(part);
      items.push(item);
    }
    $("files").replaceChildren(...items);
    $("everything").href = `/api/jobs/${job.id}/all.zip`;
  }
}
