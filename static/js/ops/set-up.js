/**
 * The set-up page: chooses the browser's time zone where nobody has chosen one yet, leads to the
 * first field with a message, and makes the passkey of who wants to sign in by one.
 */

import { create, isSupported } from "../portal/student/passkey.js";

const form = document.querySelector("[data-set-up]");
const problem = form.querySelector("[data-passkey-problem]");

function showWay() {
  for (const part of form.querySelectorAll("[data-way]")) {
    part.hidden = part.dataset.way !== form.elements.way.value;
  }
}

function guessZone() {
  const zones = form.elements.time_zone;
  const guess = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if ([...zones.options].some((option) => option.value === guess)) {
    zones.value = guess;
  }
}

/** The device shows the name and address beside the passkey; the server does not read them. */
async function makePasskey() {
  const options = JSON.parse(document.getElementById("passkey-options").textContent).publicKey;
  const [name, email] = [form.elements.name.value.trim(), form.elements.email.value.trim()];
  const user = { ...options.user, name: email || "Campus", displayName: name || email || "Campus" };
  const made = await create({ ...options, user });
  form.elements.credential.value = JSON.stringify(made);
}

async function submit(event) {
  if (form.elements.way.value !== "passkey") return;
  event.preventDefault();
  const button = form.querySelector("button[type=submit]");
  problem.hidden = true;
  button.disabled = true;
  try {
    await makePasskey();
    form.submit();
  } catch (error) {
    problem.textContent = problem.dataset[error.code] ?? problem.dataset.failed;
    problem.hidden = false;
    problem.scrollIntoView({ block: "center" });
    button.disabled = false;
  }
}

form.querySelector("[data-ways]").hidden = !isSupported();
if (!isSupported()) form.elements.way.value = "password";
showWay();
form.addEventListener("change", showWay);
form.addEventListener("submit", submit);
if ("sent" in form.dataset) {
  form.querySelector("[aria-invalid=true]")?.focus();
} else {
  guessZone();
}
