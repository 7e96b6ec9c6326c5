/**
 * Sends photos of the class one by one: each is searched while the next one is sent, and all of
 * them together may be larger than one request. Without this the form sends them itself.
 */

const STATE = "photo-state";

async function send(form, file) {
  const body = new FormData();
  body.append("csrfmiddlewaretoken", form.querySelector("[name=csrfmiddlewaretoken]").value);
  body.append("photo", file, file.name);
  return fetch(form.action, { method: "POST", body, headers: { "HX-Request": "true" } });
}

/** What the server answered, in the place of what is shown; or why it could not be sent. */
async function show(response) {
  const text = await response.text();
  const answered = new DOMParser().parseFromString(text, "text/html");
  const state = answered.getElementById(STATE);
  if (state) {
    document.getElementById(STATE).replaceWith(document.adoptNode(state));
    window.htmx.process(state);
    return;
  }
  const notice = answered.querySelector(".notice");
  if (notice) problem(document.adoptNode(notice));
  else failed();
}

function problem(notice) {
  const place = document.querySelector(`#${STATE} [data-problem]`);
  place.replaceChildren(notice);
  place.scrollIntoView({ block: "nearest" });
}

function failed() {
  problem(document.getElementById("photo-failed").content.firstElementChild.cloneNode(true));
}

async function sendAll(form) {
  const button = form.querySelector("[type=submit]");
  const sending = form.querySelector("[data-sending]");
  button.disabled = true;
  sending.hidden = false;
  let response = null;
  try {
    for (const file of form.querySelector("[type=file]").files) {
      response = await send(form, file);
      if (!response.ok) break;
    }
    if (response) await show(response);
  } catch {
    failed();
  }
  button.disabled = false;
  sending.hidden = true;
}

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-photo-form]")) return;
  event.preventDefault();
  sendAll(event.target);
});
