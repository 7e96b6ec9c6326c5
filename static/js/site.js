/**
 * What every page needs: native dialogs opened by attribute, menus that close by themselves, and a
 * browser that hears nothing more once its person has signed out.
 */

function openDialog(id) {
  document.getElementById(id)?.showModal();
}

function closeMenus(except) {
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    if (menu !== except) menu.open = false;
  }
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog-open]");
  if (opener) openDialog(opener.dataset.dialogOpen);
  if (event.target.closest("[data-dialog-close]")) event.target.closest("dialog")?.close();
  closeMenus(event.target.closest("details[data-menu]"));
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = event.target.closest?.("details[data-menu][open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

for (const dialog of document.querySelectorAll("dialog[data-dialog-show]")) dialog.showModal();

const SIGN_OUT_WAITS_MS = 2000;

/** The server notices when it sends the next message: the push service knows the address no more. */
async function endPush() {
  const registration = await navigator.serviceWorker.getRegistration("/");
  await (await registration?.pushManager.getSubscription())?.unsubscribe();
}

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("[data-sign-out]");
  if (!form || !("serviceWorker" in navigator) || form.dataset.pushEnded) return;
  event.preventDefault();
  const late = new Promise((resolve) => setTimeout(resolve, SIGN_OUT_WAITS_MS));
  await Promise.race([endPush().catch(() => {}), late]);
  form.dataset.pushEnded = "yes";
  form.requestSubmit();
});
