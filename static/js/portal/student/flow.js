/**
 * The check-in from the seen or typed code to the answer.
 *
 * The server has put into the page what has to be known, so that the first request is the one that
 * counts. Order: this browser's key, the ticket, the place, the face, the evidence signed by key or passkey.
 */

import { Refusal, get, post } from "./api.js";
import { ask, button, choose, freeze, part, pause, press, root, show, step, text } from "./dom.js";
import { signedEvidence } from "./evidence.js";
import { binding, hashOf, load, own } from "./key.js";
import { Place } from "./place.js";
import { showResult } from "./result.js";
import { clockOff, facts, mayReplace, persistently, stop } from "./stops.js";

const urls = root.dataset;
let noPlace = ""; // why the phone gave no place
let isNew = false; // this browser has been bound a moment ago
const KNOWN = "campus-check-in"; // what became of this stamp, for a page that is loaded again
const RELOADED = "campus-reloaded";
const SHORT_POLLS = 60; // seconds; afterwards the page asks every five
const STAYS_BOUND = new Set(["bad_passkey", "passkey_not_verified", "passkey_too_new", "replaced_recently"]);
const TYPED = new Set(["wrong_code", "expired_code", "too_many_tries", "malformed_code", "invalid"]);

/** A page from before the sign-in has an old token against forgery: once, it is loaded anew. */
function reloadOnce() {
  if (sessionStorage.getItem(RELOADED)) return false;
  sessionStorage.setItem(RELOADED, "1");
  location.reload();
  return true;
}

// --- This browser's key ------------------------------------------------------------------------

/** The key that signs; null where a passkey signs alone. */
async function boundKey(session) {
  const byPasskey = session?.passkey === "required";
  if (byPasskey && !facts.passkeys.length) return addPasskey();
  const known = await persistently(load);
  const mine = known?.student === facts.student && (await hashOf(known)) === facts.device?.hash;
  if (mine) {
    step("device", "done", facts.device.says);
    return known;
  }
  if (byPasskey) {
    root.querySelector('[data-step="device"]').hidden = true;
    return null;
  }
  if (facts.device && !facts.device.may_replace) return replacedKey(known, session);
  step("device", "busy");
  ask("bind");
  await press("bind");
  ask(null);
  const key = await persistently(() => own(facts.student, known));
  await persistently(() => bind(key));
  return bound(key);
}

async function bound(key) {
  facts.device = { hash: await hashOf(key), says: "" };
  isNew = true;
  step("device", "done", "");
  return key;
}

/** The way to a passkey and back leaves this page. */
function addPasskey() {
  show("add-passkey");
  return new Promise(() => {});
}

/** The key of this browser in the place of a lost one, which a passkey allows at once. */
async function replacedKey(known, session) {
  if (!mayReplace()) throw new Refusal("device_bound");
  stop(new Refusal("device_bound"));
  const { problemWords, replaced } = await import("./confirm.js");
  for (;;) {
    await press("passkey");
    try {
      const key = await own(facts.student, known);
      await replaced(key, urls.device);
      show("steps");
      return await bound(key);
    } catch (error) {
      const words = problemWords(error) ?? (STAYS_BOUND.has(error.code) ? error.detail : null);
      if (words === null) throw error;
      if (error.code === "replaced_recently" && session?.passkey === "accepted") {
        show("steps");
        return null; // the passkey itself proves this check-in
      }
      part("stop-detail").textContent = words;
    }
  }
}

async function bind(key) {
  let challenge = facts.challenge ?? (await post(`${urls.device}/challenge`));
  try {
    return await post(urls.device, await binding(key, challenge));
  } catch (error) {
    if (error.code !== "challenge_expired") throw error;
    challenge = await post(`${urls.device}/challenge`);
    return post(urls.device, await binding(key, challenge));
  }
}

async function askForRebinding() {
  for (;;) {
    await press("rebind");
    try {
      await post(`${urls.device}/rebind`);
      location.reload();
    } catch (error) {
      stop(error);
    }
  }
}

// --- Place and face ----------------------------------------------------------------------------

/** Begins to look, with the reason beside the browser's own question. */
function seekPlace() {
  step("place", "busy");
  ask("place");
  return { place: new Place(), skipped: press("skip-place") };
}

async function provePlace({ place, skipped }) {
  const pressed = await Promise.race([place.found, skipped]);
  place.stop();
  ask(null);
  const location = place.evidence();
  if (!location && pressed !== "skip-place") noPlace = await place.why();
  step("place", location ? "done" : "unknown");
  return location;
}

/** {photo, frames}, or null for the way without one. Loaded only where a face is asked. */
const proveFace = async (asked) => (await import("./photo.js")).proveFace(asked);

/** What would make the next photo better. */
const hintOf = (attempt) => attempt.lines.find((line) => line.factor === "face")?.advice ?? "";

// --- The answer --------------------------------------------------------------------------------

function remember(attempt) {
  try {
    const { stamp, student } = facts;
    localStorage.setItem(KNOWN, JSON.stringify({ stamp, student, attempt: attempt.id }));
  } catch {
    // only for pages that are loaded again
  }
}

function remembered() {
  try {
    const known = JSON.parse(localStorage.getItem(KNOWN) ?? "null");
    const same = known?.stamp === facts.stamp && known?.student === facts.student;
    return same && facts.stamp ? known.attempt : null;
  } catch {
    return null;
  }
}

const askAttempt = (id) => persistently(() => get(`${urls.checkIn}/attempts/${id}`), "result");

