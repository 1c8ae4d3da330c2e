// Before the viewer starts: without WebGL the page around keeps its picture.
window.addEventListener("error", () => parent.postMessage("surface failed", "*"));
