/** The live register of one session: rows, search, filters, marks by hand. */

import {
  cloneTemplate,
  embeddedBoard,
  renderConnection,
  renderCounts,
  setText,
  withHere,
} from "./dom.js";
import { BoardFeed } from "./feed.js";
import { Marking } from "./marking.js";

const root = document.getElementById("board");
const body = root.querySelector("[data-rows]");
const search = document.getElementById("board-search");
const sort = document.getElementById("board-sort");
const dialog = document.getElementById("mark-dialog");
const form = document.getElementById("mark-form");

const language = document.documentElement.lang;
const clock = new Intl.DateTimeFormat(language, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
  timeZone: root.dataset.timeZone,
});
const whole = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
const percent = (share) => `${whole.format(share * 100)}\u00a0%`; // as the templates write it
const collator = new Intl.Collator(language, { numeric: true });

const entries = new Map(); // student_id → {row, element, json, text}
let filter = "";
let waiting = null; // how many wait, as the list was last asked for

const ORDERS = {
  name: (a, b) => collator.compare(a.row.name, b.row.name),
  code: (a, b) => collator.compare(a.row.code, b.row.code),
  latest: (a, b) => (Date.parse(b.row.at) || 0) - (Date.parse(a.row.at) || 0),
};

function label(key, fallback) {
  const labels = document.getElementById("labels").content;
  return labels.querySelector(`[data-label="${CSS.escape(key)}"]`)?.textContent ?? fallback;
}

/** Lower case without accents, so that "zoe" finds "Zoë". */
function plain(text) {
  return text.normalize("NFD").replace(/\p{Mark}/gu, "").toLocaleLowerCase(language);
}

// --- Rows ---------------------------------------------------------------------------------------

function chips(factors) {
  const fragment = cloneTemplate("factor-chips");
  for (const chip of fragment.querySelectorAll("[data-factor]")) {
    chip.dataset.state = String(factors[chip.dataset.factor] ?? null);
    chip.title = chipTitle(chip);
  }
  return fragment;
}

/** For pointers what the hidden text says to screen readers, such as "Place: not checked". */
function chipTitle(chip) {
  const text = chip.querySelector(".visually-hidden");
  const state = text.querySelector(`[data-when="${chip.dataset.state}"]`);
  return `${text.firstChild.textContent.trim()} ${state.textContent}`;
}

function fill(element, row) {
  const part = (name) => element.querySelector(`[data-${name}]`);
  setText(part("name"), row.name);
  setText(part("code"), row.code);
  setText(part("mark-name"), row.name);
  setText(part("at"), row.at ? clock.format(new Date(row.at)) : "");
  setText(part("method"), methodText(row));
  setText(part("waits-for"), row.waits_for);
  part("flag").hidden = !row.flagged;
  fillReasons(part("why"), row);
  setText(part("score"), typeof row.score === "number" ? percent(row.score) : "");
  part("badge").replaceChildren(cloneTemplate(`badge-${shownStatus(row)}`), row.label_name);
  part("chips").replaceChildren(...(row.factors ? [chips(row.factors)] : []));
}

/** A refused attempt leaves the student unmarked, and is shown as what it is. */
function shownStatus(row) {
  return row.status === "unmarked" && row.refused ? "refused" : row.status;
}

/** Why the row says what it says, behind a button that fingers and keyboards reach. */
function fillReasons(details, row) {
  const told = row.refused_text && `${label("student-read", "")} ${row.refused_text}`;
  const found = row.findings.map((finding) => `${label("noticed", "")} ${finding.name}`);
  const reasons = [row.waits_for, told, row.explanation, ...found].filter(Boolean);
  details.hidden = reasons.length === 0;
  setText(details.querySelector("[data-why-name]"), `: ${row.name}`);
  const items = reasons.map((reason) => {
    const item = document.createElement("li");
    item.textContent = reason;
    return item;
  });
  details.querySelector("[data-reasons]").replaceChildren(...items);
}

function matchesFilter(row) {
  return !filter || row.status === filter || (filter === "refused" && Boolean(row.refused));
}

/** How the mark came to be, such as "QR code, without network". */
function methodText(row) {
  const words = row.method ? [label(`method-${row.method}`, row.method)] : [];
  if (row.offline) words.push(label("offline", ""));
  return words.join(", ");
}

function newEntry(row) {
  const element = cloneTemplate("board-row").firstElementChild;
  element.dataset.student = row.student_id;
  return { row, element, json: null, text: "" };
}

/** Updates the rows that changed; returns whether any did. */
function mergeRows(rows) {
  const first = entries.size === 0;
  let changed = false;
  for (const row of rows) {
    const entry = entries.get(row.student_id) ?? newEntry(row);
    const json = JSON.stringify(row);
    if (json === entry.json) continue;
    Object.assign(entry, { row, json, text: plain(`${row.name} ${row.code}`) });
    fill(entry.element, row);
    if (!first) flash(entry.element);
    entries.set(row.student_id, entry);
    marking?.prepare(entry.element);
    changed = true;
  }
  return dropMissing(rows) || changed;
}

