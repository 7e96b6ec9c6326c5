/**
 * What every page needs: native dialogs opened by attribute, menus that close by themselves, forms
 * that are sent once and say when they were not saved, and a browser that hears nothing more once
 * its person has signed out.
 */

import { renewTokens } from "./form-token.js";

function openDialog(id) {
  document.getElementById(id)?.showModal();
}

function closeMenus(except) {
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    if (menu !== except) menu.open = false;
  }
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog-open]");
  if (opener) openDialog(opener.dataset.dialogOpen);
  if (event.target.closest("[data-dialog-close]")) event.target.closest("dialog")?.close();
  closeMenus(event.target.closest("details[data-menu]"));
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = event.target.closest?.("details[data-menu][open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

for (const dialog of document.querySelectorAll("dialog[data-dialog-show]")) dialog.showModal();

// --- Forms --------------------------------------------------------------------------------------

const SENT_AGAIN_AFTER_MS = 5000; // the page is still here: the answer never came

/** The second press of a double click is not sent. htmx guards its own forms. */
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post" || form.matches("[data-sign-out]")) return;
  if (form.dataset.sending) {
    event.preventDefault();
    return;
  }
  form.dataset.sending = "yes";
  setTimeout(() => delete form.dataset.sending, SENT_AGAIN_AFTER_MS);
});

/** Back from the next page: what was sent may be sent again. */
window.addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const form of document.querySelectorAll("form[data-sending]")) delete form.dataset.sending;
});

let wasRefused = false; // a form was not saved: signed out, or open since before a sign-in

document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const why = detail.xhr.getResponseHeader("X-Not-Saved");
  if (!why) return;
  detail.shouldSwap = true;
  wasRefused = true;
  if (why === "stale") renewTokens();
});

/** Somebody who signed in in another tab comes back to a page that works. */
document.addEventListener("visibilitychange", async () => {
  if (!document.hidden && wasRefused) wasRefused = !(await renewTokens());
});

const SIGN_OUT_WAITS_MS = 2000;

/** The server notices when it sends the next message: the push service knows the address no more. */
async function endPush() {
  const registration = await navigator.serviceWorker.getRegistration("/");
  await (await registration?.pushManager.getSubscription())?.unsubscribe();
}

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("[data-sign-out]");
  if (!form || !("serviceWorker" in navigator) || form.dataset.pushEnded) return;
  event.preventDefault();
  const late = new Promise((resolve) => setTimeout(resolve, SIGN_OUT_WAITS_MS));
  await Promise.race([endPush().catch(() => {}), late]);
  form.dataset.pushEnded = "yes";
  form.requestSubmit();
});
