/** What every page needs: native dialogs opened by attribute, and menus that close by themselves. */

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
