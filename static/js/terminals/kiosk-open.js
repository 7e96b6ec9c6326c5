/**
 * The link that opens the kiosk of a room has its code behind a #: no server and no log sees it
 * there. It is moved into the form, out of the address and of this tab's history.
 */

const input = document.querySelector("[data-opening] input[name=code]");

function take() {
  const code = decodeURIComponent(location.hash.slice(1));
  if (!code) return;
  input.value = code;
  history.replaceState(null, "", location.pathname);
}

window.addEventListener("hashchange", take);
take();
