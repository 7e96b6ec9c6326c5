/** Offers a passkey to those who have none; "Not now" is remembered. */

import { button, part } from "./dom.js";
import { canKeep } from "./passkey.js";

const KEY = "campus-passkey-offer";

function isDismissed() {
  try {
    return localStorage.getItem(KEY) !== null;
  } catch {
    return false; // storage may be forbidden: then it is offered again
  }
}

/** Whether it is offered. */
export async function offerPasskey() {
  const offer = part("offer-passkey");
  if (isDismissed() || !(await canKeep())) return false;
  button("no-passkey").addEventListener("click", () => {
    offer.hidden = true;
    try {
      localStorage.setItem(KEY, "dismissed");
    } catch {
      // offered again at the next binding
    }
  });
  offer.hidden = false;
  return true;
}
