/**
 * Polls a session's board: one conditional request a second, and one at the very moment when the
 * shown code runs out. Times are milliseconds of `performance.now()`.
 *
 * Events: "board" (detail: {board, codeExpiresAt: number|null}) when something changed, and
 * "state" (detail: "live" | "lost" | "refused" | "ended").
 */

const INTERVAL_MS = 1000;
const HIDDEN_INTERVAL_MS = 5000; // nobody looks at a hidden tab
const SETTLING_INTERVAL_MS = 5000; // after the end: faces that are still being checked
const RETRY_MS = 250; // the code has run out and the next one is due at any moment
const RETRIES = 8;
const AFTER_EXPIRY_MS = 40; // lets the server's clock pass the edge of the window
const TIMEOUT_MS = 5000;
const BACKOFF_MAX_MS = 10_000;
const FAILURES_UNTIL_LOST = 2;
const REFUSED = new Set([401, 403, 404, 410]);

/** What an answer says whose `counts` and `rows` were left out as unchanged. */
function withoutRows({ version, session, code }) {
  return { version, session, code };
}

export class BoardFeed extends EventTarget {
  #url;
  #etag = null;
  #timer = null;
  #polling = false;
  #failures = 0;
  #retries = 0;
  #codeExpiresAt = null;
  #board = null;
  #state = null;

  constructor(url) {
    super();
    this.#url = url;
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.refresh();
    });
  }

  /** Begins to poll. A board that the page was delivered with is shown first. */
  start(board = null) {
    if (board) this.#accept(board, performance.now());
    this.refresh();
  }

  /** Polls now, whatever the timer says; a poll that is under way is enough. */
  refresh() {
    if (this.#polling || this.#state === "refused") return;
    clearTimeout(this.#timer);
    this.#poll();
  }

  async #poll() {
    this.#polling = true;
    try {
      await this.#request();
      this.#failures = 0;
    } catch {
      this.#failures += 1;
      if (this.#failures >= FAILURES_UNTIL_LOST) this.#setState("lost");
    } finally {
      this.#polling = false;
    }
    const delay = this.#delay();
    if (delay !== null) this.#timer = setTimeout(() => this.#poll(), delay);
  }

  async #request() {
    const headers = { Accept: "application/json" };
    if (this.#etag) headers["If-None-Match"] = this.#etag;
    const sentAt = performance.now();
    const response = await fetch(this.#address(), {
      headers,
      cache: "no-store",
      redirect: "manual",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    // A redirect leads to the sign-in page.
    if (response.type === "opaqueredirect" || REFUSED.has(response.status)) {
      this.#setState("refused");
      return;
    }
    if (response.status !== 304) {
      if (!response.ok) throw new Error(`board answered ${response.status}`);
      const board = await response.json();
      this.#etag = response.headers.get("ETag");
      // The server computed the time left about half a round trip ago.
      this.#accept(board, (sentAt + performance.now()) / 2);
    } else {
      this.#retries += 1;
    }
    this.#setState(this.#isFinal() ? "ended" : "live");
  }

  /** The rows come only when they changed since the version that this page has. */
  #address() {
    if (!this.#board) return this.#url;
    return `${this.#url}?since=${encodeURIComponent(this.#board.version)}`;
  }

  #accept(answer, computedAt) {
    const board = answer.rows === null ? { ...this.#board, ...withoutRows(answer) } : answer;
    this.#board = board;
    this.#retries = 0;
    this.#codeExpiresAt = board.code ? computedAt + board.code.expires_in_ms : null;
    this.dispatchEvent(
      new CustomEvent("board", { detail: { board, codeExpiresAt: this.#codeExpiresAt } }),
    );
  }

  #isFinal() {
    return this.#board !== null && ["completed", "cancelled"].includes(this.#board.session.status);
  }

  #setState(state) {
    if (state === this.#state) return;
    this.#state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }

  /** Milliseconds until the next poll, or null when there will be none. */
  #delay() {
    if (this.#state === "refused") return null;
    if (this.#failures > 0) {
      const backoff = Math.min(INTERVAL_MS * 2 ** (this.#failures - 1), BACKOFF_MAX_MS);
      return backoff * (0.75 + Math.random() / 2); // a hall of pages must not return in step
    }
    if (this.#isFinal()) return this.#board.counts.pending > 0 ? SETTLING_INTERVAL_MS : null;
    if (document.hidden) return HIDDEN_INTERVAL_MS;
    if (this.#codeExpiresAt === null) return INTERVAL_MS;
    const left = this.#codeExpiresAt - performance.now() + AFTER_EXPIRY_MS;
    if (left > 0) return Math.min(INTERVAL_MS, left);
    return this.#retries < RETRIES ? RETRY_MS : INTERVAL_MS;
  }
}
