/** Requests to our own server, with the browser's sign-in. All of them may be repeated. */

import { pause, root } from "./dom.js";

const PAUSES_MS = [1000, 3000]; // before the second and the third try
const PATIENCE_MS = 20000;

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

async function patiently(url, options) {
  for (const wait of PAUSES_MS) {
    try {
      const answer = await once(url, options);
      if (answer.status < 500) return answer;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
    }
    await pause(wait);
  }
  return once(url, options);
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
