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
    shownWindow = null;
    part("qr").replaceChildren();
    setText(part("code-text"), "–");
    return;
  }
  root.dataset.code = "live";
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
  if (expiresAt === null) return;
  const left = expiresAt - performance.now();
  setText(part("seconds"), String(Math.max(Math.ceil(left / 1000), 0)));
  if (left < -2000) root.dataset.code = "expired";
}

function renderArrivals(rows) {
  const arrived = rows
    .filter((row) => row.at && (row.status === "present" || row.status === "late"))
    .sort((a, b) => Date.parse(b.at) - Date.parse(a.at))
    .slice(0, ARRIVALS);
  const list = part("arrivals");
  const known = new Map([...list.children].map((item) => [item.dataset.student, item]));
  list.replaceChildren(...arrived.map((row) => known.get(String(row.student_id)) ?? arrival(row)));
  part("nobody").hidden = arrived.length > 0;
}

function arrival(row) {
  const item = cloneTemplate("arrival").firstElementChild;
  item.dataset.student = row.student_id;
  setText(item.querySelector("[data-initial]"), [...row.name][0] ?? "");
  setText(item.querySelector("[data-name]"), row.name);
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
part("fullscreen").addEventListener("click", () => {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen();
});
