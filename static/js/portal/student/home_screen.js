/**
 * Offers to put the site on the home screen, where that matters and is not done yet.
 *
 * [data-home-screen] holds parts for two kinds of browser: "offered", where the browser asks by
 * itself (`beforeinstallprompt`), and "safari", where only words help; the check-in has the second
 * alone. "Not now" is remembered.
 */

const KEY = "campus-home-screen";
const root = document.querySelector("[data-home-screen]");

function isDismissed() {
  try {
    return localStorage.getItem(KEY) !== null;
  } catch {
    return false; // storage may be forbidden: then it is offered again
  }
}

function dismiss() {
  root.hidden = true;
  try {
    localStorage.setItem(KEY, "dismissed");
  } catch {
    // asked again at the next visit
  }
}

function isInstalled() {
  return navigator.standalone === true || matchMedia("(display-mode: standalone)").matches;
}

/** Browsers of iPhones and iPads: an iPad says it is a Mac, but Macs have no touch screen. */
function isAppleMobile() {
  const { userAgent, maxTouchPoints } = navigator;
  return /iPhone|iPad/.test(userAgent) || (/Macintosh/.test(userAgent) && maxTouchPoints > 1);
}

function show(kind) {
  for (const part of root.querySelectorAll("[data-when]")) part.hidden = part.dataset.when !== kind;
  root.hidden = false;
}

if (root && !isInstalled() && !isDismissed()) {
  if (isAppleMobile()) show("safari");
  const install = root.querySelector("[data-install]");
  window.addEventListener("beforeinstallprompt", (event) => {
    if (!install) return;
    event.preventDefault();
    install.onclick = async () => {
      await event.prompt();
      dismiss();
    };
    show("offered");
  });
  root.querySelector("[data-dismiss]").addEventListener("click", dismiss);
}