/** Shows the attempt, waits while the face is compared, and returns it when it is settled. */
async function settled(attempt, session) {
  showResult(attempt, { session, clockOff, zone: facts.zone, noPlace });
  for (let asked = 0; attempt.outcome === "pending"; asked += 1) {
    await pause(asked < SHORT_POLLS ? 1000 : 5000);
    attempt = await askAttempt(attempt.id);
    if (attempt.outcome !== "pending") {
      showResult(attempt, { session, clockOff, zone: facts.zone, noPlace });
    }
  }
  return attempt;
}

/** How a passkey is asked to sign the evidence, or null where it is of no use. */
async function confirmation(key, session) {
  const needed = !key || session?.passkey === "required";
  const person = session?.person ?? "off";
  const credentials = facts.passkeys.map((one) => one.id);
  if (!credentials.length || (!needed && person === "off")) return null;
  const { confirmed } = await import("./confirm.js");
  return (evidence) => confirmed(evidence, { credentials, person, needed });
}

/**
 * Beside the result: a passkey, to those who have none and would be better off with one; else a place on
 * the home screen, where the browser forgets its key without.
 */
async function offer(session) {
  const useful = isNew || (session && session.person !== "off");
  const passkey = useful && !facts.passkeys.length;
  if (passkey && (await (await import("./offer.js")).offerPasskey())) return;
  await import("./home_screen.js");
}

async function sendEvidence(key, ticket, session, proofs) {
  show("steps");
  const confirm = await confirmation(key, session);
  const body = await signedEvidence(key, confirm, { ticket, ...proofs });
  step("send", "busy");
  const attempt = await persistently(() => post(urls.checkIn, body));
  step("send", "done");
  remember(attempt);
  offer(session).catch(() => {});
  return settled(attempt, session);
}

// --- From beginning to end ---------------------------------------------------------------------

async function redeem(code) {
  const ticket = await persistently(() => post(urls.redeem, code));
  step("code", "done");
  return ticket;
}

async function checkIn(code, chosen) {
  show("steps");
  const key = await boundKey(chosen);
  const seeking = chosen?.place ? seekPlace() : null; // while the code is redeemed
  const { ticket, session: id, turns: told } = await redeem(code).catch((error) => {
    seeking?.place.stop();
    throw error;
  });
  const session = facts.sessions.find((one) => one.id === id);
  const location = seeking ? await provePlace(seeking) : null;
  const asksFace = session && session.face !== "off";
  if (asksFace) step("face", "busy");
  choose("face-without", session?.face === "bonus" ? "bonus" : "asked");
  const toAgree = session?.liveness === "not_agreed";
  const turns = session && session.liveness !== "off" && !toAgree ? told : [];
  let face = asksFace ? await proveFace({ turns, toAgree }) : null;
  if (asksFace) step("face", face ? "done" : "unknown");
  for (;;) {
    const attempt = await sendEvidence(key, ticket, session, { location, ...face });
    if (attempt.photo_tries_left === 0) return;
    await press("retake");
    face = await proveFace({ hint: hintOf(attempt), turns, toAgree });
    if (!face) return void show("result");
  }
}

function codeOf(typed, session) {
  const compact = typed.normalize("NFKC").replace(/[\s-]/g, "");
  const digits = /^\p{Nd}{6}$/u.test(compact);
  return digits ? { session, one_time_code: compact } : { session, text_code: compact };
}

/** From “My devices”: this browser in the place of a lost one, without a class. */
async function onlyReplace() {
  show("steps");
  const key = await boundKey();
  if (key) location.assign(urls.devices);
}

async function typedCode() {
  const form = part("type-form");
  show("type");
  if (!form) return;
  form.addEventListener("submit", (event) => event.preventDefault());
  for (;;) {
    await new Promise((resolve) => form.addEventListener("submit", resolve, { once: true }));
    const session = Number(new FormData(form).get("session"));
    const code = codeOf(form.elements.code.value, session);
    try {
      return await checkIn(code, facts.sessions.find((one) => one.id === session));
    } catch (error) {
      if (!(error instanceof Refusal) || !TYPED.has(error.code)) throw error;
      part("type-problem").textContent = error.detail;
      show("type");
      form.elements.code.select();
    }
  }
}

async function scannedCode() {
  const done = remembered();
  const session = facts.sessions[0];
  if (done) return settled(await askAttempt(done), session);
  return checkIn({ stamp: facts.stamp }, session);
}

/** The newest tab goes on; in the older ones it says so. Released with the answer. */
function alone(work) {
  if (!navigator.locks) return work();
  return navigator.locks.request(KNOWN, { steal: true }, work);
}

async function run() {
  if (!window.isSecureContext || !crypto.subtle) return stop(new Refusal("insecure"));
  if (!navigator.cookieEnabled) return stop(new Refusal("cookies_off"));
  try {
    const replaces = new URLSearchParams(location.search).has("replace");
    await alone(facts.stamp ? scannedCode : replaces ? onlyReplace : typedCode);
    sessionStorage.removeItem(RELOADED);
  } catch (error) {
    await caught(error);
  }
}

async function caught(error) {
  if (error.name === "AbortError") {
    stop(new Refusal("second_tab"));
    return freeze();
  }
  if (error.code === "permission_denied") {
    if (!reloadOnce()) stop(new Refusal("cookies_off"));
    return;
  }
  stop(error instanceof Refusal ? error : new Refusal("other", String(error.message)));
  if (!button("retry").hidden) {
    await press("retry");
    location.reload();
  }
}

addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload(); // back to a page whose work is done
});
button("here").addEventListener("click", () => location.reload());
askForRebinding();
run();
