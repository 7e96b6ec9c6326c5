/**
 * A rapid-code challenge while the page is open after a check-in: five codes of one second each.
 *
 * The page asks while it is visible and the session is open, opens the scanner, and answers each code
 * by itself while the camera stays on the projector. The first code comes two to three seconds after
 * the announcement and four of the five are needed: a page that asked more rarely than this would
 * have no code to spare until its camera runs.
 *
 * A page that was looked at for twenty minutes without a challenge stops, until it is shown again.
 */

import { post } from "./api.js";
import { part, pause, root } from "./dom.js";

const EVERY_MS = 2000;
const LATER_MS = 2500; // after FIRST_MS
const FIRST_MS = 5 * 60_000;
const LONGEST_MS = 20 * 60_000;
const PATIENCE_MS = 4000;
const UNKNOWN = { open: true, challenge: false }; // no answer: asked again

async function stateOf(session) {
  try {
    const url = `${root.dataset.state}?session=${session}`;
    const answer = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    if (!answer.ok) return UNKNOWN;
    const state = await answer.json();
    if (state.student) root.querySelector("[name=csrfmiddlewaretoken]").value = state.csrf;
    return state;
  } catch {
    return UNKNOWN;
  }
}

/** When the page is shown the next time. */
function shown() {
  return new Promise((resolve) => {
    const listening = new AbortController();
    const look = () => {
      if (document.hidden) return;
      listening.abort();
      resolve();
    };
    document.addEventListener("visibilitychange", look, { signal: listening.signal });
  });
}

async function answer(session) {
  const [{ Viewfinder }, { tokenOf }] = await Promise.all([
    import("./viewfinder.js"),
    import("./scanner.js"),
  ]);
  const screen = part("quick-check");
  const sent = new Set();
  let counted = 0;
  screen.hidden = false;
  screen.querySelector("h1").focus();
  const viewfinder = new Viewfinder(screen);
  const seen = async (text) => {
    const token = tokenOf(text);
    if (!token.startsWith("B.") || sent.has(token)) return false;
    sent.add(token);
    post(root.dataset.rapid, { token }).then(
      () => {
        counted += 1;
        part("counted", screen).textContent = String(counted);
      },
      () => {}, // the next code comes within a second
    );
    return false;
  };
  navigator.vibrate?.(200);
  await viewfinder.start(seen);
  while (!document.hidden && (await stateOf(session)).challenge) await pause(EVERY_MS);
  viewfinder.stop();
  screen.hidden = true;
}

/** Answers every challenge of the session until it is over. */
export async function waitForChallenge(session) {
  let since = Date.now();
  for (;;) {
    if (document.hidden || Date.now() - since > LONGEST_MS) {
      await shown();
      since = Date.now();
    }
    const state = await stateOf(session);
    if (!state.open) return;
    if (state.challenge) {
      await answer(session);
      since = Date.now();
    }
    await pause(Date.now() - since > FIRST_MS ? LATER_MS : EVERY_MS);
  }
}
