/** Forms that a passkey fills in: [data-passkey] is add, add-here, sign-in or answer. */

import { create, get, isSupported } from "../portal/student/passkey.js";

function options() {
  return JSON.parse(document.getElementById("passkey-options").textContent);
}

async function askedOptions(form) {
  const answer = await fetch(form.action, {
    headers: { Accept: "application/json", "X-Requested-With": "XMLHttpRequest" },
  });
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  return (await answer.json()).request_options.publicKey;
}

/** Adds one from any page. Where the server wants the password first, its own page goes on. */
async function addHere(form) {
  const answer = await fetch(form.action, {
    headers: { Accept: "application/json", "X-Requested-With": "XMLHttpRequest" },
  });
  const isOptions = answer.headers.get("Content-Type")?.startsWith("application/json");
  if (!answer.ok || !isOptions) {
    location.assign(`${form.action}?next=${encodeURIComponent(form.elements.next.value)}`);
    return new Promise(() => {});
  }
  return create((await answer.json()).creation_options.publicKey);
}

const WAYS = {
  "add-here": addHere,
  add: () => create(options().creation_options.publicKey),
  answer: () => get(options().request_options.publicKey),
  "sign-in": async (form) => get(await askedOptions(form)),
};

async function fill(form) {
  const problem = form.querySelector("[data-passkey-problem]");
  const button = form.querySelector("button[type=submit]");
  problem.hidden = true;
  button.disabled = true;
  try {
    const answered = await WAYS[form.dataset.passkey](form);
    form.querySelector("[name=credential]").value = JSON.stringify(answered);
    form.submit();
  } catch (error) {
    problem.textContent = problem.dataset[error.code] ?? problem.dataset.failed;
    problem.hidden = false;
    button.disabled = false;
  }
}

for (const form of document.querySelectorAll("[data-passkey]")) {
  form.hidden = !isSupported() && form.dataset.passkey !== "add";
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    fill(form);
  });
}
