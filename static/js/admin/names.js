// Names for the theme's search fields (select2), which screen readers would otherwise not say; and
// its scrolling parts are no regions: they would all have the same name. So for heads of columns.

(() => {
  function name() {
    for (const box of document.querySelectorAll(".select2-container")) {
      const select = box.previousElementSibling;
      const label = select?.labels?.[0]?.textContent.replace("*", "").trim();
      if (!label) {
        continue;
      }
      for (const part of box.querySelectorAll("[role=combobox], [role=textbox]")) {
        part.setAttribute("aria-label", label);
      }
    }
  }
  function plain() {
    for (const part of document.querySelectorAll(".simplebar-content-wrapper[role=region]")) {
      part.removeAttribute("role");
      part.removeAttribute("aria-label");
    }
  }
  // The column of the boxes that remove a row has no head.
  function head() {
    for (const cell of document.querySelectorAll(".formset-wrapper thead th")) {
      if (!cell.textContent.trim()) {
        const words = document.createElement("span");
        words.className = "unseen";
        words.textContent = window.gettext?.("Delete") ?? "Delete";
        cell.append(words);
      }
    }
  }
  // The times that the clock beside a field offers, in 24 hours; Django's end at 6 p.m. and have none
  // of a teaching day.
  document.addEventListener("DOMContentLoaded", () => {
    if (window.DateTimeShortcuts) {
      const hours = [8, 10, 12, 14, 16, 18].map((hour) => [`${String(hour).padStart(2, "0")}:00`, hour]);
      window.DateTimeShortcuts.clockHours.default_ = [["Now", -1], ...hours];
    }
  });
  // After the theme's own scripts, and for each row that is added to a form.
  window.addEventListener("load", () =>
    setTimeout(() => {
      name();
      plain();
      head();
    }),
  );
  document.addEventListener("formset:added", () => setTimeout(name));
})();
