/** Head turns before the camera, as the ticket asks for them: one after the other, in frames. */

import { choose, part, pause } from "./dom.js";

const SIDE = 480; // pixels of the longer side of a frame
const QUALITY = 0.85;
const HALFWAY_MS = 1100; // after a turn is shown
const THERE_MS = 900; // after that

/**
 * The frames of the turns: [{image, turn, at}], `turn` 0 straight ahead, `at` in milliseconds since the first.
 * Each turn is shown as an arrow and told to readers of the screen, and takes two seconds.
 */
export async function turnsShown(camera, turns) {
  const frames = [];
  const began = performance.now();
  const take = async (turn) => {
    const at = Math.round(performance.now() - began);
    frames.push({ image: await camera.shoot(SIDE, QUALITY), turn, at });
  };
  const shown = part("turns");
  shown.removeAttribute("hidden"); // a picture has no property of that name
  try {
    await take(0);
    for (const [place, way] of turns.entries()) {
      shown.dataset.way = way;
      choose("way", way, part("turn-says"));
      await pause(HALFWAY_MS);
      await take(place + 1);
      await pause(THERE_MS);
      await take(place + 1);
    }
    return frames;
  } finally {
    shown.setAttribute("hidden", "");
    choose("way", "", part("turn-says"));
  }
}
