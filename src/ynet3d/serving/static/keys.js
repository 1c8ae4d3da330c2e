// The keyboard. NiiVue has keys of its own on its canvas; those here come first and keep theirs out.

export function handleKeys(actions) {
  const plain = {
    ArrowUp: () => actions.moveSlice(1),
    ArrowDown: () => actions.moveSlice(-1),
    n: () => actions.lesion(1),
    p: () => actions.lesion(-1),
    w: actions.window,
    m: actions.toggleMask,
    "+": () => actions.opacity(0.1),
    "=": () => actions.opacity(0.1),
    "-": () => actions.opacity(-0.1),
    v: actions.view,
    t: () => actions.pen(2),
    l: () => actions.pen(1),
    e: () => actions.pen(0),
    Escape: () => actions.pen(null),
    "[": () => actions.penSize(-1),
    "]": () => actions.penSize(1),
    "?": actions.help,
  };
  const shifted = { ArrowUp: () => actions.moveSlice(10), ArrowDown: () => actions.moveSlice(-10) };
  const withControl = { z: actions.undo, s: actions.save };

  document.addEventListener("keydown", (event) => {
    if (event.altKey || document.querySelector("dialog[open]")) return;
    const field = event.target instanceof HTMLInputElement;
    const control = event.ctrlKey || event.metaKey;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    // A slider keeps its arrows.
    if (field && !control && (event.target.type !== "range" || key.startsWith("Arrow"))) return;
    const action = control ? withControl[key] : (event.shiftKey && shifted[key]) || plain[key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  }, true);
}
