/**
 * The kiosk: cards from a reader that types, and one-time codes, one large answer each.
 *
 * Without network cards are kept in IndexedDB with their times, and sent with the same ids later:
 * the server counts each once. Codes need the network. A room's kiosk asks what is on there now.
 */

const SHOWN_MS = 4000;
const SEND_EVERY_MS = 15_000;
const LOOK_EVERY_MS = 20_000;
const TIMEOUT_MS = 10_000;
const MOST = 100; // cards in one request
const DATABASE = "campus-kiosk";

const root = document.querySelector("[data-kiosk]");
const part = (name) => root.querySelector(`[data-${name}]`);
const word = (name) => root.querySelector(`[data-word="${name}"]`).textContent.trim();
const cardForm = part("card-form");
const codeForm = part("code-form");
const keptFor = root.dataset.keptFor;
const script = part("now").dataset.script;

let idle = null;

function show(state, { name = "", text = "" } = {}) {
  root.dataset.state = state;
  part("head").textContent = name ? `${word(state)}, ${name}` : word(state);
  part("text").textContent = text;
  clearTimeout(idle);
  idle = setTimeout(rest, SHOWN_MS);
}

/** Nobody stands before it. Nothing is said again that stands there already. */
function rest() {
  root.dataset.state = "idle";
  for (const name of ["head", "text"]) {
    const text = part(`idle-${name}`).textContent.trim();
    if (part(name).textContent !== text) part(name).textContent = text;
  }
}

/** Readers type wherever the caret is: it belongs to the card unless somebody types a code. */
function focusCard() {
  const form = [cardForm, codeForm].find((one) => !one.hidden);
  form?.querySelector("input:not([type=hidden])").focus();
}

async function post(url, body) {
  const response = await fetch(url, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      Accept: "application/json",
      "X-CSRFToken": root.querySelector("input[name=csrfmiddlewaretoken]").value,
    },
    body: JSON.stringify(body),
  });
  if (response.status === 403) location.reload(); // it has ended: the page says so
  if (!response.ok) throw new RangeError(String(response.status));
  return response.json();
}

// --- Kept without network -----------------------------------------------------------------------

function asked(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function within(mode, use) {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore("cards", { keyPath: "id" });
  const database = await asked(opening);
  try {
    return await use(database.transaction("cards", mode).objectStore("cards"));
  } finally {
    database.close();
  }
}

const keep = (punch) => within("readwrite", (cards) => asked(cards.put({ ...punch, keptFor })));
const forget = (id) => within("readwrite", (cards) => asked(cards.delete(id)));

/** Those of this session, or of this room's kiosk; of one that is over nothing is left here. */
async function kept() {
  const all = await within("readonly", (cards) => asked(cards.getAll()));
  for (const old of all.filter((one) => one.keptFor !== keptFor)) await forget(old.id);
  return all.filter((one) => one.keptFor === keptFor);
}

async function showKept() {
  const number = (await kept()).length;
  part("kept").hidden = number === 0;
  part("kept-count").textContent = String(number);
}

async function send(punches) {
  const body = {
    punches: punches.map(({ id, card, at }) => ({ id, card, at })),
    sent_at: new Date().toISOString(),
  };
  const { results } = await post(root.dataset.punchUrl, body);
  return results;
}

let sending = false;

async function sendKept() {
  if (sending) return;
  sending = true;
  try {
    const punches = (await kept()).slice(0, MOST);
    if (punches.length) for (const { id } of await send(punches)) await forget(id);
  } catch {
    // Still no network, or the server is busy: the next turn tries again.
  } finally {
    sending = false;
    await showKept();
  }
}

// --- Answers ------------------------------------------------------------------------------------

function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function readCard(card) {
  const punch = { id: newId(), card, at: new Date().toISOString() };
  try {
    const [result] = await send([punch]);
    show(result.state, result);
  } catch (error) {
    if (error instanceof RangeError && error.message < 500 && error.message !== "429") {
      show("refused", { text: word("again") });
      return;
    }
    await keep(punch);
    show("kept", { text: word("keptText") });
    await showKept();
  }
}

async function useCode(number, code) {
  try {
    const result = await post(root.dataset.codeUrl, { number, code });
    show(result.state, result);
  } catch {
    show("refused", { text: word("again") });
  }
}

cardForm.addEventListener("submit", (event) => {
  event.preventDefault();
  const input = cardForm.elements.card;
  const card = input.value.trim();
  input.value = "";
  if (card) readCard(card);
});

codeForm.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { number, code } = codeForm.elements;
  if (!number.value.trim() || !code.value.trim()) {
    (number.value.trim() ? code : number).focus();
    return;
  }
  await useCode(number.value.trim(), code.value.trim());
  codeForm.reset();
  focusCard();
});

// --- What is on now -----------------------------------------------------------------------------

/** The fields that are of use now. Who types just then is not disturbed. */
function fit() {
  const { cards, codes } = part("now").dataset;
  const isTyping = [cardForm, codeForm].some((form) => form.contains(document.activeElement));
  cardForm.hidden = cards === undefined;
  codeForm.hidden = codes === undefined;
  const isLeft = [cardForm, codeForm].some(
    (form) => !form.hidden && form.contains(document.activeElement),
  );
  if (!isTyping || !isLeft) focusCard();
  if (root.dataset.state === "idle") rest();
}

let tag = null;

async function look() {
  const headers = { "HX-Request": "true" };
  if (tag) headers["If-None-Match"] = tag;
  const response = await fetch(root.dataset.pageUrl, {
    headers,
    cache: "no-store",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (response.status === 403) location.reload(); // it has ended: the page says so
  if (response.status !== 200) return;
  tag = response.headers.get("ETag");
  const read = new DOMParser().parseFromString(await response.text(), "text/html");
  const now = read.querySelector("[data-now]");
  if (!now) return;
  if (now.dataset.script !== script) location.reload(); // Campus was updated; this page is older
  part("now").replaceWith(now);
  fit();
}

async function lookAgain() {
  try {
    await look();
  } catch {
    // No network: it shows what was on last, and keeps cards.
  } finally {
    setTimeout(lookAgain, LOOK_EVERY_MS);
  }
}

window.addEventListener("online", sendKept);
setInterval(sendKept, SEND_EVERY_MS);
sendKept();
fit();
if (root.dataset.pageUrl) lookAgain();
