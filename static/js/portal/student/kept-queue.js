/**
 * Check-ins without network: kept in IndexedDB, sent once there is one. `self.campusKept`.
 *
 * No module, because the service worker loads it too, and workers cannot load modules everywhere.
 * An entry: {token, student, at, state, sent, counter} and, while it waits, `body` (what is sent)
 * and `photo` (sealed); afterwards `message` in their place: neither place nor photo is kept longer
 * than needed. `heldUntil`: until then photo and passkey may still be added, and it is not sent.
 */

(() => {
  const DATABASE = "campus-kept";
  const TAG = "campus-check-ins";
  const OFFLINE = "/api/v1/check-in/offline";
  const STATE = "/c/state";
  const SHOWN_MS = 24 * 3600 * 1000; // how long an answer is shown
  const MOST_BYTES = 10_000_000;
  const MOST = 50;
  const SEAL = { name: "AES-GCM", length: 256 };
  // Beside the counters, which go by the key's identifier: another version of the database could not
  // be opened by a worker of before.
  const SEAL_KEY = "seal";
  const asksKey = (student) => `asks ${student}`;

  function asked(request) {
    return new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  }

  async function within(mode, use) {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => {
      opening.result.createObjectStore("entries", { keyPath: "token" });
      opening.result.createObjectStore("counters");
    };
    const database = await asked(opening);
    try {
      const transaction = database.transaction(["entries", "counters"], mode);
      const done = new Promise((resolve, reject) => {
        transaction.oncomplete = resolve;
        transaction.onerror = transaction.onabort = () => reject(transaction.error);
      });
      const found = await use(transaction.objectStore("entries"), transaction.objectStore("counters"));
      await done;
      return found;
    } finally {
      database.close();
    }
  }

  const find = (token) => within("readonly", (entries) => asked(entries.get(token)));

  /** The next counter of this key. Taken before the evidence is signed: one that is lost is no harm. */
  const nextCounter = (uuid) =>
    within("readwrite", async (_entries, counters) => {
      const counter = ((await asked(counters.get(uuid))) ?? 0) + 1;
      await asked(counters.put(counter, uuid));
      return counter;
    });

  /** Keeps an entry, unless its code has been kept already. */
  const keep = (entry) =>
    within("readwrite", async (entries) => {
      if (!(await asked(entries.get(entry.token)))) await asked(entries.add(entry));
    });

  /** Photo and passkey of an entry that has not been sent. */
  const complete = (token, changes) =>
    within("readwrite", async (entries) => {
      const entry = await asked(entries.get(token));
      if (entry && !entry.sent) await asked(entries.put({ ...entry, ...changes, heldUntil: 0 }));
    });

  // --- What the student's last check-in asked for, which a page without network cannot know ---

  const remember = (student, asks) =>
    within("readwrite", (_entries, values) => asked(values.put(asks, asksKey(student))));

  const asks = (student) =>
    within("readonly", (_entries, values) => asked(values.get(asksKey(student))));

  // --- The photo, sealed under a key that cannot be taken out of this browser ---

  async function sealKey() {
    const known = await within("readonly", (_entries, values) => asked(values.get(SEAL_KEY)));
    if (known) return known;
    const made = await crypto.subtle.generateKey(SEAL, false, ["encrypt", "decrypt"]);
    return within("readwrite", async (_entries, values) => {
      const other = await asked(values.get(SEAL_KEY)); // made by another tab meanwhile
      if (!other) await asked(values.put(made, SEAL_KEY));
      return other ?? made;
    });
  }

  const sealing = (token, iv) => ({ ...SEAL, iv, additionalData: new TextEncoder().encode(token) });

  async function sealed(token, photo) {
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const key = await sealKey();
    return { iv, bytes: await crypto.subtle.encrypt(sealing(token, iv), key, photo) };
  }

  /** The entry as it is sent, with its photo in base64. */
  async function bodyOf({ token, body, photo }) {
    if (!photo) return body;
    const key = await sealKey();
    const opened = await crypto.subtle.decrypt(sealing(token, photo.iv), key, photo.bytes);
    let binary = "";
    for (const byte of new Uint8Array(opened)) binary += String.fromCharCode(byte);
    return { ...body, selfie: btoa(binary) };
  }

  /** This student's entries, the newest first. Answers of yesterday are dropped, and everybody's photos
   *  that are too old to be taken. */
  async function list(student) {
    const all = await within("readwrite", async (entries) => {
      const found = await asked(entries.getAll());
      const old = found.filter((one) => one.sent && Date.now() - one.sent > SHOWN_MS);
      for (const one of old) entries.delete(one.token);
      for (const one of found.filter((each) => each.photo && Date.now() - each.at > SHOWN_MS)) {
        delete one.photo;
        entries.put(one);
      }
      return found.filter((one) => !old.includes(one));
    });
    return all.filter((one) => one.student === student).sort((one, other) => other.at - one.at);
  }

  const settle = (token, result) =>
    within("readwrite", async (entries) => {
      const entry = await asked(entries.get(token));
      if (!entry || entry.sent) return;
      delete entry.body;
      delete entry.photo;
      const { attempt, error } = result;
      entry.sent = Date.now();
      entry.state = attempt ? attempt.outcome : "refused";
      entry.message = attempt ? attempt.message : error.detail;
      await asked(entries.put(entry));
    });

  /** As many as fit into one request, in the order of their counters. */
  function fitting(waiting) {
    const chosen = [];
    let bytes = 0;
    for (const entry of waiting) {
      const photo = entry.photo?.bytes.byteLength ?? 0;
      bytes += JSON.stringify(entry.body).length + Math.ceil(photo / 3) * 4; // base64
      if (chosen.length === MOST || (chosen.length && bytes > MOST_BYTES)) break;
      chosen.push(entry);
    }
    return chosen;
  }

  async function sendAll() {
    const options = { credentials: "same-origin", cache: "no-store", redirect: "error" };
    const known = await fetch(STATE, options);
    if (!known.ok) throw new Error(`the server answered ${known.status}`);
    const state = await known.json();
    if (!state.student) return "signed_out";
    const mine = await list(state.student);
    const held = (one) => one.heldUntil > Date.now();
    let waiting = mine.filter((one) => !one.sent && !held(one));
    waiting.sort((one, other) => one.counter - other.counter);
    while (waiting.length > 0) {
      const now = fitting(waiting);
      const answer = await fetch(OFFLINE, {
        ...options,
        method: "POST",
        headers: { "Content-Type": "application/json", "X-CSRFToken": state.csrf },
        body: JSON.stringify({ check_ins: await Promise.all(now.map(bodyOf)) }),
      });
      if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
      const { results } = await answer.json();
      for (const [place, entry] of now.entries()) await settle(entry.token, results[place]);
      waiting = waiting.slice(now.length);
    }
    return mine.some(held) ? "held" : "sent";
  }

  /**
   * Sends what waits: "sent", "held", "signed_out" or "network". With `insist` the last one is
   * thrown, and so is the second, so that Background Sync tries again. Page and worker take turns;
   * the nonces make it once.
   */
  async function send({ insist = false } = {}) {
    try {
      const said = await (navigator.locks ? navigator.locks.request(TAG, sendAll) : sendAll());
      if (insist && said === "held") throw new Error("its photo may still be added");
      return said;
    } catch (error) {
      if (insist) throw error;
      return "network";
    }
  }

  const hasWaiting = () =>
    within("readonly", async (entries) => (await asked(entries.getAll())).some((one) => !one.sent));

  self.campusKept = {
    TAG, asks, complete, find, hasWaiting, keep, list, nextCounter, remember, sealed, send,
  };
})();
