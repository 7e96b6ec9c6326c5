/** What stops a check-in, in words with the next step; and what the page knows from the server. */

import { Refusal } from "./api.js";
import { button, choose, part, press, root, show } from "./dom.js";

/** What the server has put into the page. */
export const facts = JSON.parse(document.getElementById("facts").textContent);
/** By how many ms the phone's clock is ahead of the server's. */
export const clockOff = Date.now() - facts.now_ms;
const SCAN_AGAIN = new Set(["expired_code", "stamp_expired", "seen_elsewhere", "bad_ticket", "forged_code"]);
const RENAMED = {
  session_not_open: "session_over",
  device_already_bound: "device_bound",
  device_bound_elsewhere: "device_is_anothers",
};
const RETRIED = new Set(["network", "throttled", "storage_full"]);

function nameOf(refusal) {
  if (SCAN_AGAIN.has(refusal.code)) return "scan_again";
  return RENAMED[refusal.code] ?? refusal.code;
}

/** Shows why it does not go on, in words, with the next step. */
export function stop(refusal) {
  const screen = root.querySelector('[data-screen="stop"]');
  const name = nameOf(refusal);
  const known = choose("stop", name, screen);
  if (!known) choose("stop", "other", screen);
  screen.dataset.code = refusal.code;
  const own = known && name !== "scan_again" && name !== "device_bound";
  part("stop-detail").textContent = own ? "" : refusal.detail;
  button("retry").hidden = !RETRIED.has(name) && name !== "other";
  button("here").hidden = name !== "second_tab";
  button("rebind").hidden = name !== "device_bound" || !facts.device || Boolean(facts.device.free_at);
  button("passkey").hidden = name !== "device_bound" || !mayReplace();
  button("sign-in").hidden = name !== "signed_out";
  button("type").hidden = name !== "scan_again";
  if (facts.device) deviceWords(facts.device);
  show("stop");
}

/** Whether a passkey of this student may bind this browser at once. */
export const mayReplace = () => facts.passkeys.some((one) => one.replaces);

function deviceWords(device) {
  part("device-name").textContent = device.name;
  part("device-since").textContent = device.says;
  part("device-free").textContent = device.free_at;
  part("when-free-known").hidden = !device.free_at;
  part("when-free-unknown").hidden = Boolean(device.free_at) || mayReplace();
  part("when-passkey").hidden = !mayReplace();
  part("when-passkey-later").hidden = mayReplace() || !facts.passkeys.length;
  part("passkey-from").textContent = facts.passkeys[0]?.replaces_from ?? "";
}

/** Repeats what a lost network or a limit interrupted, whenever the person presses “Try again”. */
export async function persistently(work, screen = "steps") {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Refusal) || !RETRIED.has(error.code)) throw error;
      stop(error);
      await press("retry");
      show(screen);
    }
  }
}
