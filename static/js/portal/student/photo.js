/** A photo of the face, as the check-in asks for it, with a network and without. */

import { Camera } from "./camera.js";
import { button, part, press, show, text } from "./dom.js";

/** The frames of the turns, between which no button is of use. */
async function framesOf(camera, turns) {
  const buttons = ["shoot", "only-photo", "skip-face"].map(button);
  const were = buttons.map((one) => one.hidden);
  for (const one of buttons) one.hidden = true;
  try {
    return await (await import("./turns.js")).turnsShown(camera, turns);
  } finally {
    for (const [place, one] of buttons.entries()) one.hidden = were[place];
  }
}

/**
 * {photo, frames}, or null for the way without a photo. `hint`: what was wrong with the one before; `turns`: the
 * head turns that are asked for, if any, which a button leaves out; `toAgree`: they are left out until the student
 * has agreed to them.
 */
export async function proveFace({ hint = "", turns = [], toAgree = false } = {}) {
  const camera = new Camera(part("video"));
  const closing = () => camera.close();
  addEventListener("pagehide", closing, { once: true });
  part("face-hint").textContent = hint;
  part("turns-asked").hidden = turns.length === 0;
  part("turns-to-agree").hidden = !toAgree;
  button("only-photo").hidden = turns.length === 0;
  show("face");
  try {
    for (;;) {
      const problem = await camera.open();
      part("face-problem").textContent = problem ? text(`camera_${problem}`) : "";
      button("shoot").textContent = text(problem ? "camera_again" : "shoot");
      const pressed = await press("shoot", "only-photo", "skip-face");
      if (pressed === "skip-face") return null;
      const photo = problem ? null : await camera.shoot();
      if (!photo) continue;
      const asked = pressed === "shoot" && turns.length > 0;
      const frames = asked ? await framesOf(camera, turns) : [];
      if (frames.every(({ image }) => image)) return { photo, frames };
    }
  } finally {
    camera.close();
    removeEventListener("pagehide", closing);
  }
}
