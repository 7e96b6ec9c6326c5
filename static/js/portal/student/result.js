/** How it went, in words. */

import { button, choose, part, parts, root, show, text } from "./dom.js";

const CLOCK_OFF_MS = 120000;
// Refusals of a mark that stands in the register as invalid, which can be appealed.
const MARKED = new Set(["score_too_low", "face_mismatch"]);

function outcomeOf(attempt, session) {
  if (attempt.outcome !== "accepted") return attempt.outcome;
  const at = Date.parse(attempt.seen_at ?? attempt.redeemed_at);
  return session?.late_from_ms && at >= session.late_from_ms ? "late" : "accepted";
}

function lineOf(line) {
  const item = document.getElementById("line").content.cloneNode(true).firstElementChild;
  item.dataset.passed = String(line.passed);
  part("name", item).textContent = line.name;
  part("said", item).textContent = line.said;
  part("proven", item).hidden = line.passed !== true;
  return item;
}

/** What the page knows better than the server: why the phone gave no place. */
function adviceOf(line, noPlace) {
  const item = document.createElement("li");
  const own = line.factor === "location" && (noPlace === "off" || noPlace === "late");
  item.textContent = own ? text(`place_${noPlace}`) : line.advice;
  return item;
}

function explain(attempt, noPlace) {
  const shown = attempt.lines.length > 0 && attempt.outcome !== "pending";
  part("scored").hidden = !shown;
  part("score").textContent = shown ? `${Math.round(attempt.score * 100)} %` : "";
  part("lines").replaceChildren(...attempt.lines.map(lineOf));
  const advised = attempt.lines.filter((line) => line.advice);
  part("better").hidden = advised.length === 0;
  part("advice").replaceChildren(...advised.map((line) => adviceOf(line, noPlace)));
}

/** The phone's clock, where it is off: a note, as the time of the server counts. */
function aboutClock(clockOff) {
  const isOff = Math.abs(clockOff) >= CLOCK_OFF_MS;
  part("clock").hidden = !isOff;
  if (!isOff) return;
  choose("clock-is", clockOff > 0 ? "fast" : "slow", part("clock"));
  const minutes = String(Math.round(Math.abs(clockOff) / 60000));
  for (const place of parts("clock-minutes")) place.textContent = minutes;
}

/**
 * Shows an attempt. `clockOff`: by how many ms the phone's clock is ahead; `zone`: the campus's;
 * `noPlace`: why the phone gave no place, "" where it did or was not asked.
 */
export function showResult(attempt, { session, clockOff, zone, noPlace }) {
  const screen = root.querySelector('[data-screen="result"]');
  const outcome = outcomeOf(attempt, session);
  screen.dataset.outcome = outcome;
  choose("sign", outcome, screen);
  choose("title", outcome, screen);
  choose("of-session", String(attempt.session), screen);
  const at = new Date(attempt.seen_at ?? attempt.redeemed_at ?? attempt.received_at);
  part("when").textContent = at.toLocaleTimeString(document.documentElement.lang, {
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
    timeZone: zone,
  });
  part("message").textContent = attempt.message;
  explain(attempt, noPlace);
  const refused = outcome === "refused";
  button("retake").hidden = attempt.photo_tries_left === 0;
  part("appeal").hidden = !(refused && MARKED.has(attempt.reason));
  part("again").hidden = !refused || attempt.photo_tries_left > 0;
  aboutClock(clockOff);
  show("result");
}
