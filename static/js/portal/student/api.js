/** Requests to our own server, with the browser's sign-in. All of them may be repeated. */

import { pause, root } from "./dom.js";

const PAUSES_MS = [1000, 3000]; // before the second and the third try
const PATIENCE_MS = 20000;
const BUSY_MS = 60000; // a ticket is good for 90 seconds, a stamp for three minutes

/** What the server said no with; `code` "network" when it said nothing. */
export class Refusal extends Error {
  constructor(code, detail = "", status = 0) {
    super(detail);
    this.code = code;
    this.detail = detail;
    this.status = status;
  }
}

async function once(url, options) {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), PATIENCE_MS);
  try {
    return await fetch(url, {
      credentials: "same-origin",
      cache: "no-store",
      redirect: "error",
      signal: late.signal,
      ...options,
    });
  } catch {
    throw new Refusal("network");
  } finally {
    clearTimeout(timer);
  }
}

/** Milliseconds after which a server that serves others first wants to be asked again; else 0. */
async function busyFor(answer) {
  if (answer.status !== 503) return 0;
  const body = await answer.clone().json().catch(() => ({}));
  const seconds = Number(answer.headers.get("Retry-After")) || 0;
  return body.errors?.[0]?.code === "busy" ? seconds * 1000 : 0;
}

async function patiently(url, options) {
  const until = Date.now() + BUSY_MS;
  for (let tries = 1; ; tries += 1) {
    const last = tries > PAUSES_MS.length;
    try {
      const answer = await once(url, options);
      const busy = await busyFor(answer);
      if (busy && Date.now() < until) {
        await pause(busy * (1 + Math.random())); // a hall of pages must not return in step
        tries -= 1;
        continue;
      }
      if (answer.status < 500 || last) return answer;
    } catch (error) {
      if (last || !(error instanceof Refusal)) throw error;
    }
    await pause(PAUSES_MS[tries - 1]);
  }
}

async function read(answer) {
  const body = await answer.json().catch(() => ({}));
  if (answer.ok) return body;
  const error = body.errors?.[0] ?? {};
  if (answer.status >= 500) throw new Refusal("network", error.detail, answer.status);
  if (answer.status === 401) throw new Refusal("signed_out", error.detail, answer.status);
  throw new Refusal(error.code ?? "other", error.detail, answer.status);
}

export async function post(url, body) {
  const form = body instanceof FormData;
  const headers = { "X-CSRFToken": root.querySelector("[name=csrfmiddlewaretoken]").value };
  if (!form && body !== undefined) headers["Content-Type"] = "application/json";
  const sent = form || body === undefined ? body : JSON.stringify(body);
  return read(await patiently(url, { method: "POST", headers, body: sent }));
}

export async function get(url) {
  return read(await patiently(url, {}));
}
