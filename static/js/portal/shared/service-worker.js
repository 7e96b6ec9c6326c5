/**
 * Shows messages while no page is open and leads to them; answers the links of codes without
 * network, and sends what was kept then. Served as /sw.js, behind a line that sets `self.SHELL`.
 *
 * Its cache holds the page of the scanner and that page's files. Nothing in there knows a person.
 */

const INBOX = "/messages/";
const { SHELL } = self;
const CACHE = `campus-shell-${SHELL.version}`;
const CODE = /^\/c(\/[^/]*)?$/i;
const PATIENCE_MS = 6000; // a network that is there in name only

importScripts(SHELL.queue);

async function fill() {
  const cache = await caches.open(CACHE);
  await cache.addAll([...SHELL.files, SHELL.page].map((url) => new Request(url, { cache: "reload" })));
}

async function forgetOlder() {
  const names = await caches.keys();
  const older = names.filter((name) => name.startsWith("campus-shell-") && name !== CACHE);
  await Promise.all(older.map((name) => caches.delete(name)));
  await self.clients.claim();
}

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(fill());
});
self.addEventListener("activate", (event) => event.waitUntil(forgetOlder()));

// --- Without network ---------------------------------------------------------------------------

function late() {
  return new Promise((_resolve, reject) => setTimeout(() => reject(new Error("late")), PATIENCE_MS));
}

/** What the network says, else what was kept under this name. */
async function networkFirst(request, name) {
  try {
    const answer = await Promise.race([fetch(request), late()]);
    // In the language that was chosen since.
    if (answer.ok && new URL(request.url).pathname === SHELL.page) {
      await (await caches.open(CACHE)).put(SHELL.page, answer.clone());
    }
    return answer;
  } catch (error) {
    const kept = await (await caches.open(CACHE)).match(name, { ignoreVary: true });
    if (kept) return kept;
    throw error;
  }
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== self.location.origin) return;
  if (request.mode === "navigate" && CODE.test(pathname)) {
    event.respondWith(networkFirst(request, SHELL.page));
  } else if (SHELL.files.includes(pathname)) {
    event.respondWith(networkFirst(request, pathname));
  }
});

self.addEventListener("sync", (event) => {
  if (event.tag === self.campusKept.TAG) event.waitUntil(self.campusKept.send({ insist: true }));
});

// --- Messages ----------------------------------------------------------------------------------

/** What the server sent, by `payload_of` of the web push channel; nothing when it is not readable. */
function payload(data) {
  try {
    return data?.json() ?? {};
  } catch {
    return {};
  }
}

self.addEventListener("push", (event) => {
  const { title, body, tag, lang, data } = payload(event.data);
  // A push that shows nothing costs the permission: even an unreadable one says where to look.
  event.waitUntil(self.registration.showNotification(title || "Campus", { body, tag, lang, data }));
});

async function openInbox() {
  const pages = await self.clients.matchAll({ type: "window" });
  const page = pages.find((client) => new URL(client.url).pathname === INBOX);
  if (!page) return self.clients.openWindow(INBOX);
  await page.navigate(INBOX); // the message has arrived since it was loaded
  return page.focus();
}

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(openInbox());
});
