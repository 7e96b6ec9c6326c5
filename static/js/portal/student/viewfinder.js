/** The scanner as people see it: picture, light, choice of the camera, and what is wrong. */

import { Scanner } from "./scanner.js";

const text = (name) =>
  document.getElementById("texts").content.querySelector(`[data-text="${name}"]`).textContent.trim();

export class Viewfinder {
  #seen = () => false;

  constructor(root) {
    this.part = (name) => root.querySelector(`[data-${name}]`);
    this.scanner = new Scanner(this.part("scan-video"));
    this.part("torch").addEventListener("click", () => this.#light());
    this.part("scan-again").addEventListener("click", () => this.start(this.#seen));
    this.part("camera-choice").addEventListener("change", (event) =>
      this.start(this.#seen, event.target.value),
    );
    addEventListener("pagehide", () => this.stop());
  }

  /** Reads until `seen` says true; whether the camera runs. */
  async start(seen, camera) {
    this.#seen = seen;
    const problem = await this.scanner.open(camera);
    this.say(problem);
    this.part("scan-video").parentElement.hidden = Boolean(problem);
    this.part("scan-again").hidden = !problem;
    this.part("torch").hidden = !this.scanner.hasTorch;
    this.part("torch").setAttribute("aria-pressed", "false");
    if (problem) return false;
    await this.#offerCameras();
    this.scanner.read(seen);
    return true;
  }

  say(name) {
    this.part("scan-problem").textContent = name ? text(`scan_${name}`) : "";
  }

  stop() {
    this.scanner.close();
  }

  #light() {
    const on = this.part("torch").getAttribute("aria-pressed") !== "true";
    this.part("torch").setAttribute("aria-pressed", String(on));
    this.scanner.setTorch(on);
  }

  async #offerCameras() {
    const cameras = await this.scanner.cameras();
    this.part("cameras").hidden = cameras.length < 2;
    const options = cameras.map(({ id, name, used }, place) => {
      const words = name || `${text("camera_name")} ${place + 1}`;
      return new Option(words, id, used, used);
    });
    this.part("camera-choice").replaceChildren(...options);
  }
}
