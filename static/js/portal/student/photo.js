/** A photo of the face, as the check-in asks for it, with a network and without. */

import { Camera } from "./camera.js";
import { button, part, press, show, text } from "./dom.js";

/** A photo, or null for the way without one. `hint`: what was wrong with the one before. */
export async function proveFace(hint = "") {
  const camera = new Camera(part("video"));
  const closing = () => camera.close();
  addEventListener("pagehide", closing, { once: true });
  part("face-hint").textContent = hint;
  show("face");
  try {
    for (;;) {
      const problem = await camera.open();
      part("face-problem").textContent = problem ? text(`camera_${problem}`) : "";
      button("shoot").textContent = text(problem ? "camera_again" : "shoot");
      const pressed = await press("shoot", "skip-face");
      if (pressed === "skip-face") return null;
      const photo = problem ? null : await camera.shoot();
      if (photo) return photo;
    }
  } finally {
    camera.close();
    removeEventListener("pagehide", closing);
  }
}
