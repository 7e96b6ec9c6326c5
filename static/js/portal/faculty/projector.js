/** The page on the wall: the changing code, the count, the latest arrivals. */

import {
  cloneTemplate,
  embeddedBoard,
  renderConnection,
  renderCounts,
  setText,
  withHere,
} from "./dom.js";
import { BoardFeed } from "./feed.js";

const ARRIVALS = 8;
const TICK_MS = 200;

const root = document.querySelector("[data-projector]");
const part = (name) => root.querySelector(`[data-${name}]`);
const reducedMotion = window.matchMedia("(prefers-reduced-motion: reduce)");

let shownWindow = null;
let expiresAt = null; // performance.now() at which the shown code runs out
let textExpiresAt = null; // the same of the typed code, which stands longer
let latestRows = [];
let ringAnimation = null;

/**
 * The server's SVG as an element that scales with its frame, or null if there is none. Parsed as
 * HTML: inline SVG usually comes without a namespace, which an XML parser would insist on.
 */
function parseSvg(text) {
  const svg = new DOMParser().parseFromString(text, "text/html").querySelector("svg");
  if (!svg) return null;
  if (!svg.hasAttribute("viewBox")) {
    const [width, height] = ["width", "height"].map((name) => parseFloat(svg.getAttribute(name)));
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  }
  svg.removeAttribute("width");
  svg.removeAttribute("height");
  svg.setAttribute("shape-rendering", "crispEdges");
  svg.setAttribute("aria-hidden", "true");
  return document.adoptNode(svg);
}

function runRing(leftMs, periodMs) {
  ringAnimation?.cancel();
  if (reducedMotion.matches) return; // the seconds beside the code tell the same
  const spent = 100 * (1 - Math.min(leftMs / periodMs, 1));
  ringAnimation = part("ring").animate(
    [{ strokeDashoffset: spent }, { strokeDashoffset: 100 }],
    { duration: Math.max(leftMs, 0), fill: "forwards" },
  );
}

function renderCode(code, codeExpiresAt) {
  expiresAt = codeExpiresAt;
  if (!code) {
    root.dataset.code = "none";
    shownWindow = textExpiresAt = null;
    part("qr").replaceChildren();
    setText(part("code-text"), "–");
    return;
  }
  root.dataset.code = "live";
  const challenge = !code.text; // one-second codes, which nobody could type
  part("when-usual").hidden = challenge;
  part("when-challenge").hidden = !challenge;
  textExpiresAt = challenge ? null : codeExpiresAt - code.expires_in_ms + code.text_expires_in_ms;
  if (code.window !== shownWindow) {
    const svg = parseSvg(code.svg);
    if (svg) part("qr").replaceChildren(svg);
    setText(part("code-text"), code.text);
    shownWindow = code.window;
    runRing(codeExpiresAt - performance.now(), code.period_ms);
  }
  tick();
}

/** Counts the seconds down and covers a code that has run out: scanning it would be refused. */
function tick() {
  if (textExpiresAt !== null) {
    const left = Math.max(Math.ceil((textExpiresAt - performance.now()) / 1000), 0);
    setText(part("seconds"), String(left));
  }
  if (expiresAt !== null && expiresAt - performance.now() < -2000) root.dataset.code = "expired";
}

// --- Arrivals -----------------------------------------------------------------------------------

const CHOICE_KEY = `campus-arrivals-${document.querySelector("meta[name=campus-user]")?.content}`;

/** What this lecturer chose in this browser, else what the campus's policy says. */
function arrivalsShown() {
  try {
    const chosen = localStorage.getItem(CHOICE_KEY);
    if (root.querySelector(`[data-arrivals-choice="${CSS.escape(chosen ?? "")}"]`)) return chosen;
  } catch {
    // storage may be forbidden; the policy then rules
  }
  return root.dataset.arrivalsShown;
}

function chooseArrivals(choice) {
  try {
    localStorage.setItem(CHOICE_KEY, choice);
  } catch {
    root.dataset.arrivalsShown = choice; // for this page
  }
  part("arrivals").replaceChildren();
  renderArrivals(latestRows);
  root.querySelector("details[data-menu]").open = false;
}

function initials(name) {
  const words = name.split(/\s+/).filter(Boolean);
  const letters = [words[0], words.length > 1 ? words.at(-1) : ""].map((word) => [...word][0] ?? "");
  return letters.filter(Boolean).map((letter) => `${letter}.`).join(" ");
}

function renderArrivals(rows) {
  const shown = arrivalsShown();
  latestRows = rows;
  part("latest").hidden = shown === "count";
  for (const button of root.querySelectorAll("[data-arrivals-choice]")) {
    button.setAttribute("aria-pressed", String(button.dataset.arrivalsChoice === shown));
  }
  if (shown === "count") return;
  const arrived = rows
    .filter((row) => row.at && (row.status === "present" || row.status === "late"))
    .sort((a, b) => Date.parse(b.at) - Date.parse(a.at))
    .slice(0, ARRIVALS);
  const list = part("arrivals");
  const known = new Map([...list.children].map((item) => [item.dataset.student, item]));
  const items = arrived.map((row) => known.get(String(row.student_id)) ?? arrival(row));
  for (const item of known.values()) if (!items.includes(item)) item.remove();
  items.forEach((item, place) => {
    // Who stands there already is not moved: the name would appear anew.
    if (list.children[place] !== item) list.insertBefore(item, list.children[place] ?? null);
  });
  part("nobody").hidden = arrived.length > 0;
  const bottom = (one) => one.getBoundingClientRect().bottom;
  while (list.children.length > 1 && bottom(list) > bottom(part("latest")) + 1) {
    list.lastElementChild.remove(); // there is no room for it: names may have several lines
  }
}

function arrival(row) {
  const item = cloneTemplate("arrival").firstElementChild;
  item.dataset.student = row.student_id;
  setText(item.querySelector("[data-initial]"), [...row.name][0] ?? "");
  const isNamed = arrivalsShown() === "names";
  setText(item.querySelector("[data-name]"), isNamed ? row.name : initials(row.name));
  return item;
}

function renderClosed(status) {
  root.dataset.state = "closed";
  part("closed").hidden = false;
  for (const element of root.querySelectorAll("[data-when-completed]")) {
    element.hidden = status !== "completed";
  }
  part("when-cancelled").hidden = status !== "cancelled";
}

function render({ board, codeExpiresAt }) {
  const counts = withHere(board.counts);
  renderCounts(counts);
  part("pending").hidden = counts.pending === 0;
  renderArrivals(board.rows);
  renderCode(board.session.status === "open" ? board.code : null, codeExpiresAt);
  if (board.session.status === "open") root.dataset.state = "open";
  else renderClosed(board.session.status);
}

/** Keeps the screen on while the code is shown; browsers that cannot are no worse off. */
async function keepAwake() {
  if (document.hidden) return;
  try {
    await navigator.wakeLock?.request("screen");
  } catch {
    // refused, for example on a low battery
  }
}

const feed = new BoardFeed(root.dataset.boardUrl);
feed.addEventListener("board", (event) => render(event.detail));
feed.addEventListener("state", (event) => renderConnection(root, event.detail));
feed.start(embeddedBoard());
setInterval(tick, TICK_MS);

keepAwake();
document.addEventListener("visibilitychange", keepAwake);
window.addEventListener("resize", () => renderArrivals(latestRows));
root.addEventListener("click", (event) => {
  const choice = event.target.closest("[data-arrivals-choice]")?.dataset.arrivalsChoice;
  if (choice) chooseArrivals(choice);
});
part("fullscreen").addEventListener("click", () => {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen();
});
