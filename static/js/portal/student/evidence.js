/** The signed evidence. Its nonce is made once: sent again, it is the same check-in. */

import { browserName, sha256, sign } from "./key.js";

const FACT = 100; // characters that the server takes of each

/** What the findings about browsers compare. */
export const deviceFacts = () => ({
  client: "web",
  browser: browserName(),
  agent: navigator.userAgent.slice(0, FACT),
  screen: `${screen.width}x${screen.height}@${devicePixelRatio}`,
});

const named = async ({ image, turn, at }) => ({
  sha256: await sha256(await image.arrayBuffer()),
  turn,
  at_ms: at,
});

/**
 * A body for `check-in`: {ticket, location, photo, frames} signed by the browser's key, by the passkey that
 * `confirm` asks (null: it was not to be had), or by both.
 */
export async function signedEvidence(key, confirm, { ticket, location, photo, frames = [] }) {
  const evidence = {
    ticket,
    nonce: crypto.randomUUID(),
    device_info: deviceFacts(),
  };
  if (location) evidence.location = location;
  if (photo) evidence.selfie_sha256 = await sha256(await photo.arrayBuffer());
  if (frames.length) evidence.frames = await Promise.all(frames.map(named));
  const text = JSON.stringify(evidence);
  const body = { evidence: text };
  const assertion = confirm && (await confirm(text));
  if (assertion) body.assertion = assertion;
  if (key) body.signature = await sign(key, text);
  if (!photo) return body;
  const form = new FormData();
  form.set("evidence", text);
  if (assertion) form.set("assertion", JSON.stringify(assertion));
  if (key) form.set("signature", body.signature);
  form.set("selfie", photo, "selfie.jpg");
  for (const { image } of frames) form.append("frames", image, "frame.jpg");
  return form;
}
