/**
 * The scanner's page, and the page that the service worker shows for a code without network.
 *
 * Its address says which: at the link of a code, the check-in of that code is kept.
 */

import { post } from "./api.js";
import { button, choose, part, press, root, show, text } from "./dom.js";
import { add, addNothing, keepCode } from "./keep.js";
import { load } from "./key.js";
import { tokenOf } from "./scanner.js";
import { Viewfinder } from "./viewfinder.js";

const { campusKept } = self;
const viewfinder = new Viewfinder(part("scanner"));

// --- What is kept ------------------------------------------------------------------------------

function line(entry) {
  const item = document.getElementById("entry").content.cloneNode(true).firstElementChild;
  item.dataset.state = entry.state;
  part("at", item).textContent = new Date(entry.at).toLocaleString(document.documentElement.lang, {
    weekday: "short",
    hour: "2-digit",
    minute: "2-digit",
  });
  part("said", item).textContent = [text(entry.state), entry.message].filter(Boolean).join(" · ");
  return item;
}

async function showKept() {
  const key = await load().catch(() => undefined);
  const entries = key ? await campusKept.list(key.student).catch(() => []) : [];
  part("list").hidden = entries.length === 0;
  part("entries").replaceChildren(...entries.map(line));
  button("send").hidden = entries.every((one) => one.sent);
  return entries;
}

async function send() {
  if ((await showKept()).every((one) => one.sent)) return;
  const said = await campusKept.send();
  part("signed-out").hidden = said !== "signed_out";
  await showKept();
}

function say(problem) {
  choose("kept", problem, root.querySelector('[data-screen="kept"]'));
  show("kept");
}

/** The database's own error, or the Refusal of the key's. */
function whyNotKept(error) {
  const full = error.name === "QuotaExceededError" || error.code === "storage_full";
  return full ? "storage_full" : "storage_unavailable";
}

/** The passkey's signature over the evidence, at the press of a button; null for the way without. */
async function confirmed(evidence, { credentials, person }) {
  const { sign } = await import("./passkey.js");
  show("passkey");
  for (;;) {
    if ((await press("passkey", "without-passkey")) === "without-passkey") return null;
    try {
      const verification = person === "required" ? "required" : "preferred";
      return await sign(evidence, { credentials, verification });
    } catch (error) {
      const { dataset } = part("passkey-problem");
      part("confirm-problem").textContent = dataset[error.code] ?? dataset.failed;
    }
  }
}

/** Photo and passkey, where the last check-in asked for them. What is kept already stays so. */
async function addTo(token, wanted) {
  choose("face-without", wanted.face === "bonus" ? "bonus" : "asked");
  part("confirm-required").hidden = wanted.person !== "required";
  try {
    let photo = null;
    if (wanted.face !== "off") photo = (await (await import("./photo.js")).proveFace())?.photo ?? null;
    await add(token, photo, (text) => (wanted.confirms ? confirmed(text, wanted) : null));
  } catch (error) {
    if (whyNotKept(error) === "storage_full") part("no-room").hidden = false;
    await addNothing(token).catch(() => {}); // it is held for some minutes only
  }
}

async function keep(token) {
  say("busy");
  const { problem, wanted } = await keepCode(token).catch((error) => ({ problem: whyNotKept(error) }));
  if (wanted) await addTo(token, wanted);
  say(problem || "kept");
  await send();
}

// --- What is scanned ---------------------------------------------------------------------------

let lastRapid = "";

async function answerRapid(token) {
  if (token === lastRapid) return;
  lastRapid = token;
  const state = await (await fetch(root.dataset.state, { cache: "no-store" })).json();
  root.querySelector("[name=csrfmiddlewaretoken]").value = state.csrf;
  await post(root.dataset.rapid, { token }).catch(() => {});
}

async function seen(scanned) {
  const token = tokenOf(scanned);
  viewfinder.say(token ? "" : "not_a_code");
  if (!token) return false;
  if (token.startsWith("B.")) {
    answerRapid(token);
    return false;
  }
  viewfinder.stop();
  // Online this is the link; without network the worker answers with this page, which keeps it.
  location.assign(`/C/${token}`);
  return true;
}

async function run() {
  navigator.serviceWorker?.register(root.dataset.worker, { scope: "/" }).catch(() => {});
  addEventListener("online", send);
  button("send").addEventListener("click", send);
  const token = /^\/c\/([^/]+)$/i.exec(location.pathname)?.[1].toUpperCase() ?? "";
  if (token && token !== "SCAN") return keep(token);
  show("scan");
  viewfinder.start(seen);
  return send();
}

run();
