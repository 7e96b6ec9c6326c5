/** What a passkey does in a check-in: sign the evidence, or bind this browser in place of another. */

import { post } from "./api.js";
import { ask, button, part, press, step } from "./dom.js";
import { binding, publicKey } from "./key.js";
import { PasskeyProblem, assertionOf, get, sign } from "./passkey.js";

/** What went wrong with a passkey, in the page's words; null for anything else. */
export function problemWords(error) {
  if (!(error instanceof PasskeyProblem)) return null;
  const { dataset } = part("passkey-problem");
  return dataset[error.code] ?? dataset.failed;
}

/**
 * The assertion over the evidence, or null for the way without one, which `needed` closes.
 *
 * Asked at once; a second time at the press of a button, which some browsers insist on, and without
 * the phone's own check of its user where that is not required: there are passkeys that have none.
 */
export async function confirmed(evidence, { credentials, person, needed }) {
  let verification = person === "required" ? "required" : "preferred";
  step("passkey", "busy");
  for (;;) {
    try {
      const assertion = await sign(evidence, { credentials, verification });
      step("passkey", "done");
      return assertion;
    } catch (error) {
      const words = problemWords(error);
      if (words === null) throw error;
      part("confirm-problem").textContent = words;
      part("confirm-required").hidden = person !== "required" || needed;
      if (person !== "required") verification = "discouraged";
      button("without-passkey").hidden = needed;
      ask("passkey");
      const pressed = await press("passkey-again", "without-passkey");
      ask(null);
      if (pressed === "passkey-again") continue;
      step("passkey", "unknown");
      return null;
    }
  }
}

/** Binds the key at once by a passkey that is old enough; `url` is that of the device. */
export async function replaced(key, url) {
  const known = { device_uuid: key.uuid, public_key: await publicKey(key) };
  const challenge = await post(`${url}/passkey-challenge`, known);
  const assertion = assertionOf(await get(challenge.request_options));
  return post(`${url}/passkey`, { ...(await binding(key, challenge)), assertion });
}
