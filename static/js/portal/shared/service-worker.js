/** Shows messages while no page is open, and leads to them. Served as /sw.js; it keeps nothing. */

const INBOX = "/messages/";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

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
