/**
 * Beside the check-in and on the home page: the service worker, what was kept without network, and,
 * once the answer is shown, the rapid-code challenge. Nothing of it delays the check-in.
 */

import "./kept-queue.js";

const WAITING = new Set(["accepted", "late", "pending", "waiting"]);

/** What this class asks for, so that a code without network can be answered in full too. */
async function rememberAsked(session) {
  const facts = JSON.parse(document.getElementById("facts").textContent);
  const { face, person, passkey } = facts.sessions.find((one) => one.id === Number(session));
  const credentials = facts.passkeys.map((one) => one.id);
  await self.campusKept.remember(facts.student, { face, person, passkey, credentials });
}

async function settleIn() {
  await navigator.serviceWorker?.register("/sw.js", { scope: "/" }).catch(() => {});
  if (await self.campusKept.hasWaiting().catch(() => false)) await self.campusKept.send();
}

/** The session of the answer that is shown, of a student whom a challenge expects. */
function checkedIn(result) {
  if (result.hidden || !WAITING.has(result.dataset.outcome)) return null;
  return result.querySelector("[data-of-session]:not([hidden])")?.dataset.ofSession ?? null;
}

function watch(result) {
  const observer = new MutationObserver(async () => {
    const session = checkedIn(result);
    if (!session) return;
    observer.disconnect();
    settleIn();
    rememberAsked(session).catch(() => {}); // a browser that keeps nothing
    const { waitForChallenge } = await import("./challenge.js");
    waitForChallenge(session);
  });
  observer.observe(result, { attributes: true, attributeFilter: ["hidden", "data-outcome"] });
}

const result = document.querySelector('[data-screen="result"]');
if (result) watch(result);
else settleIn();
