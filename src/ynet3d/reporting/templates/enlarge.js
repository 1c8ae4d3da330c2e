// A click on a picture shows it in full size; without this script the link opens the file.
const dialog = document.querySelector("dialog");
for (const link of document.querySelectorAll("figure a")) {
  link.addEventListener("click", (event) => {
    if (!dialog.showModal || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const picture = dialog.querySelector("img");
    picture.src = link.href;
    picture.alt = link.querySelector("img").alt;
    dialog.showModal();
  });
}
dialog.addEventListener("click", () => dialog.close());
