/**
 * "Notify me in this browser": a Web Push subscription that the server is told of.
 *
 * [data-push] holds the server's key, the worker's and the API's addresses, and the SHA-256 of the
 * endpoint that is registered. Of its [data-when] parts the one for the present state is shown:
 * unsupported, off, on, blocked (by the person or the browser), failed.
 */

const root = document.querySelector("[data-push]");

function show(state) {
  root.dataset.state = state;
  for (const part of root.querySelectorAll("[data-when]")) {
    part.hidden = part.dataset.when !== state;
  }
}

function isSupported() {
  return "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;
}

function bytesOf(base64url) {
  const base64 = base64url.replaceAll("-", "+").replaceAll("_", "/");
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

async function fingerprint(text) {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function tell(method, url, body) {
  const response = await fetch(url, {
    method,
    headers: { "Content-Type": "application/json", "X-CSRFToken": root.dataset.csrf },
    body: body && JSON.stringify(body),
  });
  // Nothing to forget is as good as forgotten.
  if (!response.ok && !(method === "DELETE" && response.status === 404)) {
    throw new Error(`the server answered ${response.status}`);
  }
}

async function subscription() {
  const registration = await navigator.serviceWorker.getRegistration("/");
  return registration?.pushManager.getSubscription();
}

/** What is true now: this browser counts only while its address is the one that is registered. */
async function look() {
  if (!isSupported()) return "unsupported";
  if (Notification.permission === "denied") return "blocked";
  const found = await subscription();
  return found && (await fingerprint(found.endpoint)) === root.dataset.known ? "on" : "off";
}

async function turnOn() {
  const permission = await Notification.requestPermission();
  if (permission !== "granted") return permission === "denied" ? "blocked" : "off";
  await navigator.serviceWorker.register(root.dataset.worker, { scope: "/" });
  const registration = await navigator.serviceWorker.ready;
  // An older subscription may be bound to another key of the server.
  await (await registration.pushManager.getSubscription())?.unsubscribe();
  const made = await registration.pushManager.subscribe({
    userVisibleOnly: true,
    applicationServerKey: bytesOf(root.dataset.key),
  });
  const { endpoint, keys } = made.toJSON();
  try {
    await tell("POST", root.dataset.url, { device_type: "web", token: endpoint, keys });
  } catch (error) {
    await made.unsubscribe();
    throw error;
  }
  root.dataset.known = await fingerprint(endpoint);
  return "on";
}

async function turnOff() {
  await tell("DELETE", `${root.dataset.url}/web`);
  await (await subscription())?.unsubscribe();
  root.dataset.known = "";
  return "off";
}

async function showAfter(step) {
  try {
    show(await step());
  } catch {
    show("failed");
  }
}

async function onClick(event) {
  const button = event.target.closest("button");
  if (!button) return;
  button.disabled = true;
  await showAfter("pushOff" in button.dataset ? turnOff : turnOn);
  button.disabled = false;
}

if (root) {
  root.addEventListener("click", onClick);
  showAfter(look);
}
