/**
 * Fresh tokens for the forms of a page that is open since before a sign-in. The sign-in may have
 * happened in another tab; tokens are renewed only for the person for whom the page was made.
 */

const ADDRESS = "/form-token";

function pageUser() {
  return document.querySelector("meta[name=campus-user]")?.content ?? "";
}

/** Renews every form's token. Returns whether the person of this page is signed in. */
export async function renewTokens() {
  try {
    const response = await fetch(ADDRESS, { cache: "no-store", redirect: "manual" });
    if (!response.ok) return false;
    const { token, user } = await response.json();
    if (user !== pageUser()) return false;
    for (const input of document.querySelectorAll("input[name=csrfmiddlewaretoken]")) {
      input.value = token;
    }
    return true;
  } catch {
    return false;
  }
}
