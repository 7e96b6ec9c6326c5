/** Makes the check-in of a code that was scanned without network, and keeps it until it is sent. */

import { deviceFacts } from "./evidence.js";
import "./kept-queue.js";
import { load, sha256, sign } from "./key.js";
import { Place } from "./place.js";

const { campusKept } = self;
const CHECK_IN = /^C\.[0-9A-Z]+\.([0-9]+)\.[0-9A-Z]+\.[A-Z2-7]+$/;
const HOLD_MS = 3 * 60 * 1000; // for photo and passkey

/** The session that a token names: what the server issued says which it is of. */
export function sessionOf(token) {
  const found = CHECK_IN.exec(token);
  return found ? Number(found[1]) : null;
}

async function askSync() {
  try {
    const registration = await navigator.serviceWorker.ready;
    await registration.sync?.register(campusKept.TAG);
  } catch {
    // sent by the next visit
  }
}

/** What can still be added to it, as the student's last check-in asked; null where nothing can. */
async function wantedBy(student) {
  const asks = await campusKept.asks(student);
  if (!asks) return null;
  const { face, person, passkey, credentials } = asks;
  const confirms = credentials.length > 0 && (person !== "off" || passkey === "required");
  return face === "off" && !confirms ? null : { face, person, confirms, credentials };
}

async function make(token, session, key, wanted) {
  const at = Date.now(); // of the scan, not of the place
  const place = new Place();
  await place.found;
  place.stop();
  const location = place.evidence();
  const counter = await campusKept.nextCounter(key.uuid);
  const facts = {
    session,
    token,
    counter,
    nonce: crypto.randomUUID(),
    at: new Date(at).toISOString(),
    device_info: deviceFacts(),
    ...(location && { location }),
  };
  const evidence = JSON.stringify(facts);
  const body = { evidence, signature: await sign(key, evidence) };
  const heldUntil = wanted ? Date.now() + HOLD_MS : 0;
  await campusKept.keep({ token, student: key.student, at, counter, state: "kept", heldUntil, body });
}

/**
 * {problem}: "" when it is kept, else why it cannot be: not_a_code, no_key, …; {wanted}: what may be
 * added with `add`, null where it is whole. It is safe from here on, whatever becomes of that.
 */
export async function keepCode(token) {
  const session = sessionOf(token);
  if (!session) return { problem: "not_a_code", wanted: null };
  const key = await load();
  if (!key) return { problem: "no_key", wanted: null };
  const wanted = await wantedBy(key.student);
  if (!(await campusKept.find(token))) await make(token, session, key, wanted);
  const { heldUntil } = await campusKept.find(token);
  askSync();
  return { problem: "", wanted: heldUntil ? wanted : null };
}

/**
 * Signs the kept evidence anew with a photo (a Blob or null) and with what `confirm` gives for its
 * text (an assertion or null). Counter and nonce stay: it is the same check-in.
 */
export async function add(token, photo, confirm) {
  const { body: kept } = await campusKept.find(token);
  const changes = {};
  let evidence = kept.evidence;
  if (photo) {
    const bytes = await photo.arrayBuffer();
    evidence = JSON.stringify({ ...JSON.parse(evidence), selfie_sha256: await sha256(bytes) });
    changes.photo = await campusKept.sealed(token, bytes);
  }
  const assertion = await confirm(evidence);
  const signature = await sign(await load(), evidence);
  changes.body = { evidence, signature, ...(assertion && { assertion }) };
  await campusKept.complete(token, changes);
}

/** As it was kept at first. */
export const addNothing = (token) => campusKept.complete(token, {});
