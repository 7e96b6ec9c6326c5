/** The phone's own camera in a page: photos of the face, for check-ins and for enrolment. */

const SIDE = 960; // pixels of the longer side that is sent: the server keeps at most 1024
const QUALITY = 0.9;

/** Why there is no picture: insecure, refused, in_use or none. */
function problem(error) {
  if (!window.isSecureContext) return "insecure";
  if (error.name === "NotAllowedError" || error.name === "SecurityError") return "refused";
  if (error.name === "NotReadableError" || error.name === "AbortError") return "in_use";
  return "none";
}

export class Camera {
  #stream = null;

  /** `onEnded` is called when another app has taken it, or the permission has gone. */
  constructor(video, onEnded = () => {}) {
    this.video = video;
    this.onEnded = onEnded;
  }

  get isOn() {
    return this.#stream !== null;
  }

  /** "" when it runs, else the name of what went wrong. */
  async open() {
    if (this.#stream) return "";
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia({
        audio: false,
        video: { facingMode: "user", width: { ideal: 1280 }, height: { ideal: 960 } },
      });
      for (const track of this.#stream.getTracks()) {
        track.addEventListener("ended", () => this.#ended());
      }
      this.video.srcObject = this.#stream;
      await this.video.play();
      return "";
    } catch (error) {
      this.close();
      return problem(error);
    }
  }

  #ended() {
    this.close();
    this.onEnded();
  }

  /** A JPEG of what it sees, not mirrored. Taken anew: one that was sent before is refused. */
  shoot(side = SIDE, quality = QUALITY) {
    const { videoWidth, videoHeight } = this.video;
    const canvas = document.createElement("canvas");
    const scale = Math.min(1, side / Math.max(videoWidth, videoHeight, 1));
    canvas.width = Math.round(videoWidth * scale);
    canvas.height = Math.round(videoHeight * scale);
    canvas.getContext("2d").drawImage(this.video, 0, 0, canvas.width, canvas.height);
    return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", quality));
  }

  close() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    this.video.srcObject = null;
  }
}
