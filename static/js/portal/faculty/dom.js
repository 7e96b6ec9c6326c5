/** Small helpers of the live pages. */

/** A copy of what a <template> holds. */
export function cloneTemplate(id) {
  return document.getElementById(id).content.cloneNode(true);
}

/** Sets a text only when it differs, so that screen readers and the layout are left alone. */
export function setText(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

/** The board that the page was delivered with, or null. */
export function embeddedBoard() {
  const script = document.getElementById("board-data");
  return script ? JSON.parse(script.textContent) : null;
}

/** The board's counts with `here`, the students who are present or late. */
export function withHere(counts) {
  return { ...counts, here: counts.present + counts.late };
}

/** Writes the counts into every [data-count] and the progress bars of the page. */
export function renderCounts(counts) {
  for (const element of document.querySelectorAll("[data-count]")) {
    setText(element, String(counts[element.dataset.count] ?? 0));
  }
  for (const bar of document.querySelectorAll("[data-progress]")) {
    bar.max = Math.max(counts.enrolled, 1);
    bar.value = counts.here;
  }
}

/** Shows or hides the page's [data-connection] notice for a state of the feed. */
export function renderConnection(root, state) {
  const notice = root.querySelector("[data-connection]");
  notice.hidden = state === "live" || state === "ended";
  notice.querySelector("[data-when-lost]").hidden = state !== "lost";
  notice.querySelector("[data-when-refused]").hidden = state !== "refused";
}
