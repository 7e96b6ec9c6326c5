/**
 * On "My devices": whether this very browser is the bound device, which only it knows, and whether
 * it has promised to keep the key.
 */

import { choose } from "./dom.js";
import { hashOf, load } from "./key.js";

const root = document.querySelector("[data-own-device]");

async function stateOf() {
  const key = await load().catch(() => null);
  if (!key || (await hashOf(key)) !== root.dataset.ownDevice) return "elsewhere";
  const kept = await navigator.storage?.persisted?.().catch(() => false);
  return kept ? "kept" : "here";
}

stateOf().then((state) => {
  choose("when", state, root);
  root.hidden = false;
});
