// What typical check-ins score under the policy that is being typed, asked of the server.

const WAIT = 250; // ms after the last change

const preview = document.querySelector("[data-policy-preview]");
const form = preview.closest("form");
let timer = 0;
let asked = null;

async function show() {
  asked?.abort();
  const request = new AbortController();
  asked = request;
  try {
    const answer = await fetch(preview.dataset.policyPreview, {
      method: "POST",
      body: new FormData(form),
      headers: { "X-Requested-With": "XMLHttpRequest" },
      signal: request.signal,
    });
    if (!answer.ok || answer.redirected) {
      throw new Error(String(answer.status));
    }
    const text = await answer.text();
    if (asked === request) {
      preview.innerHTML = text;
    }
  } catch (error) {
    if (error.name !== "AbortError") {
      preview.textContent = preview.dataset.failed;
    }
  }
}

function later() {
  clearTimeout(timer);
  timer = setTimeout(show, WAIT);
}

form.addEventListener("input", later);
form.addEventListener("change", later);
show();
