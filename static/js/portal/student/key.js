/**
 * The key that proves this browser: P-256, not to be taken out of it, kept in IndexedDB.
 *
 * One identifier for the browser and all who sign in there: it is one person's device.
 */

import { Refusal } from "./api.js";

const DATABASE = "campus";
const STORE = "keys";
const OWN = "device";
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256" };
const SIGNING = { name: "ECDSA", hash: "SHA-256" };

function asked(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("blocked"));
  });
}

function refusal(error) {
  const full = error?.name === "QuotaExceededError";
  return new Refusal(full ? "storage_full" : "storage_unavailable", "");
}

async function withStore(mode, use) {
  try {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
    const database = await asked(opening);
    try {
      const transaction = database.transaction(STORE, mode);
      const done = new Promise((resolve, reject) => {
        transaction.oncomplete = resolve;
        transaction.onerror = transaction.onabort = () => reject(transaction.error);
      });
      const found = await asked(use(transaction.objectStore(STORE)));
      await done;
      return found;
    } finally {
      database.close();
    }
  } catch (error) {
    throw refusal(error);
  }
}

/** {uuid, student, pair} or undefined. */
export const load = () => withStore("readonly", (store) => store.get(OWN));

const save = (record) => withStore("readwrite", (store) => store.put(record, OWN));

/** The student's key in this browser, made where there is none. `known` is what `load` found. */
export async function own(student, known) {
  if (known?.student === student) return known;
  const pair = await crypto.subtle.generateKey(ALGORITHM, false, ["sign", "verify"]);
  const record = { uuid: known?.uuid ?? crypto.randomUUID(), student, pair };
  await save(record);
  navigator.storage?.persist?.().catch(() => false);
  return record;
}

export function base64(buffer) {
  let binary = "";
  for (const byte of new Uint8Array(buffer)) binary += String.fromCharCode(byte);
  return btoa(binary);
}

export async function sha256(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export const hashOf = (record) => sha256(new TextEncoder().encode(record.uuid));

export async function sign(record, message) {
  const bytes = new TextEncoder().encode(message);
  return base64(await crypto.subtle.sign(SIGNING, record.pair.privateKey, bytes));
}

export async function publicKey(record) {
  return base64(await crypto.subtle.exportKey("spki", record.pair.publicKey));
}

/** The body that binds this key under a challenge of the server. */
export async function binding(record, challenge) {
  const message = challenge.message.replace("{device_uuid}", record.uuid);
  return {
    device_uuid: record.uuid,
    public_key: await publicKey(record),
    nonce: challenge.nonce,
    signature: await sign(record, message),
    kind: "web",
    name: browserName(),
  };
}

const BROWSERS = [
  [/Edg(e|A|iOS)?\//, "Edge"],
  [/SamsungBrowser\//, "Samsung Internet"],
  [/(Firefox|FxiOS)\//, "Firefox"],
  [/(Chrome|CriOS)\//, "Chrome"],
  [/Safari\//, "Safari"],
];
const SYSTEMS = [
  [/Android/, "Android"],
  [/iPhone|iPad|iPod/, "iOS"],
  [/Windows/, "Windows"],
  [/Mac OS X/, "macOS"],
  [/Linux/, "Linux"],
];

/** "Chrome, Android": what people call it. */
export function browserName() {
  const named = (list) => list.find(([pattern]) => pattern.test(navigator.userAgent))?.[1];
  return [named(BROWSERS), named(SYSTEMS)].filter(Boolean).join(", ");
}
