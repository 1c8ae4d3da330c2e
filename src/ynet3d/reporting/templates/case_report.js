// Without this script the report is complete, but neither turns nor sorts.
const page = document.documentElement;
const find = (name) => document.getElementById(name);

const theme = find("theme");
const dark = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => page.dataset.theme ? page.dataset.theme === "dark" : dark.matches;
const nameTheme = () => { theme.textContent = isDark() ? "Light" : "Dark"; };
theme.addEventListener("click", () => { page.dataset.theme = isDark() ? "light" : "dark"; nameTheme(); });
dark.addEventListener("change", nameTheme);
nameTheme();
theme.hidden = false;
find("print").addEventListener("click", () => window.print());
find("print").hidden = false;

document.querySelector(".outlines").hidden = false;
find("outlines").addEventListener("change", (event) => {
  document.body.classList.toggle("no-lines", !event.target.checked);
});

// A click on a slice shows it as large as the window.
const dialog = document.querySelector("dialog");
const enlarge = (zoom) => {
  dialog.firstElementChild.replaceChildren(zoom.querySelector("svg").cloneNode(true));
  dialog.showModal();
};
for (const zoom of document.querySelectorAll(".zoom")) {
  zoom.addEventListener("click", () => enlarge(zoom));
  zoom.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    enlarge(zoom);
  });
}
dialog.addEventListener("click", () => dialog.close());

// The 3D view takes the place of its pictures once it runs.
const surface = find("surface");
addEventListener("message", (event) => {
  if (surface && event.source === surface.contentWindow && event.data === "surface ready") {
    surface.parentElement.classList.add("turning");
  }
});

const table = find("lesions");
const body = table && table.tBodies[0];
const more = find("more");
if (more) {
  table.classList.add("few");
  more.hidden = false;
  more.addEventListener("click", () => { table.classList.remove("few"); more.remove(); });
}
const sortBy = (head) => {
  const column = Number(head.dataset.sort);
  const order = head.getAttribute("aria-sort") === "descending" ? 1 : -1;
  const shown = body.querySelectorAll("tr:not(.further)").length;
  const value = (row) => {
    const text = row.cells[column ? column + 1 : 0].dataset.value;
    return text === "" ? -Infinity * order * -1 : Number(text);
  };
  const rows = [...body.rows].sort((a, b) => order * (value(a) - value(b)) || 0);
  rows.forEach((row, i) => row.classList.toggle("further", i >= shown));
  body.append(...rows);
  for (const one of table.querySelectorAll("[aria-sort]")) one.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", order === 1 ? "ascending" : "descending");
};
for (const head of table ? table.querySelectorAll("[data-sort]") : []) {
  head.tabIndex = 0;
  head.title = "Sort";
  head.addEventListener("click", () => sortBy(head));
  head.addEventListener("keydown", (event) => { if (event.key === "Enter") sortBy(head); });
}
