/** Reads codes with the phone's camera: by the browser's own detector, else by the vendored one. */

const SIDE = 1000; // pixels of a picture that the vendored decoder looks at
const SHARES = [1, 1 / 2, 1 / 3]; // of its width and height that are looked at in turn
const EVERY_MS = 80;
const IDEAL = { width: { ideal: 1920 }, height: { ideal: 1080 } };

/** Why there is no picture, as a name of a text. */
function problem(error) {
  if (!window.isSecureContext) return "camera_insecure";
  if (error.name === "NotAllowedError" || error.name === "SecurityError") return "camera_refused";
  if (error.name === "NotReadableError" || error.name === "AbortError") return "camera_in_use";
  return "camera_none";
}

async function ownDetector() {
  try {
    const formats = (await globalThis.BarcodeDetector?.getSupportedFormats()) ?? [];
    if (!formats.includes("qr_code")) return null;
    const detector = new BarcodeDetector({ formats: ["qr_code"] });
    return async (source) => (await detector.detect(source))[0]?.rawValue ?? "";
  } catch {
    return null;
  }
}

/**
 * Looks at the whole picture, then at ever smaller parts of its middle, enlarged: a code seen from the last row is small, and stands where the person points the camera.
 */
async function vendoredDetector() {
  const { decodeQR } = await import("../../../vendor/qr/decode.js");
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  let turn = 0;
  return async (source) => {
    const width = source.videoWidth ?? source.width;
    const height = source.videoHeight ?? source.height;
    const share = SHARES[turn++ % SHARES.length];
    const [w, h] = [width * share, height * share];
    const scale = Math.min(2, SIDE / Math.max(w, h));
    canvas.width = Math.round(w * scale);
    canvas.height = Math.round(h * scale);
    const { width: cw, height: ch } = canvas;
    context.drawImage(source, (width - w) / 2, (height - h) / 2, w, h, 0, 0, cw, ch);
    try {
      return decodeQR(context.getImageData(0, 0, cw, ch));
    } catch {
      return ""; // no code in it
    }
  };
}

/** A function from a picture to the text of the code in it, or "". */
export const detector = async () => (await ownDetector()) ?? vendoredDetector();

export class Scanner {
  #stream = null;
  #run = 0;

  constructor(video) {
    this.video = video;
  }

  /** "" when it runs, else the name of what went wrong. Without `camera` the one at the back. */
  async open(camera) {
    this.close();
    try {
      const chosen = camera ? { deviceId: { exact: camera } } : { facingMode: "environment" };
      const video = { ...chosen, ...IDEAL };
      this.#stream = await navigator.mediaDevices.getUserMedia({ audio: false, video });
      this.video.srcObject = this.#stream;
      await this.video.play();
      return "";
    } catch (error) {
      this.close();
      return problem(error);
    }
  }

  get isOpen() {
    return this.#stream !== null;
  }

  /** The cameras by name, with the one in use: [{id, name, used}]. */
  async cameras() {
    const devices = await navigator.mediaDevices.enumerateDevices();
    const used = this.#track?.getSettings().deviceId;
    const cameras = devices.filter((one) => one.kind === "videoinput");
    return cameras.map(({ deviceId: id, label: name }) => ({ id, name, used: id === used }));
  }

  get #track() {
    return this.#stream?.getVideoTracks()[0];
  }

  get hasTorch() {
    return Boolean(this.#track?.getCapabilities?.().torch);
  }

  setTorch(torch) {
    return this.#track?.applyConstraints({ advanced: [{ torch }] }).catch(() => {});
  }

  /** Calls `seen` with each text until it says true, or the camera is closed. */
  async read(seen) {
    const run = ++this.#run;
    const detect = await detector();
    while (this.#run === run && this.isOpen) {
      const text = this.video.videoWidth ? await detect(this.video).catch(() => "") : "";
      if (this.#run !== run) return;
      if (text && (await seen(text))) return;
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  }

  close() {
    this.#run += 1;
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    this.video.srcObject = null;
  }
}

/** The token of a scanned text, link or bare, in upper case; "" where it is something else. */
export function tokenOf(text) {
  const link = /^https?:\/\/[^/?#\s]+\/c\/([^/?#\s]+)/i.exec(text.trim());
  const token = (link ? link[1] : text.trim()).toUpperCase();
  return /^[BC](\.[0-9A-Z]+){4}$/.test(token) ? token : "";
}