function dropMissing(rows) {
  const present = new Set(rows.map((row) => row.student_id));
  const gone = [...entries.keys()].filter((id) => !present.has(id));
  for (const id of gone) {
    entries.get(id).element.remove();
    entries.delete(id);
  }
  return gone.length > 0;
}

function flash(element) {
  element.classList.remove("is-new");
  requestAnimationFrame(() => element.classList.add("is-new"));
}

/** Puts the rows in order without touching those that already stand right: focus stays. */
function arrange() {
  const ordered = [...entries.values()].sort(ORDERS[sort.value]);
  ordered.forEach(({ element }, index) => {
    if (body.children[index] !== element) body.insertBefore(element, body.children[index] ?? null);
  });
}

function applyFilter() {
  const wanted = plain(search.value.trim());
  let shown = 0;
  for (const { row, element, text } of entries.values()) {
    const match = matchesFilter(row) && text.includes(wanted);
    element.hidden = !match;
    if (match) shown += 1;
  }
  root.querySelector("[data-nothing]").hidden = shown > 0 || entries.size === 0;
}

// --- Page ---------------------------------------------------------------------------------------

function renderStatus(status) {
  if (status === root.dataset.state) return;
  root.dataset.state = status;
  const badge = document.getElementById(`session-badge-${status}`);
  if (badge) root.querySelector("[data-status-badge]").replaceChildren(badge.content.cloneNode(true));
  if (status === "open") return;
  for (const element of document.querySelectorAll("[data-open-only]")) element.hidden = true;
  document.getElementById("complete-dialog")?.close();
}

/** Asks for the list anew when it has become another, unless somebody is ticking in it. */
function renderWaiting(number) {
  const list = document.getElementById("waiting");
  if (!list || waiting === number) return;
  const boxes = [...list.querySelectorAll("[name=attempt]")];
  if (boxes.some((box) => box.checked !== box.defaultChecked)) return;
  if (waiting !== null || number !== boxes.length) {
    document.body.dispatchEvent(new CustomEvent("waiting-changed"));
  }
  waiting = number;
}

function tickAll(event) {
  const all = event.target.closest("[data-tick-all]");
  if (!all) return;
  for (const box of all.form.querySelectorAll("[name=attempt]")) box.checked = all.checked;
}

function showTickAll() {
  for (const label of root.querySelectorAll("[data-needs-script]")) label.hidden = false;
}

function render(board) {
  renderCounts(withHere(board.counts));
  renderWaiting(board.counts.waiting);
  renderStatus(board.session.status);
  if (mergeRows(board.rows)) {
    arrange();
    applyFilter();
  }
}

function openMark(studentId) {
  const { row } = [...entries.values()].find((entry) => String(entry.row.student_id) === studentId);
  form.reset();
  document.getElementById("mark-errors").replaceChildren();
  form.querySelector("[data-mark-student]").value = row.student_id;
  setText(form.querySelector("[data-mark-title]"), row.name);
  setText(form.querySelector("[data-mark-code]"), row.code);
  const next = row.status === "present" ? "absent" : "present";
  document.getElementById(`mark-${next}`).checked = true;
  dialog.showModal();
}

/** A refusal (422) or "not saved" was swapped into the dialog by htmx: nothing is left to say. */
function afterMark({ detail: { xhr } }) {
  if (xhr.status >= 200 && xhr.status < 300) {
    dialog.close();
    feed.refresh();
  } else if (xhr.status !== 422 && !xhr.getResponseHeader("X-Not-Saved")) {
    const notice = document.createElement("div");
    notice.className = "notice notice-error";
    notice.textContent = label("save-failed", "");
    document.getElementById("mark-errors").replaceChildren(notice);
  }
}

function startMarking() {
  const bar = document.getElementById("marking-bar");
  return bar ? new Marking({ root, bar, entries }) : null;
}

const marking = startMarking();
const feed = new BoardFeed(root.dataset.boardUrl);
feed.addEventListener("board", (event) => render(event.detail.board));
feed.addEventListener("state", (event) => renderConnection(root, event.detail));
feed.start(embeddedBoard());
marking?.addEventListener("saved", () => feed.refresh());

search.addEventListener("input", applyFilter);
sort.addEventListener("change", arrange);
root.addEventListener("change", tickAll);
document.body.addEventListener("htmx:afterSettle", showTickAll);
showTickAll();
form?.addEventListener("htmx:afterRequest", afterMark);
root.addEventListener("click", (event) => {
  const button = event.target.closest("[data-filter]");
  if (button) {
    filter = button.dataset.filter;
    for (const other of root.querySelectorAll("[data-filter]")) {
      other.setAttribute("aria-pressed", String(other === button));
    }
    applyFilter();
  }
  const row = event.target.closest("[data-mark]")?.closest("[data-student]");
  if (row && dialog) openMark(row.dataset.student);
});
