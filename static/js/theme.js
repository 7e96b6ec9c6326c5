/* Light or dark. Runs in <head> before the first paint, so it is no module and is not deferred.
 * The choice is kept in localStorage only while it differs from the system's. */
(() => {
  "use strict";

  const KEY = "campus-theme";
  const system = window.matchMedia("(prefers-color-scheme: dark)");

  const systemTheme = () => (system.matches ? "dark" : "light");

  const storedTheme = () => {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null; // storage may be forbidden; the system's choice then rules
    }
  };

  const store = (theme) => {
    try {
      if (theme === systemTheme()) localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, theme);
    } catch {
      // the choice then lasts for this page
    }
  };

  const apply = (theme) => {
    document.documentElement.dataset.bsTheme = theme;
  };

  const current = () => storedTheme() ?? systemTheme();

  apply(current());
  system.addEventListener("change", () => apply(current()));
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-toggle]")) return;
    const next = document.documentElement.dataset.bsTheme === "dark" ? "light" : "dark";
    store(next);
    apply(next);
  });
})();
