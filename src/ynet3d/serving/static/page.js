// What all parts of the page share: its state, its elements, and how it says what went wrong.

export const $ = (id) => document.getElementById(id);

export const page = { job: null, shown: {}, edited: 0, busy: false, saves: 0, listed: 50, viewer: undefined, panel: undefined };
window.ynet3d = page; // for tests

export function complain(text) {
  $("error").hidden = !text;
  $("error").firstElementChild.textContent = text ?? "";
}

export async function guarded(work) {
  try {
    return await work();
  } catch (error) {
    if (error.status === 401) $("login").showModal();
    else complain(error.message);
    return undefined;
  }
}
