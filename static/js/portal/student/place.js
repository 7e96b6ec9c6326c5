/** Where the phone is: asked once with high accuracy, at most eight seconds, never a dead end. */

const PATIENCE_MS = 8000;
const FRESH_MS = 8000; // the server takes fixes of at most ten seconds
const GOOD_M = 30; // good enough not to wait for a better one

function evidence(position) {
  return {
    latitude: position.coords.latitude.toFixed(8),
    longitude: position.coords.longitude.toFixed(8),
    accuracy_m: Math.min(Math.max(position.coords.accuracy, 0.1), 100000),
    age_s: Math.min(Math.max((Date.now() - position.timestamp) / 1000, 0), 86400),
  };
}

/** Listens for the best fix until one is good, the time is over, or it is refused. */
export class Place {
  #best = null;
  #watch = null;
  #error = 0; // the last GeolocationPositionError's code
  #done;

  constructor() {
    this.found = new Promise((resolve) => {
      this.#done = resolve;
    });
    if (!("geolocation" in navigator)) return void this.stop();
    const options = { enableHighAccuracy: true, timeout: PATIENCE_MS, maximumAge: 0 };
    this.#watch = navigator.geolocation.watchPosition(
      (position) => this.#take(position),
      (error) => {
        this.#error = error.code;
        this.#done();
      },
      options,
    );
    setTimeout(() => this.#done(), PATIENCE_MS);
  }

  #take(position) {
    if (this.#best && this.#best.coords.accuracy < position.coords.accuracy && this.#fresh()) return;
    this.#best = position;
    if (position.coords.accuracy <= GOOD_M) this.#done();
  }

  #fresh() {
    return Date.now() - this.#best.timestamp < FRESH_MS;
  }

  stop() {
    if (this.#watch !== null) navigator.geolocation.clearWatch(this.#watch);
    this.#watch = null;
    this.#done();
  }

  /** Why there is none: denied (to this page), off (on the phone) or late. */
  async why() {
    if (this.#error === GeolocationPositionError.POSITION_UNAVAILABLE) return "off";
    if (this.#error !== GeolocationPositionError.PERMISSION_DENIED) return "late";
    const known = await navigator.permissions?.query({ name: "geolocation" }).catch(() => null);
    return known?.state === "granted" ? "off" : "denied"; // allowed here, refused by the phone
  }

  /** What is sent: the best fix, which has been kept fresh; null when there is none. */
  evidence() {
    return this.#best && evidence(this.#best);
  }
}
